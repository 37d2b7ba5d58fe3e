"""What the actions of the workload have in common: finding a person, giving a paper."""

from datetime import timedelta
from random import Random

from deploy.registers.draws import Database, any_code, recent_day, run


def some_person(db: Database, rng: Random, *, lock: bool) -> str | None:
    """The first living person from a random place on."""
    return _found(db, any_code(rng), "99999999999", lock=lock)


def some_adult(db: Database, rng: Random, sex: str, *, lock: bool) -> str | None:
    """Somebody of an age to have children and marry, born between 1980 and 1999: one century digit."""
    digit = 3 if sex == "male" else 4
    return _found(
        db,
        f"{digit}{rng.randrange(80, 100)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}",
        f"{digit}99999",
        lock=lock,
    )


def _found(db: Database, first: str, last: str, *, lock: bool) -> str | None:
    row = db.execute(
        """SELECT personal_code FROM population.person
           WHERE personal_code >= %s AND personal_code <= %s AND status = 'living' ORDER BY personal_code LIMIT 1"""
        + (" FOR UPDATE" if lock else ""),
        (first, last),
    ).fetchone()
    return None if row is None else str(row[0])


def issue(db: Database, rng: Random, person: str, kind: str) -> int:
    """Give a person a paper."""
    day = recent_day(rng)
    return run(
        db,
        """INSERT INTO population.document (number, person_code, kind, issued_on, expires_on, scan)
           VALUES (%s, %s, %s, %s, %s, %s)""",
        (
            f"N{rng.getrandbits(60):015x}",
            person,
            kind,
            day,
            day + timedelta(days=1826),
            rng.choice((None, b"", rng.randbytes(60))),
        ),
    )
