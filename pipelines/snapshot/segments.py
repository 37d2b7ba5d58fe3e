"""Which ranges of a table the standby holds already, found by cutting what differs along the key. Pure.

Both sites digest the same ranges. Equal ranges are kept, the others are cut into parts and asked about again, until a
range is so small that its rows cost no more than the question. Kept and sent ranges together are always the whole
table: each row of the register stands in exactly one of them, whatever the standby holds, in whatever order of keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipelines.snapshot.plan import Table
from schemas.content import Name, Sums
from schemas.ranges import EVERYTHING, Bound, Cut, KeyColumn, KeyRange

LEAF_BYTES: Final = 4096
"""A range of about so many bytes is sent whole: to look into it costs each site milliseconds, and the link some 100
bytes for each part."""
LEAF_ROWS_MAX: Final = 64
RECORD_CHARACTERS: Final = 1 << 18
"""Keys told in one record, about."""
_RANGE_CHARACTERS: Final = 16
RANGES_MAX: Final = 200_000
"""Ranges of one table at most: where more differ they stay as wide as they are."""


@dataclass(frozen=True, slots=True)
class Open:
    """A range that differs, or of which nothing is known yet."""

    table: Table
    within: KeyRange
    rows: int

    @property
    def name(self) -> Name:
        """Schema and name of its table."""
        return self.table.relation_schema, self.table.relation_name


@dataclass(frozen=True, slots=True)
class Segment:
    """A range that is kept or sent."""

    within: KeyRange
    rows: int
    is_kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Ranges of a table that the base holds."""

    table: Table
    key: tuple[KeyColumn, ...]
    ranges: tuple[KeyRange, ...]
    rows: int

    def record(self, chunk: int) -> dict[str, Any]:
        """The fields of its SnapshotKept."""
        return {
            "table": self.table.number,
            "chunk": chunk,
            "rows": self.rows,
            "key": json.dumps([[column.name, column.type_text] for column in self.key]),
            "ranges": json.dumps([within.as_json() for within in self.ranges]),
        }


class Search:
    """The search in one table. `key` is empty where it cannot be cut: then it is kept or sent whole."""

    def __init__(self, table: Table, key: Sequence[KeyColumn]) -> None:
        self.table, self.key = table, tuple(key)
        self._segments: dict[Bound, Segment] = {}
        self._open = [Open(table, EVERYTHING, 0)]
        self._leaf_rows = 1

    def next_round(self) -> list[Open]:
        """Ranges to ask about now; empty when the search is over."""
        ready, self._open = self._open, []
        return ready

    def send(self, one: Open) -> None:
        """Its rows are sent."""
        self._settle(one.within, one.rows, is_kept=False)

    def learn(self, cut: Cut[Open], mine: Sequence[Sums], theirs: Sequence[Sums] | None) -> None:
        """What both sides hold in the parts of a range; None where the standby cannot tell."""
        if cut.open.within == EVERYTHING and not cut.bounds:
            self._leaf_rows = leaf_rows(self.table, mine[0].rows)
        parts = cut.open.within.cut(cut.bounds)
        there: Sequence[Sums | None] = [None] * len(parts) if theirs is None else theirs
        for within, here, other in zip(parts, mine, there, strict=True):
            if here == other or not here.rows:
                self._settle(within, here.rows, is_kept=here == other)
            elif self.key and here.rows > self._leaf_rows and len(self._segments) < RANGES_MAX:
                self._open.append(Open(self.table, within, here.rows))
            else:
                self._settle(within, here.rows, is_kept=False)

    def segments(self) -> Iterator[Segment]:
        """The whole table in the order of its keys, neighbours of one kind joined."""
        assert not self._open, "the search is not over"
        last: Segment | None = None
        start: Bound = None
        count = 0
        while True:
            one = self._segments[start]
            count += 1
            if last is None or last.is_kept != one.is_kept:
                if last is not None:
                    yield last
                last = one
            else:
                last = Segment(KeyRange(last.within.start, one.within.end), last.rows + one.rows, one.is_kept)
            start = one.within.end
            if start is None:
                break
        assert count == len(self._segments), "the ranges are not one chain"
        yield last

    def _settle(self, within: KeyRange, rows: int, *, is_kept: bool) -> None:
        assert within.start not in self._segments, "a range was found twice"
        self._segments[within.start] = Segment(within, rows, is_kept)


def batches(segments: Iterable[Segment], *, size: int = RECORD_CHARACTERS) -> Iterator[list[Segment]]:
    """Segments for one record each: keys may be wide."""
    gathered: list[Segment] = []
    total = 0
    for one in segments:
        width = sum(len(text) for bound in (one.within.start, one.within.end) if bound is not None for text in bound)
        if gathered and total + width > size:
            yield gathered
            gathered, total = [], 0
        gathered.append(one)
        total += width + _RANGE_CHARACTERS
    if gathered:
        yield gathered


def leaf_rows(table: Table, rows: int) -> int:
    """Rows of a range that is not cut further."""
    width = max(1, table.heap_bytes // max(1, rows))
    return max(1, min(LEAF_ROWS_MAX, LEAF_BYTES // width))
