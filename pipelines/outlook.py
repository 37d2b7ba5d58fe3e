"""When will each register be level, while the link carries what it carries: an estimate (pure).

What goes first is ahead of a register: all of its own tier and of the higher ones, and what lower ones sent already,
of each as much as it has itself, for connections share the link. It is level once the link has carried that, while
changes of these tiers go on coming.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median_low
from typing import Final

WINDOW_SECONDS: Final = 30.0
"""Over which the coming of records is measured."""
CARRIED_WINDOW_SECONDS: Final = 60.0
"""Over which it is measured what the link carries: many large envelopes share a narrow one, and end together."""
SLICE_SECONDS: Final = 5.0
"""What came within few of them is a pile, and does not go on coming."""
CARRIED_SECONDS_MIN: Final = 3.0
CARRIED_PART_MIN: Final = 0.25
"""Of what is on its way: small envelopes that pass between large ones say nothing of the link."""
STILL_SECONDS: Final = 10.0
"""A link that carried nothing for so long was away, and is measured anew: one large envelope may take seconds."""
BUSY_SECONDS: Final = 3.0
"""The link is busy while more waits than it carries in this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one register asks of the link."""

    tier: int
    waiting_bytes: float
    """Sealed bytes that the embassy's broker has not acknowledged."""
    in_flight_bytes: float = 0.0
    """Of these, what was published: it is on the link, whatever its tier."""
    coming_bytes: float
    """Sealed bytes that come each second, on average."""
    lasting_bytes: float
    """Of these, what will go on coming."""


def level_in(load: Load, loads: Iterable[Load], rate: float | None) -> float | None:
    """Seconds until it is level; None when the link's rate is unknown, or less than what comes."""
    if load.waiting_bytes <= 0:
        return 0.0
    ahead = spare = 0.0
    for one in loads:
        is_ahead = one.tier <= load.tier
        ahead += one.waiting_bytes if is_ahead else min(one.in_flight_bytes, load.waiting_bytes)
        spare -= one.lasting_bytes if is_ahead else 0.0
    spare += rate or 0.0
    return ahead / spare if spare > 0 else None


@dataclass(slots=True)
class Coming:
    """How many records of one register come each second."""

    _ends: deque[tuple[float, int]] = field(default_factory=deque)

    def see(self, now: float, end: int) -> None:
        """The home topic ends here now."""
        if self._ends and end < self._ends[-1][1]:
            self._ends.clear()  # Rewritten.
        self._ends.append((now, end))
        while self._ends[0][0] < now - WINDOW_SECONDS:
            self._ends.popleft()

    def per_second(self) -> float:
        """Over the window; 0 while too little was seen."""
        return _per_second(self._ends[0], self._ends[-1])

    def lasting(self) -> float:
        """In most slices of the window at least: a pile that came at once is left out."""
        edges = [self._ends[0]]
        for seen in self._ends:
            if seen[0] - edges[-1][0] >= SLICE_SECONDS:
                edges.append(seen)
        return median_low([_per_second(*pair) for pair in pairwise(edges)] or [self.per_second()])


@dataclass(slots=True)
class Carried:
    """What a link carries each second on average, seen while it is busy: its best moments say too much.

    Measured from one acknowledgement to a later one: what the first of them brings was on its way before anything was
    seen, and a large envelope says nothing until it is through.
    """

    _moves: deque[tuple[float, int]] = field(default_factory=deque)
    """When acknowledged bytes were seen to be more, and how many they were then."""
    _carried: int | None = None
    _moved_at: float = 0.0
    _in_flight: float = 0.0

    def see(self, now: float, carried: int, *, in_flight: float, is_busy: bool) -> None:
        """So many bytes were acknowledged until now. What stood still or was idle says nothing of the link."""
        has_moved = self._carried is not None and carried != self._carried
        if has_moved or self._carried is None:
            self._moved_at = now
        self._carried, self._in_flight = carried, in_flight
        if not is_busy or now - self._moved_at >= STILL_SECONDS:
            self._moves.clear()
        elif has_moved:
            self._moves.append((now, carried))
        while self._moves and self._moves[0][0] < now - CARRIED_WINDOW_SECONDS:
            self._moves.popleft()

    def per_second(self) -> float | None:
        """Over the window; None while too little was seen: in time, or beside what is on its way."""
        if not self._moves:
            return None
        (began, first), (ended, last) = self._moves[0], self._moves[-1]
        if ended - began < CARRIED_SECONDS_MIN or last - first < CARRIED_PART_MIN * self._in_flight:
            return None
        return _per_second(self._moves[0], self._moves[-1])


def _per_second(first: tuple[float, int], last: tuple[float, int]) -> float:
    return (last[1] - first[1]) / (last[0] - first[0]) if last[0] > first[0] else 0.0
