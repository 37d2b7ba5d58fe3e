"""When will each register be level, while the link carries what it carries: an estimate (pure).

What goes first is ahead of a register: all of its own tier and of the higher ones. It is level once the link has
carried that, while changes of these tiers go on coming.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

WINDOW_SECONDS: Final = 30.0
"""Over which the coming of records is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one register asks of the link."""

    tier: int
    waiting_bytes: float
    """Sealed bytes that the embassy's broker has not acknowledged."""
    coming_bytes: float
    """Sealed bytes that come each second."""


def level_in(load: Load, loads: Iterable[Load], rate: float | None) -> float | None:
    """Seconds until it is level; None when the link's rate is unknown, or less than what comes."""
    if load.waiting_bytes <= 0:
        return 0.0
    ahead = [one for one in loads if one.tier <= load.tier]
    spare = (rate or 0.0) - sum(one.coming_bytes for one in ahead)
    return sum(one.waiting_bytes for one in ahead) / spare if spare > 0 else None


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
        (first, low), (last, high) = self._ends[0], self._ends[-1]
        return (high - low) / (last - first) if last > first else 0.0
