"""From tables that differ to the ranges of keys in which they differ (DESIGN 9). Pure.

Each round cuts the open ranges along the register's own keys, and asks the embassy for the digests of the parts. Equal
parts are done with; the others are cut again until one of the register's rows is left in each. Rows that only the
standby has show in the range of the row before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from operations.verify.model import DifferingRange
from schemas.content import Name, Sums
from schemas.ranges import EVERYTHING, ROWS_MIN, Cut, KeyRange

OPEN_MAX: Final = 48
"""Ranges cut in one round: each costs a scan of its rows at both sites."""
FOUND_MAX: Final = 1000
"""Ranges told at most for one table; when there are more they stay as wide as they are."""


@dataclass(frozen=True, slots=True)
class Open:
    """A range that differs and can be cut."""

    name: Name
    within: KeyRange
    rows: int
    standby_rows: int | None


class Bisection:
    """The search over all tables of one attempt."""

    def __init__(self, tables: Iterable[tuple[Name, int, int | None]]) -> None:
        self._open = [Open(name, EVERYTHING, rows, standby_rows) for name, rows, standby_rows in tables]
        self._found: dict[Name, list[Open]] = {}

    def next_round(self) -> list[Open]:
        """Ranges to cut now; empty when the search is over."""
        ready: list[Open] = []
        rest: list[Open] = []
        for one in self._open:
            is_many = len(self._found.get(one.name, ())) + self._count(one.name) > FOUND_MAX
            if one.rows <= ROWS_MIN or is_many:
                self._found.setdefault(one.name, []).append(one)
            elif len(ready) < OPEN_MAX:
                ready.append(one)
            else:
                rest.append(one)
        self._open = rest
        return ready

    def settle(self, one: Open) -> None:
        """It cannot be cut."""
        self._found.setdefault(one.name, []).append(one)

    def learn(self, cut: Cut[Open], mine: Sequence[Sums], theirs: Sequence[Sums]) -> None:
        """What both sides hold in the parts of a range."""
        parts = cut.open.within.cut(cut.bounds)
        for within, here, there in zip(parts, mine, theirs, strict=True):
            if here != there:
                self._open.append(Open(cut.open.name, within, here.rows, there.rows))

    def found(self, name: Name) -> tuple[DifferingRange, ...]:
        """The ranges of a table that differ, in order, neighbours joined."""
        joined: list[DifferingRange] = []
        for one in self._in_order(name):
            last = joined[-1] if joined else None
            if last is not None and last.within.end is not None and last.within.end == one.within.start:
                joined[-1] = DifferingRange(
                    within=KeyRange(last.within.start, one.within.end),
                    rows=last.rows + one.rows,
                    standby_rows=None
                    if last.standby_rows is None or one.standby_rows is None
                    else last.standby_rows + one.standby_rows,
                )
            else:
                joined.append(DifferingRange(within=one.within, rows=one.rows, standby_rows=one.standby_rows))
        return tuple(joined)

    def _count(self, name: Name) -> int:
        return sum(1 for one in self._open if one.name == name)

    def _in_order(self, name: Name) -> list[Open]:
        """Chain neighbours by their bounds: their texts are in no order that this program knows."""
        left = list(self._found.get(name, ()))
        starts = {one.within.start: one for one in left}
        ends = {one.within.end for one in left if one.within.end is not None}
        ordered: list[Open] = []
        for one in left:
            if one.within.start is not None and one.within.start in ends:
                continue
            following: Open | None = one
            while following is not None:
                ordered.append(following)
                end = following.within.end
                following = None if end is None else starts.get(end)
        return ordered


def batched(ranges: Sequence[Cut[Open]], size: int) -> list[Sequence[Cut[Open]]]:
    """Questions of a bearable size."""
    return [ranges[start : start + size] for start in range(0, len(ranges), size)]
