"""The register's slot: what it may still retain, and when it loses data if it goes on growing as lately."""

from __future__ import annotations

import json
import math
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from data_embassy.config import write_hint

WINDOW_SECONDS: Final = 180.0
"""Over which the growth of a slot is measured."""
LEAST_SECONDS: Final = 10.0
"""Over less, nothing is said of growth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One look at `pg_replication_slots`."""

    is_active: bool
    retained: int
    """Bytes of log that the server keeps for it; 0 for one that was invalidated, which keeps nothing."""
    safe: int | None
    """Bytes that may still be written before it loses data; None without a limit."""
    status: str
    """`wal_status`."""

    @property
    def safe_bytes(self) -> float:
        """The same for a gauge: a lost slot has no room, an unlimited one all of it."""
        if self.status == "lost":
            return 0.0
        return math.inf if self.safe is None else float(max(0, self.safe))


class Growth:
    """How fast a slot grows, and until when that goes well. `now` is monotonic, in seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def see(self, now: float, slot: Slot) -> None:
        """One look."""
        if self._seen and slot.retained < self._seen[-1][1]:
            self._seen.clear()  # It was read on: what it grew before says nothing any more.
        self._seen.append((now, slot.retained))
        while self._seen[0][0] < now - WINDOW_SECONDS:
            self._seen.popleft()

    def lost_in(self, slot: Slot) -> float:
        """Seconds until the slot loses data; infinite while it does not grow or nothing limits it."""
        if slot.safe_bytes in (0.0, math.inf):
            return slot.safe_bytes
        (first, low), (last, high) = self._seen[0], self._seen[-1]
        if last - first < LEAST_SECONDS or high <= low:
            return math.inf
        return slot.safe_bytes * (last - first) / (high - low)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotTold:
    """What the pulse last said of a slot; `at` is seconds since 1970."""

    at: float
    retained_bytes: int
    safe_bytes: float | None
    """None without a limit."""
    lost_seconds: float | None
    """None while it does not grow, or without a limit."""
    status: str


def tell_slot(state: Path, register: str, slot: Slot, *, lost_in: float, at: float) -> None:
    """Say it for `embassy status`; a full disk stops no pulse."""
    told = SlotTold(
        at=at,
        retained_bytes=slot.retained,
        safe_bytes=_finite(slot.safe_bytes),
        lost_seconds=_finite(lost_in),
        status=slot.status,
    )
    with suppress(OSError):
        write_hint(_path(state, register), json.dumps(asdict(told)))


def read_slot(state: Path, register: str) -> SlotTold | None:
    """What was said last; None when nothing was, or in another version's words."""
    try:
        return SlotTold(**json.loads(_path(state, register).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _finite(value: float) -> float | None:
    return None if math.isinf(value) else round(value, 1)


def _path(state: Path, register: str) -> Path:
    return state / "told" / "slot" / f"{register}.json"
