"""Hops of a pulse: never negative, together the lag, whatever the clocks and an unsigned header say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_embassy.clock import behind, correction_between
from data_embassy.hops import Passed, Sent, decode_header, measure
from data_embassy.status import HOPS

SECOND = 1_000_000
HOUR = 3600 * SECOND
TIMES = st.integers(min_value=0, max_value=1 << 52)
TOOK = st.integers(min_value=0, max_value=HOUR)


@st.composite
def ways(draw: st.DrawFn) -> tuple[int, Passed, int, list[int]]:
    """A true way, by one clock: pulse, stations, commit, and what each hop took."""
    start = draw(st.integers(min_value=HOUR, max_value=1 << 51))
    capture, home, seal, link, verify, wait, commit = (draw(TOOK) for _ in range(7))
    captured = start + capture
    collected = captured + home
    sealed = collected + seal
    arrived = sealed + link
    fetched = arrived + wait
    decoded = fetched + verify
    passed = Passed(
        captured=captured, collected=collected, sealed=sealed, arrived=arrived, fetched=fetched, decoded=decoded
    )
    return start, passed, decoded + commit, [capture, home, seal, link, verify, wait + commit]


@given(ways())
def test_true_clocks_show_each_hop_as_long_as_it_took(way: tuple[int, Passed, int, list[int]]) -> None:
    pulse, passed, committed, took = way
    found = measure(pulse, passed, committed, correction=0.0)
    assert [round(seconds * SECOND) for seconds in found.hops.values()] == took
    assert list(found.hops) == list(HOPS)
    assert found.ahead == 0


@given(TIMES, TIMES, TIMES, TIMES, TIMES, TIMES, TIMES, TIMES, st.floats(-1e6, 1e6))
def test_whatever_the_clocks_say_no_hop_is_negative_and_all_are_the_lag(  # noqa: PLR0917
    pulse: int, captured: int, collected: int, sealed: int, arrived: int, fetched: int, decoded: int, committed: int,
    correction: float,
) -> None:  # fmt: skip
    passed = Passed(
        captured=captured, collected=collected, sealed=sealed, arrived=arrived, fetched=fetched, decoded=decoded
    )
    found = measure(pulse, passed, committed, correction=correction)
    assert min(found.hops.values()) >= 0
    lag = behind(committed / SECOND, pulse / SECOND, correction=correction, ahead=found.ahead)
    total = sum(found.hops.values())
    # No header makes a lag shorter than the register's and the embassy's clock say.
    assert total >= (0.0 if lag is None else lag) - 1e-3
    assert total <= max(lag or 0.0, (sealed - min(pulse, captured)) / SECOND, 0.0) + 1e-3


@given(ways(), st.sampled_from([-HOUR, -700_000, 0, 700_000, HOUR]))
def test_an_embassy_whose_clock_is_wrong_shows_the_same_lag(
    way: tuple[int, Passed, int, list[int]], offset: int
) -> None:
    pulse, passed, committed, took = way
    wrong = Passed(
        captured=passed.captured, collected=passed.collected, sealed=passed.sealed,
        arrived=passed.arrived + offset, fetched=passed.fetched + offset, decoded=passed.decoded + offset,
    )  # fmt: skip
    travel = 20_000
    correction = correction_between((offset + travel) / SECOND, (travel - offset) / SECOND)
    found = measure(pulse, wrong, committed + offset, correction=correction)
    assert sum(found.hops.values()) == pytest.approx(sum(took) / SECOND, abs=0.7 if abs(offset) < SECOND else 0.021)


@given(ways(), st.integers(min_value=1, max_value=HOUR))
def test_a_register_whose_clock_is_ahead_shows_no_lag_of_nought(
    way: tuple[int, Passed, int, list[int]], ahead: int
) -> None:
    pulse, passed, committed, took = way
    found = measure(pulse + ahead, passed, committed, correction=0.0)
    known = max(0, ahead - took[0]) / SECOND
    assert found.ahead == pytest.approx(known)
    lag = behind(committed / SECOND, (pulse + ahead) / SECOND, ahead=found.ahead)
    assert lag == pytest.approx(sum(found.hops.values()), abs=1e-3)
    assert sum(found.hops.values()) >= (committed - passed.captured) / SECOND - 1e-3


@given(ways(), st.integers(min_value=1, max_value=HOUR))
def test_hops_do_not_end_before_home_let_the_envelope_go(
    way: tuple[int, Passed, int, list[int]], behind_home: int
) -> None:
    """An embassy's clock that nobody has measured says that it applied what home had not sealed."""
    pulse, passed, _, took = way
    found = measure(pulse, passed, passed.sealed - behind_home, correction=0.0)
    assert [round(seconds * SECOND) for seconds in found.hops.values()] == [*took[:3], 0, 0, 0]


def test_an_estimate_within_an_envelope_makes_no_clock_wrong() -> None:
    """Captured between 1 s and 9 s, by its place early; its pulse tells that it was late."""
    passed = Passed(
        captured=2 * SECOND, collected=10 * SECOND, sealed=10 * SECOND, arrived=11 * SECOND, fetched=11 * SECOND,
        decoded=11 * SECOND, captured_by=9 * SECOND,
    )  # fmt: skip
    found = measure(8 * SECOND, passed, 12 * SECOND, correction=0.0)
    assert (found.ahead, sum(found.hops.values())) == (0.0, 4.0)
    assert measure(10 * SECOND, passed, 12 * SECOND, correction=0.0).ahead == 1.0


def test_what_is_not_known_is_not_shown() -> None:
    assert measure(1, None, 2, correction=0.0).hops == {}
    assert behind(100.0, 200.0) is None
    assert behind(100.0, 100.05) == 0.0


@given(st.one_of(st.none(), st.floats(-1e4, 1e4)), st.one_of(st.none(), st.floats(-1e4, 1e4)))
def test_a_correction_lies_within_the_bounds_that_are_known(up: float | None, down: float | None) -> None:
    found = correction_between(up, down)
    assert up is None or found <= up
    assert down is None or found >= -down or (up is not None and up < -down)
    assert found == 0.0 or (up is not None and up < 0) or (down is not None and down < 0)


@given(st.tuples(TIMES, TIMES, TIMES, TIMES))
def test_a_header_comes_back(times: tuple[int, int, int, int]) -> None:
    first, last, collected, sealed = times
    sent = Sent(captured_first=first, captured_last=last, collected=collected, sealed=sealed)
    assert decode_header(sent.encode()) == sent
    assert sent.captured(0, 1) == last
    assert (sent.captured(0, 9), sent.captured(8, 9)) == (first, last)


@pytest.mark.parametrize("value", [None, b"", b"x" * 31, b"x" * 33, b"\xff" * 32, b"\x7f" * 32])
def test_what_is_no_header_says_nothing(value: bytes | None) -> None:
    assert decode_header(value) is None
