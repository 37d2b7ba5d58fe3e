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
    scale = _Scale(past=past, top=top)
    hops = [name for name in HOPS if any(name in one.hops for one in past.samples)]
    shapes = [
        Shape(name=f"hop-{name}", words=HOP_WORDS[name], path=scale.area(_below(hops, name), _upto(hops, name)))
        for name in hops
    ]
    shapes.append(Shape(name="line", words="lag", path=scale.line(lambda one: one.lag_seconds)))
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
            for one in _few(past.samples)
        ),
    )


def rate_chart(past: Past) -> Chart | None:
    """Transactions per second; None where nobody counts them."""
    rates = rates_of(past.samples)
    known = [rate for _, rate in rates if rate is not None]
    if not known:
        return None
    top = nice(max([*known, 1.0]))
    scale = _Scale(past=past, top=top)
    by_time = {one.at: rate for one, rate in rates}
    path = scale.area(lambda one: None if by_time.get(one.at) is None else 0.0, lambda one: by_time.get(one.at))
    mean = sum(known) / len(known)
    return Chart(
        title="Transactions per second",
        words=f"On average {amount(mean)} per second, at most {amount(max(known))}.",
        shapes=(Shape(name="work", words="transactions per second", path=path),),
        legend=(),
        bands=(),
        y_labels=tuple(amount(top * part) for part in (1, 0.5, 0)),
        x_labels=scale.x_labels(),
        mark_y=None,
        head=("Time (UTC)", "Transactions per second"),
        rows=tuple((_time(past, one.at), amount(by_time.get(one.at))) for one in _few([one for one, _ in rates])),
    )


def backlog_chart(past: Past) -> Chart | None:
    """Envelopes that wait at the embassy; None where nobody knows."""
    known = [one.backlog_envelopes for one in past.samples if one.backlog_envelopes is not None]
    if not known:
        return None
    top = nice(float(max([*known, 1])))
    scale = _Scale(past=past, top=top)
    path = scale.area(
        lambda one: None if one.backlog_envelopes is None else 0.0,
        lambda one: None if one.backlog_envelopes is None else float(one.backlog_envelopes),
    )
    return Chart(
        title="Envelopes that wait",
        words=f"Now {amount(known[-1])}, at most {amount(max(known))}.",
        shapes=(Shape(name="work", words="envelopes", path=path),),
        legend=(),
        bands=(),
        y_labels=tuple(amount(top * part) for part in (1, 0.5, 0)),
        x_labels=scale.x_labels(),
        mark_y=None,
        head=("Time (UTC)", "Envelopes"),
        rows=tuple((_time(past, one.at), amount(one.backlog_envelopes)) for one in _few(past.samples)),
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


Value = Callable[[Sample], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    past: Past
    top: float

    def x(self, at: dt.datetime) -> float:
        length = (self.past.until - self.past.since).total_seconds()
        return round(WIDTH * (at - self.past.since).total_seconds() / length, 1)

    def y(self, value: float) -> float:
        return round(HEIGHT * (1 - min(1.0, max(0.0, value / self.top))), 1)

    def line(self, value: Value) -> str:
        return "".join(
            "M" + "L".join(f"{self.x(one.at)} {self.y(value(one) or 0)}" for one in piece)
            for piece in self._known(value)
        )

    def area(self, low: Value, high: Value) -> str:
        path = ""
        for piece in self._known(high):
            there = [f"{self.x(one.at)} {self.y(high(one) or 0)}" for one in piece]
            back = [f"{self.x(one.at)} {self.y(low(one) or 0)}" for one in reversed(piece)]
            path += "M" + "L".join(there + back) + "Z"
        return path

    def _known(self, value: Value) -> list[list[Sample]]:
        longest = (self.past.until - self.past.since) / _GAP_PARTS
        pieces: list[list[Sample]] = []
        for piece in _pieces(self.past.samples, lambda one: value(one) is not None):
            pieces.append(piece[:1])
            for before, after in pairwise(piece):
                if after.at - before.at > longest:
                    pieces.append([])
                pieces[-1].append(after)
        return [piece for piece in pieces if len(piece) > 1]

    def bands(self) -> Iterable[Band]:
        """States other than live, each from its first sample to the next one's."""
        for state, run in groupby(self.past.samples, lambda one: one.state):
            piece = list(run)
            left, right = self.x(piece[0].at), self.x(piece[-1].at) + WIDTH / len(self.past.samples)
            if state != "live":
                yield Band(x=left, width=round(min(WIDTH, right) - left, 1), tone=state)

    def x_labels(self) -> tuple[str, ...]:
        length = self.past.until - self.past.since
        return tuple(_time(self.past, self.past.since + length * part / 4) for part in range(5))


def _pieces(values: Sequence[T], is_known: Callable[[T], bool]) -> list[list[T]]:
    """Runs of what is known."""
    return [list(piece) for known, piece in groupby(values, is_known) if known]


def _below(hops: Sequence[str], name: str) -> Value:
    under = hops[: hops.index(name)]
    return lambda one: sum(one.hops.get(each, 0.0) for each in under)


def _upto(hops: Sequence[str], name: str) -> Value:
    upto = hops[: hops.index(name) + 1]
    return lambda one: sum(one.hops.get(each, 0.0) for each in upto) if one.hops else None


def _few(samples: Sequence[Sample]) -> list[Sample]:
    """Some of them, evenly, and the last."""
    if len(samples) <= _TABLE_ROWS:
        return list(samples)
    step = (len(samples) - 1) / (_TABLE_ROWS - 1)
    return [samples[round(index * step)] for index in range(_TABLE_ROWS)]


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
