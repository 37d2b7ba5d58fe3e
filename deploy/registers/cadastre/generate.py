"""Fills the cadastre: districts cut into parcels, surveys of the past, buildings, restrictions."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import count, pairwise
from math import isqrt
from random import Random

from deploy.registers import names
from deploy.registers.cadastre.shapes import Plot, Rectangle, cut, cuts, drawn, house, joined, plain
from deploy.registers.draws import full_name, recent_day, street_address
from deploy.registers.loading import Load, line

_DISTRICTS = 240  # at scale 1
_SIDE = 1_000
_FIRST_PARCELS = 90
"""In each district."""
_SPLITS, _MERGES, _ZONES = 14, 6, 5
_FIRST_DAY = date(2004, 5, 1)
USES = ("residential", "residential", "arable", "forest", "commercial", "public")
ZONES = ("Veekaitsevöönd", "Power line", "Denkmalschutz", "Охранная зона")


@dataclass(slots=True, kw_only=True)
class _Parcel:
    number: int
    plot: Plot
    day: date
    born: int | None = None
    """The survey that it came from."""
    ended: "_Survey | None" = None


@dataclass(frozen=True, slots=True)
class _Survey:
    number: int
    kind: str
    day: date
    lines: str


@dataclass(slots=True)
class _District:
    code: int
    extent: Rectangle
    price: Decimal
    parcels: list[_Parcel] = field(default_factory=list)
    surveys: list[_Survey] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{names.PLACES[self.code % len(names.PLACES)]} {self.code}"

    def live(self) -> list[_Parcel]:
        return [parcel for parcel in self.parcels if parcel.ended is None]

    def add(self, plot: Plot, day: date, survey: int | None = None) -> None:
        self.parcels.append(_Parcel(number=len(self.parcels) + 1, plot=plot, day=day, born=survey))


def fill(load: Load, scale: float) -> None:
    """Write all rows; scale 1 is about 240 districts, 30,000 parcels and 100,000 rows."""
    rng, surveys = load.rng, count(1)
    districts = list(_districts(rng, max(4, int(_DISTRICTS * scale))))
    for district in districts:
        _survey(rng, district, surveys)
    load.copy("district", ("code", "name", "extent", "last_number", "price_m2"),
              (line(one.code, one.name, one.extent.box, len(one.parcels), one.price) for one in districts))  # fmt: skip
    load.copy("parcel", ("district", "number", "state", "boundary", "area_m2", "use", "value_eur", "version",
                         "registered_on", "retired_on"), _parcels(rng, districts))  # fmt: skip
    load.execute("SET CONSTRAINTS ALL IMMEDIATE")
    load.copy("parcel_history", ("district", "number", "version", "state", "boundary", "area_m2", "use", "replaced_at"),
              _history(rng, districts))  # fmt: skip
    load.copy("survey", ("id", "district", "kind", "surveyor", "done_on", "lines"),
              (line(survey.number, one.code, survey.kind, full_name(rng), survey.day, survey.lines)
               for one in districts for survey in one.surveys))  # fmt: skip
    load.copy("survey_parcel", ("survey", "district", "number", "role", "area_m2"), _lineage(districts))
    load.copy("building", ("district", "parcel", "outline", "storeys", "address"), _buildings(rng, districts))
    load.copy("restriction", ("district", "kind", "zone"), _zones(rng, districts))
    load.restart("survey")
    load.execute("INSERT INTO cadastre.burden SELECT restriction, district, parcel FROM cadastre.touched")


def _districts(rng: Random, number: int) -> Iterator[_District]:
    """Squares beside and above each other."""
    columns = isqrt(number - 1) + 1
    for place in range(number):
        left, bottom = 400_000 + _SIDE * (place % columns), 6_400_000 + _SIDE * (place // columns)
        extent = Rectangle(left, bottom, left + _SIDE, bottom + _SIDE)
        yield _District(101 + place, extent, Decimal(rng.randrange(100, 900_000)) / 10_000)


def _survey(rng: Random, district: _District, numbers: Iterator[int]) -> None:
    """The first parcels of a district, and what surveys made of some of them."""
    pieces = [district.extent]
    while len(pieces) < _FIRST_PARCELS:
        largest = max(rng.sample(range(len(pieces)), min(4, len(pieces))), key=lambda one: pieces[one].area)
        pieces[largest : largest + 1] = _parts(rng, pieces[largest], 2)
    for piece in pieces:
        district.add(plain(piece), _FIRST_DAY)
    days = sorted(recent_day(rng) for _ in range(_SPLITS + _MERGES))
    for day in days[:_SPLITS]:
        parcel = rng.choice(district.live())
        parts = _parts(rng, parcel.plot.area, rng.choice((2, 2, 3)))
        if len(parts) > 1:
            _replace(district, [parcel], list(map(plain, parts)), _Survey(next(numbers), "split", day, drawn(parts)))
    for day in days[_SPLITS:]:
        first, second = rng.choice(list(pairwise(district.live())))
        if plot := joined(first.plot.area, second.plot.area):
            _replace(district, [first, second], [plot], _Survey(next(numbers), "merge", day, "{}"))


def _parts(rng: Random, area: Rectangle, number: int) -> list[Rectangle]:
    """So many parts, or the whole where there is no room for them."""
    places = cuts(rng, area, number - 1, is_upright=area.is_wide)
    return cut(area, places, is_upright=area.is_wide)


def _replace(district: _District, parents: list[_Parcel], children: list[Plot], survey: _Survey) -> None:
    district.surveys.append(survey)
    for parent in parents:
        parent.ended = survey
    for child in children:
        district.add(child, survey.day, survey.number)


def _parcels(rng: Random, districts: list[_District]) -> Iterator[str]:
    for district in districts:
        for parcel in district.parcels:
            ended = parcel.ended
            state, version, day = ("live", 1, None) if ended is None else ("retired", 2, ended.day)
            area = parcel.plot.area.area
            yield line(district.code, parcel.number, state, parcel.plot.boundary, area, rng.choice(USES),
                       area * district.price, version, parcel.day, day)  # fmt: skip


def _history(rng: Random, districts: list[_District]) -> Iterator[str]:
    """What is retired was live before."""
    for district in districts:
        for parcel in district.parcels:
            if parcel.ended is not None:
                yield line(district.code, parcel.number, 1, "live", parcel.plot.boundary, parcel.plot.area.area,
                           rng.choice(USES), f"{parcel.ended.day} 10:00:00+02")  # fmt: skip


def _lineage(districts: list[_District]) -> Iterator[str]:
    for district in districts:
        for parcel in district.parcels:
            area = parcel.plot.area.area
            if parcel.born is not None:
                yield line(parcel.born, district.code, parcel.number, "after", area)
            if parcel.ended is not None:
                yield line(parcel.ended.number, district.code, parcel.number, "before", area)


def _buildings(rng: Random, districts: list[_District]) -> Iterator[str]:
    for district in districts:
        for parcel in district.live():
            for _ in range(rng.choice((0, 1, 1, 2))):
                if outline := house(rng, parcel.plot.area):
                    yield line(district.code, parcel.number, outline, rng.randrange(1, 9), street_address(rng))


def _zones(rng: Random, districts: list[_District]) -> Iterator[str]:
    for district in districts:
        for _ in range(_ZONES):
            yield line(district.code, rng.choice(ZONES), zone(rng, district.extent))


def zone(rng: Random, extent: Rectangle) -> str:
    """A circle in a district, as PostgreSQL reads one."""
    x, y = rng.randrange(extent.left, extent.right), rng.randrange(extent.bottom, extent.top)
    return f"<({x},{y}),{rng.randrange(10, 900) / 10 + 0.07}>"
