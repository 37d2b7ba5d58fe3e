"""What changes boundaries. Every action locks its district first, then its parcels in their order."""

from collections.abc import Sequence
from random import Random

from deploy.registers.cadastre.places import (
    Neighbours,
    Parcel,
    houses,
    settle,
    some_district,
    some_neighbours,
    some_parcel,
)
from deploy.registers.cadastre.shapes import Plot, Rectangle, cut, cuts, drawn, plain
from deploy.registers.draws import REFERENCE_DAY, Database, full_name, one, run


def split(db: Database, rng: Random) -> int:
    """A parcel becomes two or three; no boundary goes through a house."""
    parcel = some_parcel(db, rng, some_district(db, rng))
    if parcel is None:
        return 0
    parts = _parts(db, rng, [parcel], parcel.area, rng.choice((1, 1, 2)))
    return 0 if len(parts) < 2 else _survey(db, rng, "split", [parcel], list(map(plain, parts)))


def merge(db: Database, rng: Random) -> int:
    """Two neighbours become one."""
    pair = some_neighbours(db, rng)
    return 0 if pair is None else _survey(db, rng, "merge", pair.parcels, [pair.whole])


def rearrange(db: Database, rng: Random) -> int:
    """Two neighbours become two or three other parcels."""
    if (pair := some_neighbours(db, rng)) is None:
        return 0
    parts = _parts(db, rng, pair.parcels, pair.whole.area, rng.choice((1, 2)))
    return 0 if len(parts) < 2 else _survey(db, rng, "rearrangement", pair.parcels, list(map(plain, parts)))


def move_boundary(db: Database, rng: Random) -> int:
    """The line between two neighbours was wrong: the one that grows collides with the other until that has shrunk."""
    pair = some_neighbours(db, rng)
    places = [] if pair is None else _places(db, rng, pair)
    if pair is None or not places:
        return 0
    parts = cut(pair.whole.area, places, is_upright=pair.is_upright)
    changed = sorted(zip(pair.parcels, parts, strict=True), key=lambda one: one[0].area.area - one[1].area)
    for parcel, area in changed:
        run(
            db,
            """UPDATE cadastre.parcel p SET boundary = %s, area_m2 = %s, value_eur = round(%s * d.price_m2, 4)
               FROM cadastre.district d WHERE d.code = p.district AND (p.district, p.number) = (%s, %s)""",
            (plain(area).boundary, area.area, area.area, parcel.district, parcel.number),
        )
    return 4 + settle(db, pair.parcels, [parcel.number for parcel in pair.parcels])


def _places(db: Database, rng: Random, pair: Neighbours) -> list[int]:
    taken = houses(db, pair.parcels, is_upright=pair.is_upright)
    return cuts(rng, pair.whole.area, 1, is_upright=pair.is_upright, taken=taken)


def _parts(db: Database, rng: Random, parcels: Sequence[Parcel], area: Rectangle, lines: int) -> list[Rectangle]:
    """The land of parcels cut by so many lines that leave houses alone; whole where there is no room for them."""
    taken = houses(db, parcels, is_upright=area.is_wide)
    return cut(area, cuts(rng, area, lines, is_upright=area.is_wide, taken=taken), is_upright=area.is_wide)


def _survey(db: Database, rng: Random, kind: str, parents: Sequence[Parcel], plots: Sequence[Plot]) -> int:
    """Parcels that are locked with their district make place for others."""
    district, old = parents[0].district, [parcel.number for parcel in parents]
    last = one(
        db,
        "UPDATE cadastre.district SET last_number = last_number + %s WHERE code = %s RETURNING last_number",
        (len(plots), district),
    )
    survey = one(
        db,
        """INSERT INTO cadastre.survey (district, kind, surveyor, done_on, lines) VALUES (%s, %s, %s, %s, %s)
           RETURNING id""",
        (district, kind, full_name(rng), REFERENCE_DAY, drawn([plot.area for plot in plots])),
    )
    assert last is not None
    assert survey is not None
    new = list(range(int(str(last[0])) - len(plots) + 1, int(str(last[0])) + 1))
    run(
        db,
        "UPDATE cadastre.parcel SET state = 'retired', retired_on = %s WHERE district = %s AND number = ANY (%s)",
        (REFERENCE_DAY, district, old),
    )
    for number, plot in zip(new, plots, strict=True):
        run(
            db,
            """INSERT INTO cadastre.parcel (district, number, boundary, area_m2, use, value_eur, registered_on)
               SELECT p.district, %s, %s, %s, p.use, round(%s * d.price_m2, 4), %s
               FROM cadastre.parcel p JOIN cadastre.district d ON d.code = p.district
               WHERE (p.district, p.number) = (%s, %s)""",
            (number, plot.boundary, plot.area.area, plot.area.area, REFERENCE_DAY, district, old[0]),
        )
    for role, numbers in (("before", old), ("after", new)):
        run(
            db,
            """INSERT INTO cadastre.survey_parcel
               SELECT %s, district, number, %s, area_m2 FROM cadastre.parcel
               WHERE district = %s AND number = ANY (%s)""",
            (survey[0], role, district, numbers),
        )
    return 2 + 3 * len(old) + 2 * len(new) + settle(db, parents, new)
