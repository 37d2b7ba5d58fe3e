"""The planned connector: one source of settings for both languages, and no secret in it."""

import re
from pathlib import Path

import pytest

from connectors import plan
from data_embassy.config import Broker, Metrics, PasswordFile, Postgres, Register, Site, Source
from data_embassy.errors import ConfigError
from data_embassy.postgres import PINNED_SETTINGS

JAVA = Path(plan.__file__).parent / "capture/src/main/java/dataembassy/capture/CaptureSettings.java"


def make_site(folder: Path, *, role: str = "home") -> Site:
    (folder / "capture").write_text("hunter2")
    (folder / "capture").chmod(0o600)
    access = Postgres(
        host="db", port=5433, database="people", user="who", password=PasswordFile(path=folder / "capture")
    )
    source = Source(capture=access, pulse=access, slot="the_slot", publication="the_publication")
    register = Register(name="population", lane="0123456789abcdef", tier=1, source=source)
    return Site(
        role="home" if role == "home" else "embassy", name=role, folder=folder, keys=folder, state=folder,
        kafka=Broker(bootstrap="broker:9092", username=None, password=None, replicas=1),
        connect=None, link=None, postgres=None,
        metrics=Metrics(forward=0, pulse=0, receive=0), registers={"population": register},
    )  # fmt: skip


def test_the_contract_decides_where_is_captured(tmp_path: Path) -> None:
    made = plan.plan(make_site(tmp_path), "population")
    assert made.name == "capture.population"
    assert made.config["topic.prefix"] == "population"
    assert (made.config["slot.name"], made.config["publication.name"]) == ("the_slot", "the_publication")
    assert (made.config["database.hostname"], made.config["database.port"]) == ("db", "5433")
    assert set(made.topics) == {"changes.population", "schemas.population"}


def test_passwords_are_named_and_not_written(tmp_path: Path) -> None:
    config = plan.plan(make_site(tmp_path), "population").config
    assert config["database.password"] == f"${{directory:{tmp_path}:capture}}"
    assert "hunter2" not in str(config)


def test_records_of_the_largest_size_pass_the_producer(tmp_path: Path) -> None:
    config = plan.plan(make_site(tmp_path), "population").config
    assert int(config["producer.override.max.request.size"]) > 64 << 20
    assert int(config["producer.override.buffer.memory"]) > int(config["producer.override.max.request.size"])


def test_the_plugin_insists_on_the_same_settings() -> None:
    pairs = re.findall(r'REQUIRED\.put\("([^"]+)", (?:"([^"]*)"|Shapes\.FILTER)\)', JAVA.read_text())
    in_java = {name: value or plan.REQUIRED["table.include.list"] for name, value in pairs}
    assert in_java == plan.REQUIRED


def test_both_languages_pin_the_same_settings_of_a_session() -> None:
    text = re.sub(r'"\s*\+\s*"', "", JAVA.read_text())
    statements = re.search(r'PINNED_SQL = "([^"]+)"', text)
    assert statements is not None
    pinned = dict(re.findall(r"SET (\w+) = '?([^';]+)'?", statements.group(1)))
    assert pinned == PINNED_SETTINGS


def test_the_embassy_captures_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="only home captures"):
        plan.plan(make_site(tmp_path, role="embassy"), "population")
