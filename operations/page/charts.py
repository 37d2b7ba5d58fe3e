"""Pictures as numbers: what a template needs to draw a chart, and the same as words. Pure.

Shapes are drawn in a field of WIDTH by HEIGHT that is stretched to its place; all words stand outside of it, in HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from data_embassy.status import HOPS
from operations.page.scale import Band, Scale, Values, nice, nice_seconds, pieces, time_words
from operations.page.snapshot import Past, Sample
from operations.page.words import HOP_WORDS, agreed, lag
from operations.words import UNKNOWN, amount

_OBJECTIVE_AT: Final = 2 / 3
"""Where a meter's mark stands, so that what is too much has its place as well."""
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
    runs = pieces([(index * step, value) for index, value in enumerate(trend)], lambda one: one[1] is not None)
    points = tuple(
        " ".join(f"{x:.1f},{19 - 18 * (y or 0) / top:.1f}" for x, y in piece) for piece in runs if len(piece) > 1
    )
    half = len(known) // 2
    before, after = max(known[:half]), max(known[half:])
    course = "growing" if after > 1.5 * before + 1 else "falling" if before > 1.5 * after + 1 else "steady"
    return Spark(points=points, words=f"{course}, at worst {lag(max(known))} in the last 15 minutes")


def lag_chart(past: Past, objective: int | None) -> Chart:
    """Lag over time, and by hop where that is known: areas upon each other, the lag itself as a line above them."""
    lags = [one.lag_seconds for one in past.samples if one.lag_seconds is not None]
    top = nice_seconds(max([*lags, 0.001]))
    shown = objective is not None and objective <= 4 * top
    if shown and objective is not None:
        top = max(top, nice_seconds(objective * 1.01))
    scale = Scale(past, top)
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
                time_words(past, one.at),
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
    most = max(known)
    words = f"At most {amount(most)}." if most else "None was seen to wait."
    return _plain_chart(past, "Envelopes that wait", words, waiting, top_least=2.0)


def _plain_chart(past: Past, title: str, words: str, values: Values, *, top_least: float = 1.0) -> Chart:
    """One area; of what is counted one by one the axis shows no half."""
    top = nice(max(top_least, *(value for value in values if value is not None)))
    scale = Scale(past, top)
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
        rows=tuple((time_words(past, past.samples[at].at), amount(values[at])) for at in _few(values)),
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


def _lag_words(past: Past, worst: float | None, objective: int | None) -> str:
    if worst is None:
        return "Nothing is known of this time."
    text = f"In the last {past.span.words} at worst {lag(worst)}"
    if objective is not None:
        text += f"; agreed are at most {agreed(objective)}"
    return text + "."
