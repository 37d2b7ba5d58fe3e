"""Chips: their stock, and what happens to serials that were mixed up."""

from dataclasses import dataclass
from random import Random

from deploy.registers.draws import Database, one, recent_day, run
from deploy.registers.identity.finding import some
from deploy.registers.identity.generate import OFFICES


@dataclass(frozen=True, slots=True)
class Blank:
    """What a document can be made of."""

    serial: str
    office: object


def receive_delivery(db: Database, rng: Random) -> int:
    """Blanks come in, for several offices."""
    row = one(
        db,
        "INSERT INTO identity.delivery (blanks, received_on) VALUES (%s, %s) RETURNING number, blanks",
        (rng.randrange(5, 60), recent_day(rng)),
    )
    assert row is not None
    return 1 + run(
        db,
        """INSERT INTO identity.blank (serial, office)
           SELECT lpad(%s::text, 6, '0') || lpad(n::text, 6, '0'), n %% %s FROM generate_series(0, %s - 1) n""",
        (row[0], OFFICES, row[1]),
    )


def move_blanks(db: Database, rng: Random) -> int:
    """An office that runs short gets blanks from another."""
    source, target = rng.sample(range(OFFICES), 2)
    return run(
        db,
        """UPDATE identity.blank SET office = %s WHERE serial IN (
               SELECT serial FROM identity.blank WHERE office = %s AND NOT is_destroyed
               ORDER BY serial LIMIT %s FOR UPDATE SKIP LOCKED)""",
        (target, source, rng.randrange(1, 30)),
    )


def swap_serials(db: Database, rng: Random) -> int:
    """Two documents lie in each other's envelopes: each takes the serial of the other while that still has it."""
    pair = _some_documents(db, rng, 2)
    if len(pair) < 2:
        return 0
    (first, its_serial), (second, other_serial) = pair
    statement = "UPDATE identity.document SET serial = %s WHERE id = %s"
    return run(db, statement, (other_serial, first)) + run(db, statement, (its_serial, second))


def rotate_serials(db: Database, rng: Random) -> int:
    """A whole tray was off by one: each document takes its neighbour's serial, in one statement."""
    tray = _some_documents(db, rng, rng.randrange(3, 8))
    serials = [serial for _, serial in tray]
    return run(
        db,
        """UPDATE identity.document d SET serial = tray.serial
           FROM unnest(%s::bigint[], %s::text[]) tray (id, serial) WHERE d.id = tray.id""",
        ([number for number, _ in tray], serials[1:] + serials[:1]),
    )


def replace_chip(db: Database, rng: Random) -> int:
    """A chip is broken: a blank gives its serial, and takes the broken one's to the shredder."""
    if (found := some(db, rng, "document", "made")) is None:
        return 0
    if (blank := take_blank(db, rng)) is None:
        return 0
    touched = run(
        db,
        """INSERT INTO identity.blank (serial, office, is_destroyed)
           SELECT serial, %s, true FROM identity.document WHERE id = %s""",
        (blank.office, found.id),
    )
    return 1 + touched + run(db, "UPDATE identity.document SET serial = %s WHERE id = %s", (blank.serial, found.id))


def renew_certificates(db: Database, rng: Random) -> int:
    """A flaw is found in the chips of a delivery: certificates in force get other numbers, all in one transaction."""
    return run(
        db,
        """UPDATE identity.certificate c SET number = c.number + 1 + %s
           FROM (SELECT id FROM identity.document
                 WHERE state = 'valid' AND left(serial, 6)::integer = (
                     SELECT number FROM identity.delivery
                     WHERE number >= %s * (SELECT max(number) FROM identity.delivery) ORDER BY number LIMIT 1)
                 ORDER BY id FOR SHARE) d
           WHERE c.document = d.id""",
        (rng.getrandbits(60), rng.random()),
    )


def take_blank(db: Database, rng: Random) -> Blank | None:
    """A blank leaves the stock of an office; nobody waits for another's."""
    row = one(
        db,
        """DELETE FROM identity.blank WHERE serial = (
               SELECT serial FROM identity.blank WHERE NOT is_destroyed AND office >= %s
               ORDER BY office, serial LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING serial, office""",
        (rng.randrange(OFFICES),),
    )
    return None if row is None else Blank(str(row[0]), row[1])


def _some_documents(db: Database, rng: Random, count: int) -> list[tuple[object, ...]]:
    """Documents in force or in the making from a random place on, with their serials, locked in their order."""
    return db.execute(
        """SELECT id, serial FROM identity.document
           WHERE state IN ('made', 'valid') AND id >= %s * (SELECT max(id) FROM identity.document)
           ORDER BY id LIMIT %s FOR NO KEY UPDATE""",
        (rng.random(), count),
    ).fetchall()
