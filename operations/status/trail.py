"""How a lag went in the last minutes: a line of small bars, and whether it grows. Pure."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final, Literal

LENGTH: Final = dt.timedelta(minutes=5)
TREND: Final = dt.timedelta(seconds=12)
"""A lag is compared with what it was so long ago."""
STEADY_SECONDS: Final = 3.0
"""A lag goes up and down by a second or two with each pulse: less is no trend."""
MOMENTS_MAX: Final = 1000
BARS: Final = "▁▂▃▄▅▆▇█"
Trend = Literal["growing", "shrinking", "steady"]


class Trail:
    """One register's lags of the last minutes; None where nobody could say."""

    def __init__(self) -> None:
        self._at: list[dt.datetime] = []
        self._lags: list[float | None] = []

    def seed(self, earlier: Iterable[tuple[dt.datetime, float | None]]) -> None:
        """What was known before the first look here."""
        first = self._at[0] if self._at else None
        kept = [(at, lag) for at, lag in earlier if first is None or at < first]
        self._at[:0] = [at for at, _ in kept]
        self._lags[:0] = [lag for _, lag in kept]

    def add(self, at: dt.datetime, lag: float | None) -> None:
        """The newest; a clock that was set back begins a new trail."""
        if self._at and at <= self._at[-1]:
            if at == self._at[-1]:
                return
            self._at, self._lags = [], []
        self._at.append(at)
        self._lags.append(lag)
        gone = max(bisect_right(self._at, at - LENGTH), len(self._at) - MOMENTS_MAX)
        del self._at[:gone], self._lags[:gone]

    @property
    def trend(self) -> Trend | None:
        """Where it goes; None while nobody can say."""
        if not self._at or self._lags[-1] is None:
            return None
        place = bisect_right(self._at, self._at[-1] - TREND) - 1
        before = self._lags[max(0, place)]
        if before is None:
            return None
        if self._lags[-1] - before >= STEADY_SECONDS:
            return "growing"
        return "shrinking" if before - self._lags[-1] >= STEADY_SECONDS else "steady"

    def bars(self, width: int, *, objective: float | None) -> str:
        """The last minutes in `width` bars, each the worst of its part: half high at the objective, full at the worst.

        A space where there is nothing, a dot where nobody could say.
        """
        parts: list[list[float | None]] = [[] for _ in range(width)]
        if self._at:
            begin, step = self._at[-1] - LENGTH, LENGTH / width
            for at, lag in zip(self._at, self._lags, strict=True):
                if at > begin:
                    parts[min(width - 1, int((at - begin) / step))].append(lag)
        highest = max((lag for lag in self._lags if lag is not None), default=0.0)
        top = max(highest, 2 * objective if objective is not None else 1.0)
        return "".join(_bar(part, top) for part in parts)


def _bar(part: list[float | None], top: float) -> str:
    if not part:
        return " "
    known = [lag for lag in part if lag is not None]
    if len(known) < len(part):
        return "·"
    return BARS[min(len(BARS) - 1, int(max(known) / top * len(BARS)))]
