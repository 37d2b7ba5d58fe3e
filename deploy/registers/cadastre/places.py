"""Finding a district, a parcel, two neighbours to work on; what stands on parcels and burdens them."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from deploy.registers.cadastre.shapes import Plot, Rectangle, joined, rectangle
from deploy.registers.draws import Database, one, run


@dataclass(frozen=True, slots=True)
class Parcel:
    """A live parcel that is locked."""

    district: int
    number: int
    area: Rectangle


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Two live parcels that are locked, from west to east or from south to north, and what they are together."""

    parcels: tuple[Parcel, Parcel]
    whole: Plot

    @property
    def is_upright(self) -> bool:
        """True when the line between them goes from north to south."""
        first, second = self.parcels
        return first.area.right == second.area.left


def some_district(db: Database, rng: Random, *, lock: bool = True) -> int:
    """A district; with `lock` nobody else changes its boundaries, prices or restrictions from now on."""
    row = one(
        db,
        """SELECT code FROM cadastre.district WHERE code = (
               SELECT code FROM cadastre.district ORDER BY code
               OFFSET floor(%s * (SELECT count(*) FROM cadastre.district)) LIMIT 1)"""
        + (" FOR UPDATE" if lock else ""),
        (rng.random(),),
    )
    assert row is not None
    return int(str(row[0]))


def some_parcel(db: Database, rng: Random, district: int) -> Parcel | None:
    """A live parcel of a district from a random place on, locked."""
    row = one(
        db,
        """SELECT number, box(boundary) FROM cadastre.parcel
           WHERE district = %(code)s AND state = 'live'
             AND number >= %(place)s * (SELECT last_number FROM cadastre.district WHERE code = %(code)s)
           ORDER BY number LIMIT 1 FOR UPDATE""",
        {"code": district, "place": rng.random()},
    )
    return None if row is None else Parcel(district, int(str(row[0])), rectangle(row[1]))


def some_neighbours(db: Database, rng: Random) -> Neighbours | None:
    """Two live parcels that make a rectangle together, locked with their district."""
    district = some_district(db, rng)
    rows = db.execute(
        "SELECT number, box(boundary) FROM cadastre.parcel WHERE district = %s AND state = 'live' ORDER BY number",
        (district,),
    )
    parcels = [Parcel(district, int(str(number)), rectangle(box)) for number, box in rows]
    rng.shuffle(parcels)
    for first in parcels[:10]:
        for second in parcels:
            if whole := joined(first.area, second.area):
                db.execute(
                    """SELECT FROM cadastre.parcel WHERE district = %s AND number IN (%s, %s)
                       ORDER BY number FOR UPDATE""",
                    (district, first.number, second.number),
                )
                low, high = sorted((first, second), key=lambda one: (one.area.left, one.area.bottom))
                return Neighbours((low, high), whole)
    return None


def houses(db: Database, parcels: Sequence[Parcel], *, is_upright: bool) -> list[tuple[float, float]]:
    """Where houses stand on parcels: from west to east (upright), or from south to north."""
    axis = 0 if is_upright else 1
    rows = db.execute(
        """SELECT ((box(outline))[1])[%(axis)s], ((box(outline))[0])[%(axis)s] FROM cadastre.building
           WHERE district = %(district)s AND parcel = ANY (%(parcels)s)""",
        {"axis": axis, "district": parcels[0].district, "parcels": [parcel.number for parcel in parcels]},
    ).fetchall()
    return [(float(str(low)), float(str(high))) for low, high in rows]


def settle(db: Database, parcels: Sequence[Parcel], numbers: Sequence[int]) -> int:
    """What stood on parcels stands on those with these numbers now, and restrictions burden these."""
    values = {"district": parcels[0].district, "old": [parcel.number for parcel in parcels], "new": list(numbers)}
    touched = run(
        db,
        """UPDATE cadastre.building b SET parcel = p.number FROM cadastre.parcel p
           WHERE b.district = %(district)s AND b.parcel = ANY (%(old)s) AND b.parcel <> p.number
             AND p.district = %(district)s AND p.number = ANY (%(new)s) AND p.boundary @> b.outline""",
        values,
    )
    touched += run(db, "DELETE FROM cadastre.burden WHERE district = %(district)s AND parcel = ANY (%(old)s)", values)
    return touched + run(
        db,
        """INSERT INTO cadastre.burden SELECT restriction, district, parcel FROM cadastre.touched
           WHERE district = %(district)s AND parcel = ANY (%(new)s)""",
        values,
    )
