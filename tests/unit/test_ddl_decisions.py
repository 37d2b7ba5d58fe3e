"""The log of decisions: signed, chained, bound to exactly one noted change."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from consumers.apply.ddl.decisions import Decision, Pending, Undecided, undecided
from consumers.decisions import DecisionLog
from consumers.refusals import DecisionsDamaged
from data_embassy.keys.kinds import Role
from data_embassy.keys.store import Keyring, init_keys, load_keyring, rotate

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    return init_keys(tmp_path / "keys", role=Role.EMBASSY, site="embassy")


def test_nothing_is_decided_by_itself() -> None:
    assert undecided(1, "d1") is None


def test_what_waits_is_told_without_its_text() -> None:
    stop = Undecided(Pending(id=7, digest="d", tag="ALTER TABLE", text="SELECT 'secret'", reason="the reason"))
    assert stop.cause_class == "DdlNotReplayed"
    assert stop.pending.text == "SELECT 'secret'"
    assert "secret" not in stop.diagnostics()
    assert "--ddl 7" in stop.diagnostics()
    assert "the reason" in str(stop)


def add(log: DecisionLog, number: int, sql: str | None) -> None:
    log.add(ddl=number, digest=f"d{number}", sql=sql, by="clerk", now=NOW)


def test_the_newest_decision_about_exactly_this_change_counts(tmp_path: Path, ring: Keyring) -> None:
    log = DecisionLog(tmp_path, "land", ring)
    assert log.decide(1, "d1") is None
    add(log, 1, None)
    add(log, 2, "SELECT 'ü'")
    add(log, 1, "SELECT 1")
    assert log.decide(1, "d1") == Decision(sql="SELECT 1")
    assert log.decide(2, "d2") == Decision(sql="SELECT 'ü'")
    assert log.decide(2, "another") is None
    assert DecisionLog(tmp_path, "courts", ring).decide(1, "d1") is None
    assert log.read()[0].by == "clerk"


def test_decisions_outlive_a_rotation_of_keys(tmp_path: Path, ring: Keyring) -> None:
    add(DecisionLog(tmp_path, "land", ring), 1, None)
    rotate(tmp_path / "keys")
    newer = DecisionLog(tmp_path, "land", load_keyring(tmp_path / "keys"))
    add(newer, 2, None)
    assert [entry.ddl for entry in newer.read()] == [1, 2]


@pytest.mark.parametrize(
    "how", ["altered", "first line gone", "swapped", "of another register", "not JSON", "unsigned"]
)
def test_an_altered_log_is_refused(tmp_path: Path, ring: Keyring, how: str) -> None:
    log = DecisionLog(tmp_path, "land", ring)
    add(log, 1, None)
    add(log, 2, None)
    path = tmp_path / "decisions" / "land.jsonl"
    first, second = path.read_bytes().splitlines(keepends=True)
    damaged = {
        "altered": first.replace(b'\\"ddl\\": 1', b'\\"ddl\\": 7') + second,
        "first line gone": second,
        "swapped": second + first,
        "not JSON": first + b"x\n",
        "unsigned": json.dumps(json.loads(first) | {"signature": ""}).encode() + b"\n",
        "of another register": first + second,
    }[how]
    path.write_bytes(damaged)
    if how == "of another register":
        path.rename(path.with_name("courts.jsonl"))
        log = DecisionLog(tmp_path, "courts", ring)
    with pytest.raises(DecisionsDamaged):
        log.decide(1, "d1")
