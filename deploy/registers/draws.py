"""What generators and actions of all registers draw from: days, people; and how an action runs its statements."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from random import Random
from typing import TypeAlias
from uuid import UUID

from psycopg import Connection, Rollback

from deploy.registers import names
from deploy.registers.codes import SERIALS, personal_code

REFERENCE_DAY = date(2026, 1, 1)
"""The day on which every register was made up: today, as far as its rows know."""

Database: TypeAlias = Connection[tuple[object, ...]]
Action: TypeAlias = Callable[[Database, Random], int]
"""The body of one transaction; returns the rows it changed."""
Values: TypeAlias = Sequence[object] | Mapping[str, object]


def run(db: Database, statement: str, values: Values = ()) -> int:
    """Run one statement; return how many rows it touched."""
    return max(0, db.execute(statement.encode(), values).rowcount)


def one(db: Database, statement: str, values: Values = ()) -> tuple[object, ...] | None:
    """Run one statement; return its first row."""
    return db.execute(statement.encode(), values).fetchone()


def thinking_better(action: Action) -> Action:
    """The action that does this one and takes it back: `think_better` in the counters."""

    def think_better(db: Database, rng: Random) -> int:
        """Work that is rolled back, whole or to a savepoint: nothing of it may ever be seen elsewhere."""
        with db.transaction():
            action(db, rng)
            raise Rollback
        raise Rollback

    return think_better


def recent_day(rng: Random) -> date:
    """One of the last five hundred days."""
    return REFERENCE_DAY - timedelta(days=rng.randrange(500))


def any_uuid(rng: Random) -> UUID:
    """A random identifier, which comes from the seed as well."""
    return UUID(int=rng.getrandbits(128), version=4)


def any_code(rng: Random) -> str:
    """The personal code of somebody born between 1931 and 2025, with a check digit that is right."""
    day = REFERENCE_DAY - timedelta(days=1 + rng.randrange(34_600))
    return personal_code(day, rng.choice(("female", "male")), rng.randrange(SERIALS))


def full_name(rng: Random) -> str:
    """Somebody's name, in any script."""
    return f"{rng.choice(names.FEMALE + names.MALE)} {rng.choice(names.FAMILY)}"


def street_address(rng: Random) -> str:
    """A street and a number, in any script."""
    return f"{rng.choice(names.STREETS)} {rng.randrange(1, 200)}"
