"""How far the clocks of the two sites are apart, measured from messages that pass both ways anyway. Pure.

A message stamped by one clock and read by the other shows `difference + travel`, and travel is never negative. The
smallest such number of each direction therefore bounds the difference from both sides (Cristian 1989; NTP takes the
middle of the same bounds):

    up   = min(embassy's time of receipt - home's time of sending)    = difference + shortest way there
    down = min(home's time of reading   - embassy's time of signing)  = shortest way back - difference
    -down <= difference (embassy minus home) <= up
"""

from __future__ import annotations

import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

HEADER: Final = "clock"
"""Kafka header of a lane's messages: home's `down` in microseconds, so that the embassy knows both bounds."""
OFFSET_SECONDS_MAX: Final = 1.0
"""Beyond it a lag is not trusted."""
WINDOW_SECONDS: Final = 60.0
_STEP_SECONDS: Final = 0.5
_CONTRADICTION_SECONDS: Final = 0.05
"""Clocks are slewed a little and stamps are rounded; more is a clock that was set."""
_AHEAD_SECONDS: Final = 0.1
_HEADER: Final = struct.Struct(">q")
_MICROSECONDS: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """The embassy's clock minus home's, in seconds."""

    seconds: float
    uncertainty: float
    """Half the distance of the bounds. Negative where they contradict each other: one of the clocks was set."""

    @property
    def is_contradiction(self) -> bool:
        """True when the bounds exclude each other: one of them is of a time before a clock was set."""
        return self.uncertainty < -_CONTRADICTION_SECONDS

    @property
    def is_small(self) -> bool | None:
        """Whether it certainly lies within the limit, or certainly beyond it; None when neither is certain."""
        if self.is_contradiction or abs(self.seconds) - self.uncertainty > OFFSET_SECONDS_MAX:
            return False
        return True if abs(self.seconds) + self.uncertainty <= OFFSET_SECONDS_MAX else None

    @property
    def correction(self) -> float:
        """What has to be taken from the embassy's clock at least, in seconds (`correction_between`)."""
        return correction_between(self.seconds + self.uncertainty, self.uncertainty - self.seconds)


def correction_between(up: float | None, down: float | None) -> float:
    """The difference nearest to none within its bounds, in seconds: what agrees anyway is not made to jitter.

    Where a clock was set the bounds contradict each other for a minute, and the one that makes a lag larger counts.
    """
    least = float("-inf") if down is None else -down
    most = float("inf") if up is None else up
    return min(max(0.0, least), most)


def behind(now: float, pulse_at: float, *, correction: float = 0.0, ahead: float = 0.0) -> float | None:
    """Lag in seconds: from a pulse (by the register's clock) to `now` (by the embassy's).

    `ahead` is how far the register's clock is known to be ahead of home's. None where the pulse seems to come from the
    future: then the clocks differ by more than is known, and 0 would be a lie.
    """
    seconds = now - correction - (pulse_at - ahead)
    return None if seconds < -_AHEAD_SECONDS else max(0.0, seconds)


def offset_between(up: float | None, down: float | None) -> Offset | None:
    """The difference within its bounds; None while one direction is unknown."""
    if up is None or down is None:
        return None
    return Offset(seconds=(up - down) / 2, uncertainty=(up + down) / 2)


def settle(offset: Offset | None, own: Travel) -> None:
    """Where the bounds exclude each other, what this site measured before it knew so says nothing any more.

    Otherwise a clock that was set would be taken for half of what it was set by, until a minute has passed: the other
    site would look silent for so long.
    """
    if offset is not None and offset.is_contradiction:
        own.restart()


class Travel:
    """The smallest travel time of one direction within the last minute, by both clocks. Any thread may use it.

    It is kept when nothing arrives any more: a cut link moves no clock. When this machine's own clock is set, what
    was measured before says nothing any more.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock, self._monotonic = clock, monotonic
        self._lock = threading.Lock()
        self._smallest: deque[tuple[float, float]] = deque()
        """(monotonic time, seconds), both rising."""
        self._base = clock() - monotonic()

    def observe(self, sent_at: float) -> None:
        """A message that the other site stamped with this time (seconds since 1970) is here now."""
        with self._lock:
            now, wall = self._monotonic(), self._clock()
            if abs(wall - now - self._base) > _STEP_SECONDS:
                self._smallest.clear()
            self._base = wall - now
            seconds = wall - sent_at
            while self._smallest and self._smallest[-1][1] >= seconds:
                self._smallest.pop()
            self._smallest.append((now, seconds))
            while self._smallest[0][0] < now - WINDOW_SECONDS:
                self._smallest.popleft()

    def restart(self) -> None:
        """Only the newest message counts from here on."""
        with self._lock:
            while len(self._smallest) > 1:
                self._smallest.popleft()

    @property
    def seconds(self) -> float | None:
        """The smallest number of the last minute in which anything came; None before the first."""
        with self._lock:
            return self._smallest[0][1] if self._smallest else None


class Comparison:
    """The embassy's half: what it measured itself, and what home said of the other direction."""

    def __init__(self) -> None:
        self.up = Travel()
        self.down: float | None = None

    def hear(self, sent_at: float, down: float | None) -> None:
        """A message that home sent at this time is here, with home's half where it carries it."""
        self.up.observe(sent_at)
        if down is not None:
            self.down = down
        settle(self.offset, self.up)

    @property
    def offset(self) -> Offset | None:
        """The difference as both directions show it."""
        return offset_between(self.up.seconds, self.down)

    @property
    def correction(self) -> float:
        """As Offset.correction, from what is known of either direction."""
        return correction_between(self.up.seconds, self.down)

    @property
    def is_small(self) -> bool | None:
        """As Offset.is_small; one direction alone can already show that the embassy's clock is behind."""
        if (offset := self.offset) is not None:
            return offset.is_small
        return False if self.up.seconds is not None and self.up.seconds < -OFFSET_SECONDS_MAX else None


def encode_header(seconds: float) -> bytes:
    """The header's value."""
    return _HEADER.pack(round(seconds * _MICROSECONDS))


def decode_header(value: bytes | None) -> float | None:
    """Seconds; None for what is no such header. It is not signed: it may only make a lag look less certain or more."""
    if value is None or len(value) != _HEADER.size:
        return None
    return float(_HEADER.unpack(value)[0]) / _MICROSECONDS
