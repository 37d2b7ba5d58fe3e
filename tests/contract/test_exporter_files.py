"""What Java processes show to Prometheus: names in base units, no label but a register's or a topic's, no row data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.local.exporter import BROKER, CONNECT, POM, Exporter, agent_jar, watched

FILES = (BROKER, CONNECT)
TELLTALE = ("LastEvent", "LastTransactionId", "SourceEventPosition", "CapturedTables", "MonitoredTables", "table=")
LABELS = {'{register: "$1"}', '{topic: "$1"}'}


def found(pattern: str, path: Path) -> list[str]:
    return re.findall(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_only_named_beans_are_read_and_no_label_grows(path: Path) -> None:
    assert found(r"^includeObjectNames:$", path)
    assert set(found(r"labels: (.*)$", path)) <= LABELS
    assert not any(found(rf"\b{word}", path) for word in TELLTALE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_rule_gives_one_name_in_base_units(path: Path) -> None:
    names, patterns = found(r"^    name: (.*)$", path), found(r"^  - pattern: '(.*)'$", path)
    kinds = found(r"^    type: (.*)$", path)
    assert len(names) == len(patterns) == len(kinds) == len(set(names))
    for name, kind in zip(names, kinds, strict=True):
        assert re.fullmatch(r"(debezium|kafka_(connect|broker))(_[a-z]+)+", name)
        assert (kind == "COUNTER") == name.endswith("_total")
        assert not re.search(r"_(ms|percent\w*)(_|\Z)", name)
    for pattern in patterns:
        re.compile(pattern)


def test_a_jvm_is_told_its_agent_before_its_class() -> None:
    exporter = Exporter(config=CONNECT, port=7)
    option = f"-javaagent:{agent_jar()}=127.0.0.1:7:{CONNECT}"
    assert watched(["java", "-Xmx1m", "Main"], exporter) == ["java", option, "-Xmx1m", "Main"]
    assert watched(["java", "Main"], None) == ["java", "Main"]
    assert "<version>1.0.1</version>" in POM.read_text(encoding="utf-8")
