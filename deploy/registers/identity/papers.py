"""How a document comes to be: application, photo, chip, hand-over; and what happens to it while it is in force."""

from random import Random
from uuid import UUID

from deploy.registers.draws import REFERENCE_DAY, Database, any_code, any_uuid, full_name, one, recent_day, run
from deploy.registers.identity.finding import lock_documents, some, some_holder
from deploy.registers.identity.generate import OFFICES, PURPOSES, fee, machine_name
from deploy.registers.identity.lists import put_on_list
from deploy.registers.identity.stock import take_blank


def enrol(db: Database, rng: Random) -> int:
    """Somebody applies who never had a document."""
    name = full_name(rng)
    row = one(
        db,
        """INSERT INTO identity.holder (code, name, machine_name) VALUES (%s, %s, %s)
           ON CONFLICT DO NOTHING RETURNING code""",
        (any_code(rng), name, machine_name(name)),
    )
    return 0 if row is None else 1 + _apply(db, rng, str(row[0]), _take_photo(db, rng, str(row[0])))


def apply(db: Database, rng: Random) -> int:
    """A holder applies for a document, half of the time with another photo."""
    if (holder := some_holder(db, rng)) is None:
        return 0
    if rng.random() < 0.5:
        return _apply(db, rng, holder, _take_photo(db, rng, holder))
    row = one(db, "SELECT id FROM identity.photo WHERE holder = %s ORDER BY taken_on DESC, id LIMIT 1", (holder,))
    return 0 if row is None else _apply(db, rng, holder, row[0])


def take_photo_again(db: Database, rng: Random) -> int:
    """A photo does not do: the application gets another one, the old one stays behind."""
    if (found := some(db, rng, "application", "received")) is None:
        return 0
    photo = _take_photo(db, rng, found.holder)
    return 1 + run(db, "UPDATE identity.application SET photo = %s WHERE id = %s", (photo, found.id))


def make(db: Database, rng: Random) -> int:
    """A blank becomes a document: it leaves the stock, and a chip gets its certificates."""
    if (found := some(db, rng, "application", "received")) is None:
        return 0
    if (blank := take_blank(db, rng)) is None:
        return 0
    row = one(
        db,
        """INSERT INTO identity.document (number, serial, holder, kind, office, photo, expires_on)
           SELECT k.prefix || lpad(nextval('identity.document_number')::text, 7, '0'), %s, a.holder, a.kind, a.office,
               a.photo, (%s::date + make_interval(years => k.years))::date
           FROM identity.application a JOIN identity.kind k ON k.code = a.kind WHERE a.id = %s RETURNING id""",
        (blank.serial, recent_day(rng), found.id),
    )
    assert row is not None
    touched = run(db, "UPDATE identity.application SET state = 'made', document = %s WHERE id = %s", (row[0], found.id))
    return (
        2
        + touched
        + run(
            db,
            """INSERT INTO identity.certificate (document, purpose, number)
           SELECT %s, purpose, number FROM identity.kind k, unnest(%s::text[], %s::numeric[]) chip (purpose, number)
           WHERE k.code = %s AND k.has_chip""",
            (row[0], list(PURPOSES), [rng.getrandbits(159) for _ in PURPOSES], found.kind),
        )
    )


def hand_over(db: Database, rng: Random) -> int:
    """A document gets into force, and whatever it replaces out of it, in one transaction."""
    if (found := some(db, rng, "document", "made")) is None:
        return 0
    touched = put_on_list(db, lock_documents(db, found.holder, found.kind, "valid", "suspended"), "replaced")
    touched += run(db, "UPDATE identity.application SET state = 'handed over' WHERE document = %s", (found.id,))
    return touched + _set_state(db, found.id, "valid") + _flip(db, found.id, "suspended", "active")


def refuse(db: Database, rng: Random) -> int:
    """An application comes to nothing."""
    found = some(db, rng, "application", "received")
    return (
        0 if found is None else run(db, "UPDATE identity.application SET state = 'refused' WHERE id = %s", (found.id,))
    )


def lose(db: Database, rng: Random) -> int:
    """A document is missed: it is suspended, with its certificates."""
    if (found := some(db, rng, "document", "valid")) is None:
        return 0
    return _flip(db, found.id, "active", "suspended") + _set_state(db, found.id, "suspended")


