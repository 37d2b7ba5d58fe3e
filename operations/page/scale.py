"""Numbers of a past as places in a field of WIDTH by HEIGHT, which is stretched to where it is shown. Pure."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final, TypeVar

from operations.page.snapshot import Past
from operations.page.words import clock

T = TypeVar("T")
WIDTH: Final = 1000
HEIGHT: Final = 300
TIMES: Final = (60, 90, 120, 300, 450, 600, 1200, 1800, 3600, 7200, 14400, 28800, 43200, 86400)
"""Round numbers of seconds beyond a minute."""
_GAP_PARTS: Final = 40
"""A hole longer than this part of the span is shown as one."""
Values = Sequence[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A time in which the register was not live."""

    x: float
    width: float
    tone: str


class Scale:
    """Where a past's samples stand in a chart that is so high."""

    def __init__(self, past: Past, top: float) -> None:
        self._past, self._top = past, top
        length = (past.until - past.since).total_seconds()
        self._x = [round(WIDTH * (one.at - past.since).total_seconds() / length, 1) for one in past.samples]

    def y(self, value: float) -> float:
        """Height of a value."""
        return round(HEIGHT * (1 - min(1.0, max(0.0, value / self._top))), 1)

    def line(self, values: Values) -> str:
        """Path through what is known."""
        return "".join(
            "M" + "L".join(f"{self._x[at]} {self.y(values[at] or 0)}" for at in run) for run in self._runs(values)
        )

    def area(self, low: Values, high: Values) -> str:
        """Path around what lies between two rows of values, where the upper one is known."""
        path = ""
        for run in self._runs(high):
            there = [f"{self._x[at]} {self.y(high[at] or 0)}" for at in run]
            back = [f"{self._x[at]} {self.y(low[at] or 0)}" for at in reversed(run)]
            path += "M" + "L".join(there + back) + "Z"
        return path

    def _runs(self, values: Values) -> list[list[int]]:
        """Indices of what is known, unbroken."""
        runs: list[list[int]] = []
        for run in pieces(range(len(values)), lambda at: values[at] is not None):
            runs.append(run[:1])
            for before, after in pairwise(run):
                if self._x[after] - self._x[before] > WIDTH / _GAP_PARTS:
                    runs.append([])
                runs[-1].append(after)
        return [run for run in runs if len(run) > 1]

    def bands(self) -> Iterable[Band]:
        """States other than live, each from its first sample until the next state's."""
        samples, ends = self._past.samples, [*self._x[1:], float(WIDTH)]
        for state, run in groupby(range(len(samples)), lambda at: samples[at].state):
            piece = list(run)
            if state != "live":
                left = self._x[piece[0]]
                yield Band(x=left, width=round(ends[piece[-1]] - left, 1), tone=state)

    def x_labels(self) -> tuple[str, ...]:
        """Five times, the first and the last at the ends."""
        length = self._past.until - self._past.since
        return tuple(time_words(self._past, self._past.since + length * part / 4) for part in range(5))


def pieces(values: Sequence[T], is_known: Callable[[T], bool]) -> list[list[T]]:
    """Runs of what is known."""
    return [list(piece) for known, piece in groupby(values, is_known) if known]


def nice(most: float) -> float:
    """The next of 1, 2, 5, 10 ... that is not below."""
    power = 10.0 ** math.floor(math.log10(most)) if most > 0 else 1.0
    return next(step * power for step in (1, 2, 5, 10) if most <= step * power * 1.000001)


def nice_seconds(most: float) -> float:
    """The same of a time: beyond a minute in round minutes and hours."""
    return next((float(each) for each in TIMES if 50 < most <= each), nice(most))


def time_words(past: Past, at: dt.datetime) -> str:
    """A time as precise as the span asks for."""
    length = past.until - past.since
    if length > dt.timedelta(days=2):
        return f"{at.astimezone(dt.UTC):%-d %b %H:%M}"
    return clock(at)[:5]
