"""docs/privileges.md has a line for every right that the scripts give."""

import inspect
import re
from pathlib import Path

import pytest

from connectors.prepare import template
from deploy.local.standbys import make_standby_role

PAGE = (Path(__file__).parents[2] / "docs" / "privileges.md").read_text()
SCRIPT = re.sub(r"--.*$", "", template(), flags=re.MULTILINE)


def given() -> set[str]:
    """Functions, attributes and memberships that the preparation's script gives."""
    found = set()
    for grant in re.findall(r"^GRANT (.*?);", SCRIPT, re.MULTILINE | re.DOTALL):
        found |= set(re.findall(r"data_embassy\.(\w+)", grant)) | set(
            re.findall(r"\bpg_\w+_\w+\b|\bpg_monitor\b", grant)
        )
    for role in re.findall(r"^ALTER ROLE :\"\w+\" (LOGIN .*?);", SCRIPT, re.MULTILINE):
        found |= {word for word in role.split() if not word.startswith("NO") and word != "INHERIT"}
    return found


@pytest.mark.parametrize("right", sorted(given()))
def test_each_right_at_home_has_its_line(right: str):
    assert re.search(rf"`[^`]*\b{right}\b[^`]*`", PAGE), f"docs/privileges.md says nothing of {right}"


@pytest.mark.parametrize("right", ["LOGIN", "CREATEDB", "CREATEROLE", "BYPASSRLS", "session_replication_role",
                                   "pg_signal_backend"])  # fmt: skip
def test_each_right_at_the_embassy_has_its_line(right: str):
    assert right in inspect.getsource(make_standby_role)
    assert re.search(rf"^\| [^|]*`{right}`", PAGE, re.MULTILINE)


def test_the_script_gives_the_standbys_role_nothing_that_the_page_leaves_out():
    source = inspect.getsource(make_standby_role)
    attributes = re.findall(r"ALTER ROLE \{\} ([A-Z ]+?) PASSWORD", source)[0].split()
    granted = re.findall(r"GRANT (?:SET ON PARAMETER )?(\w+) TO", source)
    for right in [*attributes, *granted]:
        assert right.startswith("NO") or f"`{right}`" in PAGE
