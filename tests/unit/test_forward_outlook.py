"""When a register will be level, by what the link carries."""

from pipelines.outlook import WINDOW_SECONDS, Coming, Load, level_in


def load(tier: int, waiting: float = 0.0, coming: float = 0.0) -> Load:
    return Load(tier=tier, waiting_bytes=waiting, coming_bytes=coming)


def test_what_is_ahead_is_carried_first():
    first, second, third = load(1, 1000), load(2, 3000), load(3, 6000)
    loads = [first, second, third]
    assert [level_in(one, loads, 100) for one in loads] == [10, 40, 100]


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
