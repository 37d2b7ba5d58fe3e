"""Whatever is seen, a history never knows more than the time that passed, nor shows an objective met that was not."""

import datetime as dt
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.history.coverage import Coverage, Entry, Look, fold
from consumers.history.store import minutes

NOON = dt.datetime(2026, 10, 1, 12, tzinfo=dt.UTC)
OBJECTIVE = 10
STEPS = st.lists(st.tuples(st.floats(0.2, 40), st.one_of(st.none(), st.floats(0, 30))), min_size=1, max_size=60)


def course(steps: list[tuple[float, float | None]]) -> list[Look]:
    at, looks = NOON, []
    for step, lag in steps:
        at += dt.timedelta(seconds=step)
        looks.append(Look(at=at, state="live", lag_seconds=lag, objective_seconds=OBJECTIVE))
    return looks


def entries(looks: list[Look]) -> list[Entry]:
    coverage = Coverage("land")
    return [seen.entry for look in looks if (seen := coverage.take(look)).entry is not None]


@settings(max_examples=50)
@given(STEPS)
def test_no_moment_is_counted_twice_and_none_is_met_unknown(steps: list[tuple[float, float | None]]):
    found = entries(course(steps))
    for one in found:
        assert 0 <= one.met_seconds <= one.known_seconds <= one.span_seconds
    for one, other in pairwise(found):
        assert other.begins_at >= one.at - dt.timedelta(microseconds=2)


@settings(max_examples=50)
@given(STEPS)
def test_what_counts_as_met_was_met_at_both_ends(steps: list[tuple[float, float | None]]):
    looks = course(steps)
    bad = [look.at for look in looks if look.lag_seconds is not None and look.lag_seconds > OBJECTIVE]
    for one in entries(looks):
        edge = dt.timedelta(microseconds=2)
        touched = [at for at in bad if one.begins_at - edge <= at <= one.at + edge]
        assert not (touched and one.met_seconds > 0)


@settings(max_examples=50)
@given(STEPS, st.integers(1, 59))
def test_thinning_in_parts_is_thinning_at_once(steps: list[tuple[float, float | None]], cut: int):
    found = entries(course(steps))
    if not found:
        return
    parts = [fold(part) for part in (found[:cut], found[cut:]) if part]
    whole, twice = fold(found), fold(parts)
    assert (whole.lag_seconds, whole.worst_at, whole.at) == (twice.lag_seconds, twice.worst_at, twice.at)
    for name in ("span_seconds", "known_seconds", "met_seconds"):
        assert abs(getattr(whole, name) - getattr(twice, name)) < 1e-6


@settings(max_examples=50)
@given(STEPS)
def test_minutes_keep_sums_and_the_worst(steps: list[tuple[float, float | None]]):
    found = entries(course(steps))
    thinned = minutes(found)
    assert len({one.at.replace(second=0, microsecond=0) for one in thinned}) == len(thinned)
    for name in ("span_seconds", "known_seconds", "met_seconds"):
        assert abs(sum(getattr(one, name) for one in thinned) - sum(getattr(one, name) for one in found)) < 1e-6
    lags = [one.lag_seconds for one in found if one.lag_seconds is not None]
    kept = [one.lag_seconds for one in thinned if one.lag_seconds is not None]
    assert max(lags, default=None) == max(kept, default=None)
