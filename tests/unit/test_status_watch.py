"""What `embassy status --watch` draws: any width and height, trends that are none of pulses, keys."""

import datetime as dt
import os
import pty
import termios
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_embassy.config import Role
from data_embassy.status import HOPS, Backlog, RegisterStatus, meets
from operations.page.snapshot import SPANS, Past, Sample, Seen, Snapshot
from operations.status import watch
from operations.status.screen import WIDTH_MIN, screen
from operations.status.trail import LENGTH, Trail
from operations.status.watch import Trails, plain

NOON = dt.datetime(2026, 10, 1, 12, tzinfo=dt.UTC)


def after(seconds: float) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


def one(name: str = "land", lag: float | None = 1.0, *, objective: int | None = 10, **also: Any) -> RegisterStatus:
    values: dict[str, Any] = {"state": "live", "tier": 1, "lane": "a", "backlog": Backlog(envelopes=7)} | also
    return RegisterStatus(
        register=name, lag_seconds=lag, objective_seconds=objective, is_objective_met=meets(objective, lag), **values
    )


def drawn(
    *found: RegisterStatus, width: int = 80, height: int = 40, offset: int = 0, age: float = 0.0, role: Role = "embassy"
) -> list[str]:
    snapshot = Snapshot(number=1, site="lisbon", role=role, taken_at=NOON, seen=Seen(registers=found))
    lines = screen(snapshot, {}, now=after(age), width=width, height=height, offset=offset)
    return [line.plain for line in lines]


@given(st.integers(1, 200), st.integers(1, 60), st.integers(0, 99), st.integers(0, 12))
def test_it_fits_any_terminal(width: int, height: int, offset: int, registers: int):
    found = [one(f"register_{n}" * (n % 4 + 1), n * 7.0, hops=dict.fromkeys(HOPS, 1.0)) for n in range(registers)]
    lines = drawn(*found, width=width, height=height, offset=offset)
    assert len(lines) <= height
    assert all(len(line) <= max(WIDTH_MIN, width) for line in lines)


def test_a_lag_that_is_only_bound_fits_as_well():
    silent = one("a_register_with_a_name_that_is_long", 594.0, age_seconds=60.0, is_lag_trusted=False, state="unknown")
    words = drawn(silent, replace(silent, register="land", lag_seconds=5.0, age_seconds=590.0), role="home")
    assert max(map(len, words)) <= 80
    assert any("≤ 9 min 55 s?" in line for line in words)


def test_a_row_has_objective_and_lag_and_what_to_do_below():
    long, short = "embassy x " * 9, "embassy register snapshot court"
    stopped = one("court", 733.0, objective=60, state="stopped", cause="Gapped", reason="lost", remedy=short)
    words = drawn(one(), stopped)
    row = next(line for line in words if line.startswith("court"))
    assert row.split()[:6] == ["court", "stopped", "12", "min", "1", "min"]
    assert f"  -> {short}" in words
    assert f"-> {long.strip()}" in " ".join(" ".join(drawn(one(), replace(stopped, remedy=long))).split())
    assert "  Gapped: lost" in words


def test_what_keeps_every_register_is_said_once():
    away: dict[str, Any] = {"cause": "LinkDown", "remedy": "embassy config show", "state": "unknown"}
    words = drawn(one("land", **away, reason="95 s ago"), one("court", **away, reason="96 s ago", age_seconds=95.0))
    assert sum("LinkDown" in line for line in words) == 1
    assert words.count("  -> embassy config show") == 1
    assert "2 min" in next(line for line in words if line.startswith("court"))


def test_hops_are_those_of_a_register_that_goes_on():
    stopped = one("court", 733.0, state="stopped", hops={"link": 0.3})
    words = drawn(one("land", hops={"link": 0.2, "apply": 0.1}), stopped)
    assert "land: its newest change was 300 ms on its way" in words


