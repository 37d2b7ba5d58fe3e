"""When a register will be level, by what the link carries."""

from collections.abc import Callable, Iterable

import pytest

from pipelines.outlook import (
    CARRIED_SECONDS_MIN,
    CARRIED_WINDOW_SECONDS,
    SLICE_SECONDS,
    STILL_SECONDS,
    WINDOW_SECONDS,
    Carried,
    Coming,
    Load,
    level_in,
)

LOOK_SECONDS = 2


def load(tier: int, waiting: float = 0.0, coming: float = 0.0, flying: float = 0.0) -> Load:
    return Load(tier=tier, waiting_bytes=waiting, coming_bytes=2 * coming, lasting_bytes=coming, in_flight_bytes=flying)


def test_what_is_ahead_is_carried_first():
    first, second, third = load(1, 1000), load(2, 3000), load(3, 6000)
    loads = [first, second, third]
    assert [level_in(one, loads, 100) for one in loads] == [10, 40, 100]


def test_what_lower_tiers_sent_before_is_on_the_link_too():
    high, low = load(1, 1000), load(3, 6000, flying=500)
    assert [level_in(one, [high, low], 100) for one in (high, low)] == [15, 70]
    single = load(1, 10)
    assert level_in(single, [single, low], 100) == 0.2


def test_what_comes_meanwhile_takes_its_part_of_the_link():
    low, high = load(3, 1000), load(1, coming=50)
    assert level_in(low, [low, high], 100) == 20


def test_nothing_is_said_of_a_link_that_carries_less_than_comes():
    low, high = load(3, 1000), load(1, coming=200)
    assert level_in(low, [low, high], 100) is None
    assert level_in(low, [low], None) is None


def test_a_register_without_backlog_is_level():
    assert level_in(load(3), [load(1, 1e9)], None) == 0


def test_coming_is_counted_over_a_window():
    coming = Coming()
    coming.see(0, 0)
    assert coming.per_second() == 0
    for at in range(1, 101):
        coming.see(at, 1000 if at < 50 else 1000 + (at - 49) * 10)
    assert coming.per_second() == 10
    assert WINDOW_SECONDS < 50


def test_a_rewritten_topic_is_counted_anew():
    coming = Coming()
    coming.see(0, 1000)
    coming.see(1, 10)
    coming.see(2, 30)
    assert coming.per_second() == 20


def test_a_pile_that_came_at_once_does_not_go_on_coming():
    coming, end = Coming(), 0
    for at in range(0, 61, LOOK_SECONDS):
        end += 10 * LOOK_SECONDS + (5000 if 40 <= at < 48 else 0)
        coming.see(at, end)
        assert coming.lasting() == pytest.approx(10 if at else 0)
    assert coming.per_second() > 500


def test_what_comes_in_every_slice_goes_on_coming():
    coming = Coming()
    for at in range(0, 61, LOOK_SECONDS):
        coming.see(at, 100 * int(at // (SLICE_SECONDS + 1)))
    assert coming.lasting() == pytest.approx(coming.per_second(), rel=0.5)
    assert coming.lasting() > 0


def carried_at(looks: Iterable[float], carried: Callable[[float], float], *, flying: float = 0) -> Carried:
    """What a busy link was seen to carry."""
    seen = Carried()
    for at in looks:
        seen.see(at, int(carried(at)), in_flight=flying, is_busy=True)
    return seen


def test_a_busy_link_carries_what_it_carried_over_a_window():
    looks = range(0, 51 + int(CARRIED_WINDOW_SECONDS), LOOK_SECONDS)
    assert carried_at(looks, lambda at: 10 * min(at, 50) + 1000 * max(0, at - 50)).per_second() == 1000


def test_large_envelopes_that_take_seconds_are_counted_as_carried():
    carried = carried_at(range(0, 61, LOOK_SECONDS), lambda at: 1000 * (at // 8))
    assert carried.per_second() == 1000 / 8


def test_small_envelopes_between_large_ones_say_nothing():
    def passed(at: float) -> float:
        return 10 * at + 4000 * (at // 16)

    assert carried_at(range(0, 16, LOOK_SECONDS), passed, flying=4000).per_second() is None
    assert carried_at(range(0, 33, LOOK_SECONDS), passed, flying=4000).per_second() == pytest.approx(260, rel=0.1)


def test_what_was_on_its_way_before_is_not_counted():
    carried = carried_at(range(0, 11, LOOK_SECONDS), lambda at: 0 if at < 6 else 90_000 + 100 * at)
    assert carried.per_second() == 100


def test_a_link_that_was_away_is_measured_anew():
    away, back = 10, 40
    assert back - away > STILL_SECONDS
    looks = range(0, back + 1, LOOK_SECONDS)
    assert carried_at(looks, lambda at: 1000 * min(at, away)).per_second() is None
    looks = range(0, back + 9, LOOK_SECONDS)
    later = carried_at(looks, lambda at: 1000 * min(at, away) + 100 * max(0, at - back))
    assert later.per_second() == 100


def test_an_idle_link_says_nothing_of_what_it_can_carry():
    carried = carried_at([0], lambda _: 0)
    assert carried.per_second() is None
    carried.see(1, 100, in_flight=0, is_busy=True)
    carried.see(1 + CARRIED_SECONDS_MIN, 600, in_flight=0, is_busy=True)
    assert carried.per_second() == 500 / CARRIED_SECONDS_MIN
    carried.see(2 + CARRIED_SECONDS_MIN, 610, in_flight=0, is_busy=False)
    assert carried.per_second() is None