def find_again(db: Database, rng: Random) -> int:
    """It was in the other pocket: valid again, unless its holder has another one by now."""
    if (found := some(db, rng, "document", "suspended")) is None:
        return 0
    if lock_documents(db, found.holder, found.kind, "valid"):
        return put_on_list(db, [found.id], "replaced")
    return _set_state(db, found.id, "valid") + _flip(db, found.id, "suspended", "active")


def flip_certificates(db: Database, rng: Random) -> int:
    """Certificates are suspended or taken up again: a few of them all the time, now and then twice in a transaction."""
    row = one(
        db,
        """SELECT id FROM identity.document d
           WHERE state = 'valid' AND id >= %s * (SELECT max(id) FROM identity.document) AND EXISTS (
               SELECT FROM identity.certificate WHERE document = d.id)
           ORDER BY id LIMIT 1 FOR SHARE""",
        (rng.random() if rng.random() < 0.3 else rng.choice((0.1, 0.2, 0.3)),),
    )
    if row is None:
        return 0
    statement = """UPDATE identity.certificate SET flips = flips + 1, flipped_at = clock_timestamp(),
                       state = CASE state WHEN 'active' THEN 'suspended' ELSE 'active' END::identity.certificate_state
                   WHERE document = %s"""
    return sum(run(db, statement, row) for _ in range(rng.choice((1, 1, 1, 2, 3))))


def show_photo(db: Database, rng: Random) -> int:
    """Somebody compares a face: a small column changes beside a large one that stays."""
    return run(
        db,
        "UPDATE identity.photo SET times_shown = times_shown + 1 WHERE id = (" + _SOME_PHOTO + ")",
        (any_uuid(rng),),
    )


def improve_photo(db: Database, rng: Random) -> int:
    """A photo is stored again in another quality."""
    return run(
        db,
        "UPDATE identity.photo SET image = %s WHERE id = (" + _SOME_PHOTO + ")",
        (rng.randbytes(rng.randrange(1_500, 20_000)), any_uuid(rng)),
    )


def forget_photos(db: Database, rng: Random) -> int:
    """Photos that no document and no application shows are deleted."""
    return run(
        db,
        """DELETE FROM identity.photo WHERE id IN (
               SELECT id FROM identity.photo p
               WHERE NOT EXISTS (SELECT FROM identity.application WHERE photo = p.id)
                 AND NOT EXISTS (SELECT FROM identity.document WHERE photo = p.id)
               ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)""",
        (rng.randrange(1, 6),),
    )


_SOME_PHOTO = "SELECT id FROM identity.photo WHERE id >= %s ORDER BY id LIMIT 1"


def _apply(db: Database, rng: Random, holder: str, photo: object) -> int:
    """An application of a holder who is locked, or new, for any kind that is not applied for already."""
    return run(
        db,
        """INSERT INTO identity.application (holder, kind, office, photo, fee)
           SELECT %s, code, %s, %s, %s FROM identity.kind ORDER BY code
           OFFSET floor(%s * (SELECT count(*) FROM identity.kind)) LIMIT 1 ON CONFLICT DO NOTHING""",
        (holder, rng.randrange(OFFICES), photo, fee(rng), rng.random()),
    )


def _take_photo(db: Database, rng: Random, holder: str) -> UUID:
    photo, size = any_uuid(rng), rng.randrange(2_500, 14_000)
    db.execute(
        "INSERT INTO identity.photo (id, holder, image, taken_on) VALUES (%s, %s, %s, %s)",
        (photo, holder, rng.randbytes(size), REFERENCE_DAY),
    )
    return photo


def _set_state(db: Database, document: int, state: str) -> int:
    return run(
        db,
        "UPDATE identity.document SET state = %s, changed_at = clock_timestamp() WHERE id = %s",
        (state, document),
    )


def _flip(db: Database, document: int, before: str, after: str) -> int:
    return run(
        db,
        """UPDATE identity.certificate SET state = %s, flips = flips + 1, flipped_at = clock_timestamp()
           WHERE document = %s AND state = %s""",
        (after, document, before),
    )
