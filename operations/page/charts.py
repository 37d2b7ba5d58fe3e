"""Pictures as numbers: what a template needs to draw a chart, and the same as words. Pure.

Shapes are drawn in a field of WIDTH by HEIGHT that is stretched to its place; all words stand outside of it, in HTML.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final, TypeVar

from data_embassy.status import HOPS
from operations.page.snapshot import Past, Sample
from operations.page.words import UNKNOWN, agreed, amount, clock, lag

T = TypeVar("T")
WIDTH: Final = 1000
HEIGHT: Final = 300
HOP_WORDS: Final = {
    "capture": "capture",
    "home_topic": "home topic",
    "seal": "seal",
    "link": "link",
    "verify": "verify",
    "apply": "apply",
}
_OBJECTIVE_AT: Final = 2 / 3
"""Where a meter's mark stands, so that what is too much has its place as well."""
_GAP_PARTS: Final = 40
"""A hole longer than this part of the span is shown as one."""
_TABLE_ROWS: Final = 12
SPARK_POINTS_MIN: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """A lag beside its objective, as parts of a bar's width."""

    filled: float
    mark: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spark:
    """A small line, in a field of 100 by 20."""

    points: tuple[str, ...]
    """One list of points for each unbroken piece."""
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One path and its class."""

    name: str
    words: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A time in which the register was not live."""

    x: float
    width: float
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Something over time."""

    title: str
    words: str
    """What a person who does not see it should know."""
    shapes: tuple[Shape, ...]
    legend: tuple[tuple[str, str], ...]
    """Classes and words of what is drawn."""
    bands: tuple[Band, ...]
    y_labels: tuple[str, ...]
    """From the top to zero."""
    x_labels: tuple[str, ...]
    mark_y: float | None
    """Height of the objective."""
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """The same as a table."""


def meter(behind: float | None, objective: int | None) -> Meter | None:
    """None where there is nothing to compare."""
    if behind is None or objective is None:
        return None
    return Meter(
        filled=round(100 * min(1.0, behind / objective * _OBJECTIVE_AT), 1), mark=round(100 * _OBJECTIVE_AT, 1)
    )


def spark(trend: Sequence[float | None]) -> Spark | None:
    """A lag's last quarter of an hour; None before a few moments are known."""
    known = [value for value in trend if value is not None]
    if len(known) < SPARK_POINTS_MIN:
        return None
    top, step = max(*known, 1.0), 100 / (len(trend) - 1)
    pieces = _pieces([(index * step, value) for index, value in enumerate(trend)], lambda one: one[1] is not None)
    points = tuple(
        " ".join(f"{x:.1f},{19 - 18 * (y or 0) / top:.1f}" for x, y in piece) for piece in pieces if len(piece) > 1
    )
    half = len(known) // 2
    before, after = max(known[:half]), max(known[half:])
    course = "growing" if after > 1.5 * before + 1 else "falling" if before > 1.5 * after + 1 else "steady"
    return Spark(points=points, words=f"{course}, at worst {lag(max(known))} in the last 15 minutes")


def lag_chart(past: Past, objective: int | None) -> Chart:
    """Lag over time, and by hop where that is known: areas upon each other, the lag itself as a line above them."""
    lags = [one.lag_seconds for one in past.samples if one.lag_seconds is not None]
    top = nice(max([*lags, 0.001]))
    shown = objective is not None and objective <= 4 * top
    if shown and objective is not None:
        top = max(top, nice(objective * 1.01))
    scale = _Scale(past, top)
    hops = [name for name in HOPS if any(name in one.hops for one in past.samples)]
    levels = _stacked(past.samples, hops)
    shapes = [
        Shape(name=f"hop-{name}", words=HOP_WORDS[name], path=scale.area(*levels[at : at + 2]))
        for at, name in enumerate(hops)
    ]
    shapes.append(Shape(name="line", words="lag", path=scale.line([one.lag_seconds for one in past.samples])))
    worst = max(lags, default=None)
    return Chart(
        title="Lag" + (" by hop" if hops else ""),
        words=_lag_words(past, worst, objective),
        shapes=tuple(shape for shape in shapes if shape.path),
        legend=(*((f"hop-{name}", HOP_WORDS[name]) for name in hops), ("line", "lag")),
        bands=tuple(scale.bands()),
        y_labels=tuple(_seconds(top * part) for part in (1, 0.5, 0)),
        x_labels=scale.x_labels(),
        mark_y=scale.y(objective) if shown and objective is not None else None,
        head=("Time (UTC)", "Lag", *(HOP_WORDS[name] for name in hops), "State"),
        rows=tuple(
            (
                _time(past, one.at),
                _seconds(one.lag_seconds),
                *(_seconds(one.hops.get(name)) for name in hops),
                one.state,
            )
            for one in (past.samples[at] for at in _few(past.samples))
        ),
    )


def rate_chart(past: Past) -> Chart | None:
    """Transactions per second; None where nobody counts them."""
    rates = [None, *(rate for _, rate in rates_of(past.samples))]
    known = [rate for rate in rates if rate is not None]
    if not known:
        return None
    words = f"On average {amount(sum(known) / len(known))} per second, at most {amount(max(known))}."
    return _plain_chart(past, "Transactions per second", words, rates)


