"""What is entered on a property beside its owners: mortgages, easements, applications. The property is locked first."""

from random import Random

from deploy.registers.draws import Database, any_code, one, run, street_address
from deploy.registers.land.generate import CREDITORS, SUBJECTS
from deploy.registers.land.properties import new_entry, next_property, some_property

_RANKS = 4


def mortgage(db: Database, rng: Random) -> int:
    """A mortgage is entered in the first rank that is free."""
    if (number := some_property(db, rng)) is None:
        return 0
    return run(
        db,
        """INSERT INTO land.mortgage (property, rank, creditor, amount, rate, during)
           SELECT p.number, rank, %s, %s, %s, daterange(greatest(
               p.entered_on,
               (SELECT max(upper(during)) FROM land.mortgage m
                WHERE (m.property, m.rank) = (p.number, free.rank))), NULL)
           FROM land.property p, generate_series(1, %s) free (rank)
           WHERE p.number = %s AND NOT EXISTS (
               SELECT FROM land.mortgage m WHERE (m.property, m.rank) = (p.number, free.rank) AND upper_inf(m.during))
           ORDER BY rank LIMIT 1""",
        (rng.choice(CREDITORS), rng.randrange(1, 10**10) / 100, rng.choice(("2.50", "2.5", "0")), _RANKS, number),
    )


def discharge(db: Database, rng: Random) -> int:
    """A mortgage is paid back."""
    number = some_property(db, rng)
    return run(
        db,
        """UPDATE land.mortgage m SET during = daterange(lower(during), greatest(lower(during) + 1, p.entered_on))
           FROM land.property p WHERE p.number = %s AND m.id = (
               SELECT id FROM land.mortgage WHERE property = %s AND upper_inf(during) ORDER BY rank DESC LIMIT 1)""",
        (number, number),
    )


def exchange_ranks(db: Database, rng: Random) -> int:
    """Two creditors exchange their ranks: each takes the other's while that is still there."""
    number = some_property(db, rng)
    pair = db.execute(
        "SELECT id, rank FROM land.mortgage WHERE property = %s AND upper_inf(during) ORDER BY rank LIMIT 2",
        (number,),
    ).fetchall()
    if len(pair) < 2:
        return 0
    (first, upper_rank), (second, lower_rank) = pair
    # Both from a day on which neither rank was anybody else's.
    statement = """UPDATE land.mortgage SET rank = %s, during = daterange(
                       (SELECT max(lower(during)) FROM land.mortgage WHERE id IN (%s, %s)), NULL) WHERE id = %s"""
    return run(db, statement, (lower_rank, first, second, first)) + run(
        db, statement, (upper_rank, first, second, second)
    )


def enter_easement(db: Database, rng: Random) -> int:
    """A neighbour gets a right."""
    number = some_property(db, rng, count=2)
    return run(
        db,
        """INSERT INTO land.easement
           SELECT a.number, b.number, 'right of way', daterange(greatest(a.entered_on, b.entered_on), NULL)
           FROM land.property a, land.property b
           WHERE a.number = %s AND b.number = %s AND a.state = 'active' AND b.state = 'active'
           ON CONFLICT DO NOTHING""",
        (number, None if number is None else next_property(db, number)),
    )


def give_up_easement(db: Database, rng: Random) -> int:
    """A right is deleted."""
    return run(db, "DELETE FROM land.easement WHERE property = %s", (some_property(db, rng),))


def apply(db: Database, rng: Random) -> int:
    """Somebody applies for an entry. The property's lock gives applications their order."""
    if (number := some_property(db, rng)) is None:
        return 0
    return run(
        db,
        "INSERT INTO land.application (property, applicant, subject, attachment) VALUES (%s, %s, %s, %s)",
        (number, any_code(rng), rng.choice(SUBJECTS), rng.choice((None, "<a>&amp;</a>", "<b> é\n</b>", "text"))),
    )


def decide(db: Database, rng: Random) -> int:
    """The oldest application for a property is decided."""
    found = one(
        db,
        """SELECT property FROM land.application WHERE state = 'pending'
           AND property >= %s * (SELECT max(number) FROM land.property) ORDER BY property LIMIT 1""",
        (rng.random(),),
    )
    if found is None:
        return 0
    db.execute("SELECT FROM land.property WHERE number = %s FOR UPDATE", found)
    return run(
        db,
        """UPDATE land.application SET state = %s, decided_at = clock_timestamp() WHERE id = (
               SELECT id FROM land.application WHERE property = %s AND state = 'pending' ORDER BY id LIMIT 1)""",
        (rng.choice(("granted", "rejected")), found[0]),
    )


def correct_address(db: Database, rng: Random) -> int:
    """A street is renamed: a new version."""
    if (number := some_property(db, rng)) is None:
        return 0
    new_entry(db, number)
    return 4 + run(db, "UPDATE land.property SET address = %s WHERE number = %s", (street_address(rng), number))


def survey(db: Database, rng: Random) -> int:
    """A property turns out to be larger or smaller."""
    return 2 * run(
        db,
        "UPDATE land.property SET area_m2 = round(area_m2 * %s, 2) WHERE number = %s AND area_m2 > 1",
        (rng.choice(("0.9995", "1.0003", "1")), some_property(db, rng)),
    )
