"""Everything that may happen in the cadastre, with how often it does.

What concerns a district locks it first. Who builds, or uses land otherwise, locks the parcel alone.
"""

from random import Random

from deploy.registers.cadastre import surveys
from deploy.registers.cadastre.generate import USES, ZONES, zone
from deploy.registers.cadastre.places import some_district, some_parcel
from deploy.registers.cadastre.shapes import house, rectangle
from deploy.registers.draws import Action, Database, one, run, street_address, thinking_better


def build(db: Database, rng: Random) -> int:
    """A house is built on a parcel that stays as it is meanwhile."""
    parcel = some_parcel(db, rng, some_district(db, rng, lock=False))
    outline = None if parcel is None else house(rng, parcel.area)
    if parcel is None or outline is None:
        return 0
    return run(
        db,
        "INSERT INTO cadastre.building (district, parcel, outline, address) VALUES (%s, %s, %s, %s)",
        (parcel.district, parcel.number, outline, street_address(rng)),
    )


def heighten(db: Database, rng: Random) -> int:
    """A house gets another storey."""
    return _some_building(db, rng, "UPDATE cadastre.building SET storeys = storeys %% 9 + 1")


def demolish(db: Database, rng: Random) -> int:
    """A house is pulled down."""
    return _some_building(db, rng, "DELETE FROM cadastre.building")


def change_use(db: Database, rng: Random) -> int:
    """Land is used otherwise: a new version of the parcel."""
    parcel = some_parcel(db, rng, some_district(db, rng, lock=False))
    if parcel is None:
        return 0
    return 2 * run(
        db,
        "UPDATE cadastre.parcel SET use = %s WHERE (district, number) = (%s, %s)",
        (rng.choice(USES), parcel.district, parcel.number),
    )


def restrict(db: Database, rng: Random) -> int:
    """What is within a circle must be put up with on every parcel that it touches."""
    district = some_district(db, rng)
    extent = one(db, "SELECT extent FROM cadastre.district WHERE code = %s", (district,))
    assert extent is not None
    new = one(
        db,
        "INSERT INTO cadastre.restriction (district, kind, zone) VALUES (%s, %s, %s) RETURNING id",
        (district, rng.choice(ZONES), zone(rng, rectangle(extent[0]))),
    )
    assert new is not None
    return 1 + run(
        db,
        """INSERT INTO cadastre.burden
           SELECT restriction, district, parcel FROM cadastre.touched WHERE restriction = %s AND district = %s""",
        (*new, district),
    )


def lift(db: Database, rng: Random) -> int:
    """The oldest restriction of a district is lifted, with all its burdens."""
    return run(
        db,
        """DELETE FROM cadastre.restriction WHERE id = (
               SELECT min(id) FROM cadastre.restriction WHERE district = %s HAVING count(*) > 3)""",
        (some_district(db, rng),),
    )


def revalue(db: Database, rng: Random) -> int:
    """Land has another price in a district: all its live parcels have another value."""
    district = some_district(db, rng)
    run(
        db,
        "UPDATE cadastre.district SET price_m2 = least(greatest(price_m2 * %s, 0.01), 900) WHERE code = %s",
        (rng.choice(("0.9", "1.075", "1.2", "0.85")), district),
    )
    return 1 + run(
        db,
        """UPDATE cadastre.parcel p SET value_eur = round(p.area_m2 * d.price_m2, 4)
           FROM cadastre.district d WHERE d.code = %s AND p.district = d.code AND p.state = 'live'""",
        (district,),
    )


def _some_building(db: Database, rng: Random, statement: str) -> int:
    return run(
        db,
        statement
        + """ WHERE id = (SELECT id FROM cadastre.building
                          WHERE id >= %s * (SELECT max(id) FROM cadastre.building) ORDER BY id LIMIT 1)""",
        (rng.random(),),
    )


ACTIONS: dict[Action, int] = {
    surveys.split: 14,
    surveys.merge: 14,
    surveys.rearrange: 5,
    surveys.move_boundary: 9,
    build: 15,
    heighten: 8,
    demolish: 11,
    change_use: 12,
    restrict: 4,
    lift: 4,
    revalue: 2,
    thinking_better(surveys.split): 2,
}