def test_the_slowest_hop_of_the_worst_register_is_the_longest_bar():
    words = drawn(one(hops={"link": 0.1}), one("court", 50.0, hops={"capture": 1.0, "link": 42.0}))
    assert any(line.startswith("court: its newest change was 43.0 s on its way") for line in words)
    bars = {line.split()[0]: line.count("━") for line in words if "━" in line}
    assert bars["link"] > bars["capture"] > 0


def test_an_old_look_is_not_shown_as_the_present():
    assert "seen 0 s ago" in drawn(one())[0]
    assert "seen 90 s ago" in drawn(one(), age=90)[0]


def test_what_does_not_fit_is_scrolled_to():
    many = [one(f"register_{n:02d}") for n in range(40)]
    first, last = drawn(*many, height=20), drawn(*many, height=20, offset=999)
    assert any(line.startswith("register_00") for line in first)
    assert any(line.startswith("register_39") for line in last)
    assert "of 41" in first[-1]


def trail(*lags: float | None) -> Trail:
    made = Trail()
    for second, lag in enumerate(lags):
        made.add(after(second), lag)
    return made


def test_pulses_are_no_trend_and_a_cut_link_is():
    assert trail(*([0.5, 1.2] * 20)).trend == "steady"
    assert trail(*([0.5] * 20), *range(1, 10)).trend == "growing"
    assert trail(*range(60, 20, -1)).trend == "shrinking"
    assert trail(1.0, None).trend is None
    assert Trail().trend is None


def test_bars_show_the_worst_of_their_part_gaps_and_the_unknown():
    made = trail(*([1.0] * 300))
    made.add(after(300), 10.0)
    assert made.bars(5, objective=5) == "▁▁▁▁█"
    assert trail(1.0, None).bars(3, objective=5) == "  ·"
    assert made.bars(5, objective=100)[-1] == "▁"


def test_a_trail_is_as_long_as_it_shows_and_begins_anew_when_the_clock_is_set():
    made = trail(*([1.0] * 2000))
    assert len(made._at) <= LENGTH.total_seconds() + 1
    made.add(NOON, 2.0)
    assert len(made._at) == 1


def test_the_embassys_history_comes_before_the_first_look():
    past = Past(
        span=SPANS["hour"], since=NOON, until=after(60),
        samples=tuple(
            Sample(at=after(s), lag_seconds=9.0, hops={}, transactions=None, backlog_envelopes=None, state="live")
            for s in (10, 20, 99)
        ),
    )  # fmt: skip
    trails = Trails()
    first = Snapshot(number=1, site="x", role="embassy", taken_at=after(60), seen=Seen(registers=(one(),)))
    assert trails.follow(first) == ["land"]
    later = Snapshot(
        number=2, site="x", role="embassy", taken_at=after(61), seen=first.seen, pasts={("land", "hour"): past}
    )
    assert trails.follow(later) == trails.follow(later) == []
    assert trails.by_register["land"]._at == [after(10), after(20), after(60), after(61)]


def test_without_a_terminal_there_is_a_line_for_each_register():
    lines = list(plain([one(), one("court", None, state="stopped", cause="Gapped")], "embassy", NOON))
    assert lines == [
        "2026-10-01T12:00:00Z land live lag 1.0 s of 10 s waiting 7 seen - ago",
        "2026-10-01T12:00:00Z court stopped lag - of 10 s waiting 7 seen - ago Gapped",
    ]


def test_keys_come_without_enter_and_the_terminal_is_as_before(monkeypatch: pytest.MonkeyPatch):
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as stdin, os.fdopen(ours, "wb", buffering=0) as keyboard:
        monkeypatch.setattr("sys.stdin", stdin)
        before = termios.tcgetattr(theirs)
        with watch._keys() as key:
            assert key(0.01) == ""
            keyboard.write(b"q")
            assert key(5) == "q"
        assert termios.tcgetattr(theirs) == before
