"""What the pulses that a standby applied showed: how long each was on its way, and where (hop by hop)."""

from __future__ import annotations

import datetime as dt
import time

from consumers import standby
from consumers.fetch import Ready
from consumers.passage import Way
from data_embassy.clock import Comparison
from data_embassy.hops import Measured, measure


class Beats:
    """Of one standby, since its worker began."""

    def __init__(self, comparison: Comparison) -> None:
        self.applied_at: float | None = None
        """Monotonic: no clock that is set makes a measurement young."""
        self.newest = Measured()
        """What the newest pulse showed that was applied."""
        self._slowest = Measured()
        self._comparison = comparison

    def applied(self, ready: Ready, now: dt.datetime) -> None:
        """A group with a pulse was committed."""
        self.applied_at = time.monotonic()
        self.newest = self._measured(ready.newest, now)
        slowest = self._measured(ready.oldest, now)
        if slowest.seconds >= self._slowest.seconds:
            self._slowest = slowest

    def take_slowest(self) -> Measured:
        """Of the pulses applied since the last call, the one that was longest on its way; else the newest."""
        slowest, self._slowest = self._slowest, Measured()
        return slowest if slowest.hops else self.newest

    def _measured(self, way: Way | None, now: dt.datetime) -> Measured:
        if way is None:
            return Measured()
        correction = self._comparison.correction
        return measure(way.pulse_at, way.passed, standby.microseconds(now), correction=correction)
