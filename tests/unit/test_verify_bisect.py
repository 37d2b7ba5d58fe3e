"""The search for what differs, without a database: a register and a standby are dictionaries of keys."""

from __future__ import annotations

import random

import pytest

from operations.verify.bisect import FOUND_MAX, Bisection
from operations.verify.compare import compare_definitions, compare_sequences, compare_tables
from operations.verify.model import DifferingRange
from schemas.content import Sums
from schemas.ranges import BUCKETS, Cut, KeyRange

NAME = ("public", "t")


def _inside(within: KeyRange, key: int) -> bool:
    is_behind = within.start is None or key >= int(within.start[0])
    return is_behind and (within.end is None or key < int(within.end[0]))


def _sums(rows: dict[int, str], within: KeyRange) -> Sums:
    found = sorted((key, value) for key, value in rows.items() if _inside(within, key))
    return Sums(rows=len(found), digest=str(found))


def _search(home: dict[int, str], standby: dict[int, str]) -> tuple[tuple[DifferingRange, ...], int]:
    search = Bisection([(NAME, len(home), len(standby))])
    rounds = 0
    while ready := search.next_round():
        rounds += 1
        for one in ready:
            keys = sorted(key for key in home if _inside(one.within, key))
            step = max(1, -(-len(keys) // BUCKETS))
            bounds = [(str(key),) for key in keys[step::step]]
            if not bounds:
                search.settle(one)
                continue
            parts = one.within.cut(bounds)
            search.learn(Cut(one, bounds), [_sums(home, p) for p in parts], [_sums(standby, p) for p in parts])
    return search.found(NAME), rounds


@pytest.mark.parametrize("size", [1, 2, 33, 1500])
def test_one_changed_row_is_found_alone(size):
    home = dict.fromkeys(range(size), "a")
    for key in {0, size // 2, size - 1}:
        (found,), _ = _search(home, home | {key: "b"})
        assert found.rows == found.standby_rows == 1
        assert _inside(found.within, key)


def test_missing_and_extra_rows_are_found_with_their_counts():
    home = dict.fromkeys(range(0, 2000, 2), "a")
    (found,), _ = _search(home, {key: value for key, value in home.items() if key != 700})
    assert (found.within.start, found.rows, found.standby_rows) == (("700",), 1, 0)
    (found,), _ = _search(home, home | {701: "x"})
    assert (found.within.start, found.within.end, found.rows, found.standby_rows) == (("700",), ("702",), 1, 2)
    (found,), _ = _search(home, home | {-5: "x"})
    assert (found.within.start, found.rows, found.standby_rows) == (None, 1, 2)


def test_an_empty_side_is_one_range():
    home = dict.fromkeys(range(10), "a")
    (found,), _ = _search({}, home)
    assert (found.rows, found.standby_rows) == (0, 10)
    (found,), _ = _search(home, {})
    assert (found.within, found.rows, found.standby_rows) == (KeyRange(None, None), 10, 0)


def test_random_differences_lie_in_the_ranges_that_are_found_and_nothing_else_does():
    rng = random.Random(7)
    for _ in range(10):
        home = {rng.randrange(10_000): "a" for _ in range(rng.randrange(1, 300))}
        changed = set(rng.sample(sorted(home), min(len(home), rng.randrange(1, 9))))
        found, _ = _search(home, home | dict.fromkeys(changed, "b"))
        covered = {key for key in home if any(_inside(one.within, key) for one in found)}
        assert covered == changed


def test_a_table_that_differs_everywhere_ends_in_wide_ranges():
    home = dict.fromkeys(range(1200), "a")
    found, rounds = _search(home, dict.fromkeys(home, "b"))
    assert sum(one.rows for one in found) == 1200
    assert len(found) <= FOUND_MAX
    assert rounds < 100


def test_tables_that_moved_prove_nothing():
    one, two = Sums(rows=1, digest="1"), Sums(rows=2, digest="2")
    mine = {("s", "a"): one, ("s", "b"): None, ("s", "c"): one, ("s", "d"): one}
    compared, moved = compare_tables(mine, {("s", "a"): one, ("s", "b"): one, ("s", "d"): two, ("s", "e"): two})
    assert moved == [("s", "b")]
    assert {table.name[1]: table.reason for table in compared} == {
        "a": None,
        "c": "is missing in the standby",
        "d": "1 rows here, 2 in the standby",
        "e": "exists only in the standby",
    }


def test_definitions_and_sequences_are_named():
    line = ("s", "t", "index", "s.i", "CREATE INDEX i")
    assert compare_definitions([line], [line]) == []
    assert compare_definitions([line], []) == ["s.t index s.i is missing in the standby: CREATE INDEX i"]
    assert compare_definitions([], [line]) == ["s.t index s.i exists only in the standby"]
    found = compare_sequences({("s", "q"): (5, True)}, {("s", "q"): (4, True)})
    assert found == {("s", "q"): "sequence s.q is at 4 in the standby, at 5 by the pulse"}