def backlog_chart(past: Past) -> Chart | None:
    """Envelopes that wait at the embassy; None where nobody knows."""
    waiting = [None if one.backlog_envelopes is None else float(one.backlog_envelopes) for one in past.samples]
    known = [number for number in waiting if number is not None]
    if not known:
        return None
    return _plain_chart(past, "Envelopes that wait", f"Now {amount(known[-1])}, at most {amount(max(known))}.", waiting)


def _plain_chart(past: Past, title: str, words: str, values: Values) -> Chart:
    """One area."""
    top = nice(max(1.0, *(value for value in values if value is not None)))
    scale = _Scale(past, top)
    path = scale.area([0.0] * len(values), values)
    return Chart(
        title=title,
        words=words,
        shapes=(Shape(name="work", words=title, path=path),),
        legend=(),
        bands=(),
        y_labels=tuple(amount(top * part) for part in (1, 0.5, 0)),
        x_labels=scale.x_labels(),
        mark_y=None,
        head=("Time (UTC)", title),
        rows=tuple((_time(past, past.samples[at].at), amount(values[at])) for at in _few(values)),
    )


def rates_of(samples: Sequence[Sample]) -> list[tuple[Sample, float | None]]:
    """Transactions per second between each sample and the one before; None after a new generation began to count."""
    found: list[tuple[Sample, float | None]] = []
    for before, after in pairwise(samples):
        seconds = (after.at - before.at).total_seconds()
        if before.transactions is None or after.transactions is None or seconds <= 0:
            found.append((after, None))
        else:
            done = after.transactions - before.transactions
            found.append((after, done / seconds if done >= 0 else None))
    return found


def nice(most: float) -> float:
    """The next of 1, 2, 5, 10 ... above; of seconds, minutes and hours beyond a minute."""
    for round_number in (60, 90, 120, 300, 450, 600, 1200, 1800, 3600, 7200, 14400, 28800, 43200, 86400):
        if 50 < most <= round_number:
            return float(round_number)
    power = 10.0 ** math.floor(math.log10(most)) if most > 0 else 1.0
    return next(step * power for step in (1, 2, 5, 10) if most <= step * power * 1.000001)


Values = Sequence[float | None]


class _Scale:
    """Where a past's samples stand in a chart that is so high."""

    def __init__(self, past: Past, top: float) -> None:
        self._past, self._top = past, top
        length = (past.until - past.since).total_seconds()
        self._x = [round(WIDTH * (one.at - past.since).total_seconds() / length, 1) for one in past.samples]

    def y(self, value: float) -> float:
        return round(HEIGHT * (1 - min(1.0, max(0.0, value / self._top))), 1)

    def line(self, values: Values) -> str:
        return "".join(
            "M" + "L".join(f"{self._x[at]} {self.y(values[at] or 0)}" for at in run) for run in self._runs(values)
        )

    def area(self, low: Values, high: Values) -> str:
        path = ""
        for run in self._runs(high):
            there = [f"{self._x[at]} {self.y(high[at] or 0)}" for at in run]
            back = [f"{self._x[at]} {self.y(low[at] or 0)}" for at in reversed(run)]
            path += "M" + "L".join(there + back) + "Z"
        return path

    def _runs(self, values: Values) -> list[list[int]]:
        """Indices of what is known, unbroken."""
        runs: list[list[int]] = []
        for run in _pieces(range(len(values)), lambda at: values[at] is not None):
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
        length = self._past.until - self._past.since
        return tuple(_time(self._past, self._past.since + length * part / 4) for part in range(5))


def _pieces(values: Sequence[T], is_known: Callable[[T], bool]) -> list[list[T]]:
    """Runs of what is known."""
    return [list(piece) for known, piece in groupby(values, is_known) if known]


def _stacked(samples: Sequence[Sample], hops: Sequence[str]) -> list[list[float | None]]:
    """Of each sample the sum of all hops before each, and of all; None where none of them is known."""
    levels: list[list[float | None]] = [[0.0] * len(samples)]
    for name in hops:
        below = levels[-1]
        levels.append(
            [(below[at] or 0.0) + one.hops.get(name, 0.0) if one.hops else None for at, one in enumerate(samples)]
        )
    return levels


def _few(values: Sequence[object]) -> list[int]:
    """Indices of some of them, evenly, and of the last."""
    rows = min(len(values), _TABLE_ROWS)
    return [round(row * (len(values) - 1) / max(1, rows - 1)) for row in range(rows)]


def _seconds(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    if value == 0:
        return "0"
    return f"{value * 1000:.0f} ms" if value < 0.1 else lag(value).replace(".0 s", " s").replace(" 0 s", "")


def _time(past: Past, at: dt.datetime) -> str:
    length = past.until - past.since
    if length > dt.timedelta(days=2):
        return f"{at.astimezone(dt.UTC):%-d %b %H:%M}"
    return clock(at)[:5]


def _lag_words(past: Past, worst: float | None, objective: int | None) -> str:
    if worst is None:
        return "Nothing is known of this time."
    text = f"In the last {past.span.words} at worst {lag(worst)}"
    last = next((one.lag_seconds for one in reversed(past.samples) if one.lag_seconds is not None), None)
    text += f", now {lag(last)}"
    if objective is not None:
        text += f"; agreed are at most {agreed(objective)}"
    return text + "."
