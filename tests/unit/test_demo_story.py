"""The demo's line and its last word."""

import datetime as dt
from pathlib import Path

import pytest

from data_embassy.types import Lsn
from deploy.local import demo
from deploy.local.compare import Comparison, TableComparison
from deploy.local.demo import Options, run_demo
from deploy.local.machine import LocalError
from deploy.local.system import LocalSystem
from deploy.local.watch import Sample, summary, text

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def sample(lag: float | None, *, age: float = 0) -> Sample:
    return Sample(pulse_at=NOW - dt.timedelta(seconds=age), lag_seconds=lag, changes_per_second=None, waiting_at_home=7)


def comparison(*, is_equal: bool) -> Comparison:
    table = TableComparison(table="t", rows=3, equal=is_equal, reason=None if is_equal else "differs")
    return Comparison(register="r", position=Lsn(1), tables=(table,))


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.rstrip("\n").rsplit("\n", 1)[-1]


def ends_with(monkeypatch: pytest.MonkeyPatch, outcome: list[Comparison] | Exception) -> bool:
    def run(_: object, **__: object) -> list[Comparison]:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(demo._Demo, "run", run)
    monkeypatch.setattr(LocalSystem, "down", lambda _: None)
    return run_demo(LocalSystem(Path("/nowhere")), Options(is_ended_with_down=True))


def test_equal_registers_are_the_last_word(monkeypatch, capsys):
    assert ends_with(monkeypatch, [comparison(is_equal=True), comparison(is_equal=True)])
    assert last_line(capsys) == "demo: 2 of 2 registers equal at their positions"


def test_difference_fails_the_demo(monkeypatch, capsys):
    assert not ends_with(monkeypatch, [comparison(is_equal=True), comparison(is_equal=False)])
    assert last_line(capsys) == "demo: 1 of 2 registers equal at their positions"


def test_last_line_says_what_failed(monkeypatch, capsys):
    assert not ends_with(monkeypatch, LocalError("the broker does not answer", remedy="look"))
    assert last_line(capsys) == "demo: failed: the broker does not answer"


def test_unforeseen_failure_is_the_last_line_too(monkeypatch, capsys):
    assert not ends_with(monkeypatch, ZeroDivisionError())
    assert last_line(capsys) == "demo: failed: ZeroDivisionError"


def test_small_lag_of_old_news_is_not_level():
    moment = NOW - dt.timedelta(seconds=1)
    assert sample(1.0).is_level_since(moment)
    assert not sample(1.0, age=2).is_level_since(moment)
    assert not sample(3.0).is_level_since(moment)
    assert not sample(None).is_level_since(moment)


def test_what_is_not_known_is_a_dash():
    assert text("r", sample(None)) == "r: lag     -,     - changes/s,     7 waiting"


def test_one_line_tells_of_all_and_names_the_worst():
    line = summary({"land": sample(0.5), "court": sample(2.25), "gazette": sample(None)})
    assert line == (
        "2 standbys  0.5 to  2.2 s behind (most: court), 1 without an answer, - changes/s, 21 waiting at home"
    )
