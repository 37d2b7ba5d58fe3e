"""What happens to people: each action is the body of one transaction and returns the rows it touched.

Every action that changes where a person lives, or whether, locks the person first; so the checks hold at every commit
whatever the number of writers.
"""

from datetime import date
from random import Random

from psycopg.types.json import Jsonb

from deploy.registers import names
from deploy.registers.codes import SERIALS, numbered, personal_code
from deploy.registers.draws import REFERENCE_DAY, Database, any_code, recent_day, run
from deploy.registers.population.draws import issue, some_adult, some_person


def birth(db: Database, rng: Random) -> int:
    """A child, its links to mother and father, its home at the mother's, its first paper."""
    mother = some_adult(db, rng, "female", lock=True)
    father = some_adult(db, rng, "male", lock=False)
    if mother is None or father is None:
        return 0
    day, sex = recent_day(rng), rng.choice(("female", "male"))
    child = _register(db, rng, day, sex)
    if child is None:
        return 0
    touched = run(
        db,
        "INSERT INTO population.parentage (child_code, parent_code, established) VALUES (%s, %s, %s), (%s, %s, %s)",
        (child, mother, day, child, father, day),
    )
    touched += run(
        db,
        """INSERT INTO population.residence (person_code, address_id, during)
           SELECT %s, address_id, daterange(%s, NULL) FROM population.residence
           WHERE person_code = %s AND upper_inf(during)""",
        (child, day, mother),
    )
    return 1 + touched + issue(db, rng, child, "birth certificate")


def death(db: Database, rng: Random) -> int:
    """A person dies: status (with its line in the journal), residence and marriages end."""
    return _leave(db, rng, "deceased")


def emigration(db: Database, rng: Random) -> int:
    """A person leaves the country for good."""
    return _leave(db, rng, "emigrated")


def move(db: Database, rng: Random) -> int:
    """A person moves house: the open residence ends, another begins."""
    person = some_person(db, rng, lock=True)
    if person is None:
        return 0
    ended = db.execute(
        """UPDATE population.residence SET during = daterange(lower(during), lower(during) + %s)
           WHERE person_code = %s AND upper_inf(during) RETURNING upper(during)""",
        (rng.randrange(1, 400), person),
    ).fetchone()
    if ended is None:
        return 0
    return 1 + _reside(db, rng, person, ended[0])


def marriage(db: Database, rng: Random) -> int:
    """Two people marry, unless one of them is married."""
    wife, husband = some_adult(db, rng, "female", lock=True), some_adult(db, rng, "male", lock=True)
    return run(
        db,
        """INSERT INTO population.marriage (spouse_a, spouse_b, during, certificate)
           SELECT a, b, daterange(%s, NULL), %s FROM (VALUES (%s::text, %s::text)) couple (a, b)
           WHERE a IS NOT NULL AND b IS NOT NULL AND NOT EXISTS (
               SELECT FROM population.marriage m
               WHERE upper_inf(m.during) AND (m.spouse_a IN (a, b) OR m.spouse_b IN (a, b)))""",
        (recent_day(rng), Jsonb({"place": rng.choice(names.PLACES), "n": rng.randrange(10**6)}), wife, husband),
    )


def divorce(db: Database, rng: Random) -> int:
    """A marriage ends."""
    return run(
        db,
        """UPDATE population.marriage SET during = daterange(lower(during), lower(during) + %s)
           WHERE upper_inf(during)
             AND id = (SELECT id FROM population.marriage WHERE spouse_a >= %s ORDER BY spouse_a LIMIT 1)""",
        (rng.randrange(30, 9000), any_code(rng)),
    )


def rename(db: Database, rng: Random) -> int:
    """A person takes another name; a column becomes NULL, or empty, which are not the same."""
    person = some_person(db, rng, lock=False)
    return run(
        db,
        """UPDATE population.person SET family_name = %s, "nom d'usage" = %s, remarks = %s,
               record_version = record_version + 1, changed_at = now()
           WHERE personal_code = %s""",
        (
            rng.choice(names.FAMILY),
            rng.choice((None, *names.FAMILY)),
            rng.choice((None, "", "none", "a\tb\\c\n")),
            person,
        ),
    )


def correct_code(db: Database, rng: Random) -> int:
    """A wrongly given code is corrected: the key of the person, and of everything that hangs on it, changes."""
    person = some_person(db, rng, lock=True)
    if person is None:
        return 0
    code = numbered(person[:7], rng.randrange(SERIALS))
    return run(
        db,
        """UPDATE population.person SET personal_code = %s, record_version = record_version + 1
           WHERE personal_code = %s AND NOT EXISTS (SELECT FROM population.person WHERE personal_code = %s)""",
        (code, person, code),
    )


def swap_codes(db: Database, rng: Random) -> int:
    """Two people born on one day had each other's codes: they are swapped, by way of a code that nobody has."""
    pair = db.execute(
        """SELECT a.personal_code, b.personal_code FROM population.person a
           JOIN population.person b ON b.personal_code > a.personal_code
             AND b.personal_code < rpad(left(a.personal_code, 7), 11, '9')
           WHERE a.personal_code >= %s ORDER BY a.personal_code LIMIT 1""",
        (any_code(rng),),
    ).fetchone()
    if pair is None:
        return 0
    first, second = pair
    locked = run(
        db,
        "SELECT FROM population.person WHERE personal_code IN (%s, %s) AND status = 'living' FOR UPDATE",
        (first, second),
    )
    if locked < 2:
        return 0
    between = f"9{rng.randrange(10**10):010d}"
    steps = ((between, first), (first, second), (second, between))
    return sum(
        run(db, "UPDATE population.person SET personal_code = %s WHERE personal_code = %s", step) for step in steps
    )


def delete_person(db: Database, rng: Random) -> int:
    """A record made by mistake is deleted, with everything that hangs on it."""
    return run(db, "DELETE FROM population.person WHERE personal_code = %s", (some_person(db, rng, lock=True),))


def _register(db: Database, rng: Random, day: date, sex: str) -> str | None:
    row = db.execute(
        """INSERT INTO population.person
               (personal_code, given_name, family_name, birth_date, sex, citizenships, remarks)
           VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING personal_code""",
        (
            personal_code(day, sex, rng.randrange(SERIALS)),
            rng.choice(names.FEMALE if sex == "female" else names.MALE),
            rng.choice(names.FAMILY),
            day,
            sex,
            ["EST"],
            rng.choice((None, "", "born abroad")),
        ),
    ).fetchone()
    return None if row is None else str(row[0])


def _reside(db: Database, rng: Random, person: str, since: object) -> int:
    return run(
        db,
        """INSERT INTO population.residence (person_code, address_id, during)
           SELECT %s, id, daterange(%s, NULL) FROM population.address WHERE id >= %s ORDER BY id LIMIT 1""",
        (person, since, rng.randrange(1, 100)),
    )


def _leave(db: Database, rng: Random, status: str) -> int:
    person = some_person(db, rng, lock=True)
    death_date = REFERENCE_DAY if status == "deceased" else None
    touched = run(
        db,
        "UPDATE population.person SET status = %s, death_date = %s, changed_at = now() WHERE personal_code = %s",
        (status, death_date, person),
    )
    touched += run(
        db,
        """UPDATE population.residence SET during = daterange(lower(during), lower(during) + 1)
           WHERE person_code = %s AND upper_inf(during)""",
        (person,),
    )
    return touched + run(
        db,
        """UPDATE population.marriage SET during = daterange(lower(during), lower(during) + 1)
           WHERE upper_inf(during) AND (spouse_a = %s OR spouse_b = %s)""",
        (person, person),
    )
