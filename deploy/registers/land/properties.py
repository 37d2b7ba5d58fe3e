"""Finding a property to work on: it is locked from then on."""

from random import Random

from deploy.registers.draws import Database, one


def some_property(db: Database, rng: Random, *, count: int = 1) -> int | None:
    """An active property from a random place on, locked; with `count` its neighbours too, all in their order."""
    found = db.execute(
        """SELECT number FROM land.property
           WHERE state = 'active' AND number >= %s * (SELECT max(number) FROM land.property)
           ORDER BY number LIMIT %s FOR UPDATE""",
        (rng.random(), count),
    ).fetchall()
    return int(str(found[0][0])) if len(found) == count else None


def next_property(db: Database, number: int) -> int | None:
    """The neighbour of an active property, locked."""
    row = one(
        db,
        "SELECT number FROM land.property WHERE state = 'active' AND number > %s ORDER BY number LIMIT 1 FOR UPDATE",
        (number,),
    )
    return None if row is None else int(str(row[0]))


def new_entry(db: Database, number: int) -> object:
    """The day of a new entry of a property that is locked."""
    row = one(
        db,
        """UPDATE land.property SET entered_on = entered_on + 1 WHERE number = %s RETURNING entered_on""",
        (number,),
    )
    assert row is not None
    return row[0]
