"""Finding what to work on: the holder is locked first, then a document or an application of the holder's."""

from dataclasses import dataclass
from random import Random
from typing import Literal

from deploy.registers.draws import Database, any_code, one, run


@dataclass(frozen=True, slots=True)
class Found:
    """A document or an application, locked with its holder."""

    id: int
    holder: str
    kind: str


def some_holder(db: Database, rng: Random) -> str | None:
    """Somebody alive from a random place on, locked."""
    row = one(
        db,
        """SELECT code FROM identity.holder WHERE code >= %s AND NOT is_deceased
           ORDER BY code LIMIT 1 FOR NO KEY UPDATE""",
        (any_code(rng),),
    )
    return None if row is None else str(row[0])


def some(db: Database, rng: Random, table: Literal["application", "document"], *states: str) -> Found | None:
    """One in one of these states from a random place on."""
    seen = one(
        db,
        f"""SELECT id, holder FROM identity.{table}
            WHERE state = ANY(%s::identity.{table}_state[]) AND id >= %s * (SELECT max(id) FROM identity.{table})
            ORDER BY id LIMIT 1""",
        (list(states), rng.random()),
    )
    if seen is None:
        return None
    run(db, "SELECT FROM identity.holder WHERE code = %s FOR NO KEY UPDATE", seen[1:])
    # Only now does nobody else change it.
    row = one(
        db,
        f"""SELECT id, holder, kind FROM identity.{table}
            WHERE id = %s AND state = ANY(%s::identity.{table}_state[]) FOR NO KEY UPDATE""",
        (seen[0], list(states)),
    )
    return None if row is None else Found(int(str(row[0])), str(row[1]), str(row[2]))


def lock_documents(db: Database, holder: str, kind: str | None, *states: str) -> list[int]:
    """A holder's documents in one of these states, of one kind or of any, locked in their order."""
    rows = db.execute(
        """SELECT id FROM identity.document
           WHERE holder = %s AND kind = coalesce(%s, kind) AND state = ANY(%s::identity.document_state[])
           ORDER BY id FOR NO KEY UPDATE""",
        (holder, kind, list(states)),
    ).fetchall()
    return [int(str(number)) for (number,) in rows]
