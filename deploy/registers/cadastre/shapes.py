"""Parcels as rectangles with whole corners: cutting them, joining them, finding room for a house."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]

_NUMBER = re.compile(r"-?\d+")
_SIDE_MIN = 2
_HOUSE_ROOM_MIN = 4
_HOUSE_MAX = 30


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A piece of land, in metres."""

    left: int
    bottom: int
    right: int
    top: int

    @property
    def width(self) -> int:
        """From west to east."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """From south to north."""
        return self.top - self.bottom

    @property
    def area(self) -> int:
        """In square metres."""
        return self.width * self.height

    @property
    def is_wide(self) -> bool:
        """True when it is cut best from north to south."""
        return self.width >= self.height

    @property
    def box(self) -> str:
        """As PostgreSQL reads a box."""
        return f"({self.right},{self.top}),({self.left},{self.bottom})"

    def corners(self) -> list[Point]:
        """All four, clockwise from the south-west."""
        return [(self.left, self.bottom), (self.left, self.top), (self.right, self.top), (self.right, self.bottom)]


@dataclass(frozen=True, slots=True)
class Plot:
    """A rectangle with its boundary, which may have corners where it is straight."""

    area: Rectangle
    boundary: str


def plain(area: Rectangle) -> Plot:
    """A plot with four corners."""
    return Plot(area, polygon(area.corners()))


def polygon(points: Iterable[Point]) -> str:
    """Points as PostgreSQL reads a polygon."""
    return f"({','.join(f'({x},{y})' for x, y in points)})"


def rectangle(box: object) -> Rectangle:
    """A box as PostgreSQL writes it, with whole corners."""
    right, top, left, bottom = map(int, _NUMBER.findall(str(box)))
    return Rectangle(left, bottom, right, top)


def cuts(
    rng: Random, area: Rectangle, count: int, *, is_upright: bool, taken: Sequence[tuple[float, float]] = ()
) -> list[int]:
    """Where to cut in this direction, at different places outside what is `taken`; none where there is no room."""
    begin, end = (area.left, area.right) if is_upright else (area.bottom, area.top)
    places = [
        place
        for place in range(begin + _SIDE_MIN, end - _SIDE_MIN + 1, _SIDE_MIN)
        if not any(low < place < high for low, high in taken)
    ]
    return sorted(rng.sample(places, count)) if len(places) >= count else []


def cut(area: Rectangle, places: Sequence[int], *, is_upright: bool) -> list[Rectangle]:
    """The parts between these places, from west to east (upright), or from south to north."""
    begin, end = (area.left, area.right) if is_upright else (area.bottom, area.top)
    edges = pairwise((begin, *places, end))
    if is_upright:
        return [Rectangle(left, area.bottom, right, area.top) for left, right in edges]
    return [Rectangle(area.left, bottom, area.right, top) for bottom, top in edges]


def drawn(parts: Sequence[Rectangle]) -> str:
    """The lines between parts that follow one another, as an array of lseg."""
    lines = []
    for first, second in pairwise(parts):
        if first.right == second.left:
            lines.append(f'"[({first.right},{first.bottom}),({first.right},{first.top})]"')
        else:
            lines.append(f'"[({first.left},{first.top}),({first.right},{first.top})]"')
    return f"{{{','.join(lines)}}}"


def joined(first: Rectangle, second: Rectangle) -> Plot | None:
    """Two neighbours as one, with corners where their common side ended; None unless that is a rectangle."""
    low, high = sorted((first, second), key=lambda one: (one.left, one.bottom))
    whole = Rectangle(low.left, low.bottom, high.right, high.top)
    a, b, c, d = whole.corners()
    if low.right == high.left and (low.bottom, low.top) == (high.bottom, high.top):
        return Plot(whole, polygon([a, b, (low.right, low.top), c, d, (low.right, low.bottom)]))
    if low.top == high.bottom and (low.left, low.right) == (high.left, high.right):
        return Plot(whole, polygon([a, (low.left, low.top), b, c, (low.right, low.top), d]))
    return None


def house(rng: Random, area: Rectangle) -> str | None:
    """The outline of a house with room on all sides: a rectangle, an angle or a rhomb; None where there is no room."""
    if min(area.width, area.height) < _HOUSE_ROOM_MIN:
        return None
    (x0, x2), (y0, y2) = _span(rng, area.left, area.right), _span(rng, area.bottom, area.top)
    x1, y1 = (x0 + 2 * x2) / 3, (y0 + y2) / 2
    shapes: tuple[list[Point], ...] = (
        [(x0, y0), (x0, y2), (x2, y2), (x2, y0)],
        [(x0, y0), (x0, y2), (x1, y2), (x1, y1), (x2, y1), (x2, y0)],
        [(x0, y1), (x1, y2), (x2, y1), (x1, y0)],
    )
    return polygon(rng.choice(shapes))


def _span(rng: Random, begin: int, end: int) -> tuple[float, float]:
    """Two places between, half a metre from each other and from the ends at least."""
    first = rng.randrange(2 * begin + 1, 2 * end - 2)
    return first / 2, rng.randrange(first + 1, min(first + _HOUSE_MAX, 2 * end)) / 2
