"""How much of the time a history knows, and how much of it was within the objective."""

import datetime as dt

import pytest

from consumers.history.coverage import Coverage, Entry, Look, Seen, fold

NOON = dt.datetime(2026, 10, 1, 12, tzinfo=dt.UTC)


def look(second: float, lag: float | None, *, objective: int | None = 10, trusted: bool | None = True) -> Look:
    at = NOON + dt.timedelta(seconds=second)
    return Look(at=at, state="live", lag_seconds=lag, is_lag_trusted=trusted, objective_seconds=objective)


def covered(*looks: Look, last: Entry | None = None) -> list[Seen]:
    coverage = Coverage("land", last)
    return [coverage.take(one) for one in looks]


def total(seen: list[Seen]) -> tuple[float, float, float]:
    entries = [one.entry for one in seen if one.entry is not None]
    return (
        sum(one.span_seconds for one in entries),
        sum(one.known_seconds for one in entries),
        sum(one.met_seconds for one in entries),
    )


def test_looks_that_follow_closely_count_by_what_both_saw():
    seen = covered(look(0, 1), look(1, 2), look(2, 11), look(3, 12), look(4, 1), look(5, 1))
    assert total(seen) == (5, 5, 2)
    assert [one.is_met for one in seen] == [True, True, False, False, True, True]


def test_a_receiver_that_starts_again_breaks_no_objective_that_cannot_have_been_missed():
    assert total(covered(look(0, 1), look(8, 1))) == (8, 8, 8)


def test_a_restart_counts_as_missed_where_the_lag_can_have_passed_the_objective():
    assert total(covered(look(0, 3), look(8, 1))) == (8, 8, 0)


def test_a_dead_receiver_leaves_a_gap_that_counts_as_nothing():
    seen = covered(look(0, 1), look(1, 1), look(31, 1), look(32, 1))
    assert total(seen) == (2, 2, 2)
    assert seen[2].gap_since == NOON + dt.timedelta(seconds=1)
    assert seen[2].entry is None


def test_a_short_time_without_a_lag_is_open_until_one_is_seen():
    seen = covered(look(0, 1), look(1, None), look(2, None), look(3, 4), look(4, 4))
    assert [one.is_met for one in seen] == [True, None, None, True, True]
    assert total(seen) == (4, 4, 4)


def test_a_longer_time_without_a_lag_is_not_known():
    looks = [look(0, 1), *(look(second, None) for second in range(1, 31)), look(31, 1), look(32, 1)]
    seen = covered(*looks)
    assert total(seen) == (32, 1, 1)
    assert seen[16].is_met is False


def test_a_lag_that_no_clock_vouches_for_proves_nothing():
    looks = [look(0, 1), *(look(second, 1, trusted=False) for second in range(1, 31))]
    span, known, met = total(covered(*looks))
    assert (span, known, met) == (30, 0, 0)


def test_without_an_objective_nothing_is_met_and_all_is_known():
    assert total(covered(look(0, 1, objective=None), look(1, 1, objective=None))) == (1, 1, 0)


def test_a_clock_that_was_set_back_is_a_new_beginning():
    assert total(covered(look(100, 1), look(101, 1), look(50, 1), look(51, 1))) == (2, 2, 2)


@pytest.mark.parametrize(("lag", "met"), [(1.0, 8.0), (3.0, 0.0)])
def test_coverage_goes_on_behind_what_is_stored(lag: float, met: float):
    last = covered(look(-1, lag), look(0, lag))[1].entry
    assert total(covered(look(8, 1), last=last)) == (8, 8, met)


def test_what_was_not_known_at_the_end_is_not_made_known_later():
    last = covered(*(look(second, None) for second in range(-20, 1)))[-1].entry
    assert total(covered(look(2, 1), last=last)) == (2, 0, 0)


def test_a_stored_lag_that_proved_nothing_proves_nothing_later():
    last = covered(*(look(second, 1, trusted=False) for second in range(-20, 1)))[-1].entry
    assert total(covered(look(2, 1), last=last)) == (2, 0, 0)


def test_an_entry_of_several_shows_the_worst_of_them():
    looks = (look(0, 1), look(1, 5), look(2, None), look(3, 2))
    whole = fold(one.entry for one in covered(*looks) if one.entry is not None)
    assert (whole.lag_seconds, whole.worst_at, whole.at) == (5, looks[1].at, looks[3].at)
    assert (whole.span_seconds, whole.known_seconds, whole.met_seconds) == (3, 3, 3)
