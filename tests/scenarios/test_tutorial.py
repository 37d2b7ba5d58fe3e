"""The tutorial, command by command: what a newcomer types works, in the time that it promises."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.machine import checkout
from deploy.local.processes import embassy_script
from deploy.local.registers import prepare
from deploy.local.system import LocalSystem

_BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PROMISED_SECONDS = 600


def script(page: Path) -> str:
    """Every command of a page, each block saying that it begins."""
    blocks = _BLOCK.findall(page.read_text())
    said = [f"echo '--- block {number}'\n{block}" for number, block in enumerate(blocks, 1)]
    return "set -euo pipefail\n" + "\n".join(said).replace(".venv/bin/embassy", str(embassy_script()))


@pytest.fixture
def neighbours(system: LocalSystem) -> Iterator[LocalSystem]:
    """Other registers of the server share both roles: afterwards these have their own passwords again."""
    names = list(system.env()["registers"])
    yield system
    for name in names:
        prepare(system.layout, name)


def test_every_command_of_the_tutorial_works(neighbours, tmp_path):
    system = neighbours
    began = time.monotonic()
    done = subprocess.run(
        ["bash", "-c", script(checkout() / "docs" / "tutorial.md")],
        cwd=checkout(), env=os.environ | {"EMBASSY_LOCAL": str(system.folder), "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        timeout=_PROMISED_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert "bank: equal" in done.stdout or "equal" in done.stdout
    assert "Traceback" not in done.stdout
    assert time.monotonic() - began < _PROMISED_SECONDS
    assert "bank" not in system.env()["registers"]
