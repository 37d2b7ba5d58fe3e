"""The search for what differs: kept and sent ranges are always the whole table, and kept ones are equal."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.snapshot.plan import Table
from pipelines.snapshot.segments import LEAF_BYTES, LEAF_ROWS_MAX, Search, Segment, batches, leaf_rows
from schemas.content import Sums
from schemas.ranges import BUCKETS, Cut, KeyColumn, KeyRange

KEY = [KeyColumn("id", "bigint")]
Rows = dict[int, str]


def table(rows: int, width: int = 300) -> Table:
    return Table(
        number=1, oid=1, filenode=1, relation_schema="public", relation_name="t", columns=("id", "name"),
        estimated_rows=rows, heap_bytes=rows * width,
    )  # fmt: skip


def inside(rows: Rows, within: KeyRange) -> list[tuple[int, str]]:
    start = None if within.start is None else int(within.start[0])
    end = None if within.end is None else int(within.end[0])
    return sorted(
        (key, name) for key, name in rows.items() if (start is None or key >= start) and (end is None or key < end)
    )


def sums(rows: Rows, within: KeyRange) -> Sums:
    found = inside(rows, within)
    return Sums(rows=len(found), digest=str(found))


def cut(rows: Rows, within: KeyRange, count: int) -> list[tuple[str, ...]]:
    step = max(1, -(-count // BUCKETS))
    return [(str(key),) for place, (key, _) in enumerate(inside(rows, within)) if place and place % step == 0]


def run(here: Rows, there: Rows, *, key: list[KeyColumn] = KEY) -> tuple[Search, int]:
    search, asked = Search(table(len(here)), key), 0
    while ready := search.next_round():
        for one in ready:
            bounds = cut(here, one.within, one.rows) if one.rows else []
            this = Cut(one, bounds)
            parts = one.within.cut(bounds)
            asked += len(parts)
            search.learn(this, [sums(here, part) for part in parts], [sums(there, part) for part in parts])
    return search, asked


ROWS = st.dictionaries(st.integers(-50, 400), st.sampled_from("abc"), max_size=200)


@given(here=ROWS, there=ROWS, changed=st.dictionaries(st.integers(-50, 400), st.sampled_from("xyz"), max_size=5))
def test_every_row_is_either_kept_or_sent_and_what_is_kept_is_equal(here: Rows, there: Rows, changed: Rows):
    for standby in (there, here | changed):
        search, _ = run(here, standby)
        made: list[tuple[int, str]] = []
        segments = list(search.segments())
        for one in segments:
            made += inside(standby if one.is_kept else here, one.within)
            assert one.rows == len(inside(here, one.within))
        assert made == sorted(here.items())
        assert all(a.is_kept != b.is_kept for a, b in itertools.pairwise(segments))


def test_few_changes_send_few_rows():
    here = dict.fromkeys(range(20_000), "a")
    there = dict(here)
    for number in range(0, 20_000, 2000):
        there[number] = "b"
    search, asked = run(here, there)
    sent = sum(one.rows for one in search.segments() if not one.is_kept)
    assert sent <= 10 * leaf_rows(table(20_000), 20_000)
    assert asked < 2000


def test_a_table_without_a_key_is_kept_or_sent_whole():
    here = dict.fromkeys(range(1000), "a")
    assert [one.is_kept for one in run(here, here, key=[])[0].segments()] == [True]
    assert [one.is_kept for one in run(here, here | {1: "b"}, key=[])[0].segments()] == [False]


def test_where_the_standby_cannot_tell_everything_is_sent():
    search = Search(table(10), [])
    (one,) = search.next_round()
    search.learn(Cut(one, ()), [Sums(rows=10, digest="x")], None)
    assert [segment.is_kept for segment in search.segments()] == [False]


def test_answers_of_another_length_are_refused():
    search = Search(table(10), KEY)
    (one,) = search.next_round()
    with pytest.raises(ValueError, match="shorter"):
        search.learn(Cut(one, ()), [Sums(rows=10, digest="x")], [])


def test_wide_rows_are_searched_to_the_single_row_and_narrow_ones_are_not():
    assert leaf_rows(table(10, width=5 * LEAF_BYTES), 10) == 1
    assert leaf_rows(table(10, width=300), 10) == LEAF_BYTES // 300
    assert leaf_rows(table(10, width=1), 10) == LEAF_ROWS_MAX
    assert leaf_rows(table(0), 0) == LEAF_ROWS_MAX


def test_kept_ranges_go_in_records_of_a_bearable_size():
    segments = [Segment(KeyRange(("k" * 30,), ("k" * 30,)), 1, is_kept=True)] * 10
    assert [len(part) for part in batches(segments, size=200)] == [2, 2, 2, 2, 2]
    assert list(batches([])) == []
    assert [len(part) for part in batches(segments[:2], size=1)] == [1, 1]
