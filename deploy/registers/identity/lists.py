"""Documents that end, and the lists of those that were revoked. Documents are locked before their kinds."""

from collections.abc import Sequence
from random import Random

from deploy.registers.draws import REFERENCE_DAY, Database, one, run
from deploy.registers.identity.finding import lock_documents, some, some_holder
from deploy.registers.identity.generate import REASONS


def revoke(db: Database, rng: Random) -> int:
    """A document is revoked."""
    found = some(db, rng, "document", "made", "valid", "suspended")
    return 0 if found is None else put_on_list(db, [found.id], rng.choice(REASONS))


def die(db: Database, rng: Random) -> int:
    """A holder dies: every document is revoked, each on the list of its kind, and nothing is applied for any more."""
    if (holder := some_holder(db, rng)) is None:
        return 0
    touched = run(db, "UPDATE identity.holder SET is_deceased = true WHERE code = %s", (holder,))
    touched += run(
        db, "UPDATE identity.application SET state = 'refused' WHERE holder = %s AND state = 'received'", (holder,)
    )
    return touched + put_on_list(db, lock_documents(db, holder, None, "made", "valid", "suspended"), "surm")


def expire(db: Database, rng: Random) -> int:
    """Documents that end next are over, with their certificates: a handful in one statement."""
    rows = db.execute(
        """SELECT id FROM identity.document WHERE state IN ('valid', 'suspended') AND expires_on >= %s
           ORDER BY expires_on LIMIT %s FOR NO KEY UPDATE SKIP LOCKED""",
        (REFERENCE_DAY, rng.randrange(1, 4)),
    ).fetchall()
    return _end(db, [number for (number,) in rows], "expired")


def publish_list(db: Database, rng: Random) -> int:
    """The open list of a kind is closed with its digest, and another is opened."""
    if (kind := _lock_kind(db, rng)) is None:
        return 0
    number = one(db, "SELECT number FROM identity.revocation_list WHERE kind = %s AND published_at IS NULL", (kind,))
    assert number is not None
    return _publish(db, kind, number[0]) + run(
        db,
        """INSERT INTO identity.revocation_list (kind, number)
           SELECT kind, max(number) + 1 FROM identity.revocation_list WHERE kind = %s GROUP BY kind""",
        (kind,),
    )


def draw_lists_together(db: Database, rng: Random) -> int:
    """A kind's oldest lists become one: the keys of all their entries change."""
    if (kind := _lock_kind(db, rng)) is None:
        return 0
    rows = db.execute(
        """SELECT number FROM identity.revocation_list WHERE kind = %s AND published_at IS NOT NULL
           ORDER BY number LIMIT 3""",
        (kind,),
    ).fetchall()
    if len(rows) < 3:
        return 0
    *older, target = [number for (number,) in rows]
    moved = run(
        db, "UPDATE identity.revocation SET list = %s WHERE kind = %s AND list = ANY(%s)", (target, kind, older)
    )
    moved += run(db, "DELETE FROM identity.revocation_list WHERE kind = %s AND number = ANY(%s)", (kind, older))
    return moved + _publish(db, kind, target)


def put_on_list(db: Database, documents: Sequence[object], reason: str) -> int:
    """Revoke documents that are locked: state, certificates, an entry on the open list of each one's kind."""
    # An open list stays open from here on: whoever closes it has the kind alone.
    db.execute(
        """SELECT FROM identity.kind WHERE code IN (SELECT kind FROM identity.document WHERE id = ANY(%s))
           ORDER BY code FOR SHARE""",
        (documents,),
    )
    listed = run(
        db,
        """INSERT INTO identity.revocation (kind, list, document, reason)
           SELECT d.kind, l.number, d.id, %s FROM identity.document d
           JOIN identity.revocation_list l ON l.kind = d.kind AND l.published_at IS NULL
           WHERE d.id = ANY(%s)""",
        (reason, documents),
    )
    return listed + _end(db, documents, "revoked")


def _end(db: Database, documents: Sequence[object], state: str) -> int:
    ended = run(
        db,
        "UPDATE identity.document SET state = %s, changed_at = clock_timestamp() WHERE id = ANY(%s)",
        (state, documents),
    )
    return ended + run(db, "UPDATE identity.certificate SET state = 'ended' WHERE document = ANY(%s)", (documents,))


def _publish(db: Database, kind: str, number: object) -> int:
    """Give a list the number of its entries and their digest."""
    return run(
        db,
        """UPDATE identity.revocation_list l
           SET published_at = clock_timestamp(), digest = identity.digest(kind, number),
               entries = (SELECT count(*) FROM identity.revocation r WHERE r.kind = l.kind AND r.list = l.number)
           WHERE kind = %s AND number = %s""",
        (kind, number),
    )


def _lock_kind(db: Database, rng: Random) -> str | None:
    row = one(
        db,
        """SELECT code FROM identity.kind ORDER BY code
           OFFSET floor(%s * (SELECT count(*) FROM identity.kind)) LIMIT 1 FOR NO KEY UPDATE""",
        (rng.random(),),
    )
    return None if row is None else str(row[0])
