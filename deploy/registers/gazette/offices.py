"""What ministries and readers do: manuscripts come and go, translations follow, readers ask to be told."""

from collections.abc import Sequence
from random import Random

from psycopg.types.json import Jsonb

from deploy.registers import names
from deploy.registers.draws import Database, full_name, one, run
from deploy.registers.gazette import drafts
from deploy.registers.gazette.texts import Change, as_json, paragraphs_of, written


def submit_act(db: Database, rng: Random) -> int:
    """A ministry hands in a new act."""
    language = rng.choice(drafts.LANGUAGES)
    return _submit(db, rng, rng.choice(drafts.KINDS), (language, drafts.text(rng, language)))


def submit_amendment(db: Database, rng: Random) -> int:
    """A ministry wants up to three acts to be changed."""
    return _submit_changes(
        db, rng, "amendment", [drafts.change(rng, *act) for act in _acts(db, rng, rng.choice((1, 1, 2, 3)))]
    )


def submit_correction(db: Database, rng: Random) -> int:
    """A misprint is to be put right."""
    return _submit_changes(db, rng, "correction", [drafts.correction(rng, *act) for act in _acts(db, rng, 1)])


def submit_repeal(db: Database, rng: Random) -> int:
    """An act is to go out of force."""
    return _submit_changes(db, rng, "repeal", [Change(act=act) for act, _ in _acts(db, rng, 1)])


def revise(db: Database, rng: Random) -> int:
    """A ministry hands in another text for a new act that is not printed yet."""
    found = _waiting(db, rng, "proposal = '[]'")
    if found is None:
        return 0
    number, language = found
    return run(
        db,
        "UPDATE gazette.manuscript SET text = %s, title = %s WHERE id = %s",
        (drafts.text(rng, str(language)), drafts.title(rng, "revised"), number),
    )


def withdraw(db: Database, rng: Random) -> int:
    """A ministry thinks better of it before anything is printed."""
    found = _waiting(db, rng, "true")
    if found is None:
        return 0
    return run(db, "UPDATE gazette.manuscript SET state = 'withdrawn' WHERE id = %s", found[:1])


def clear(db: Database, rng: Random) -> int:
    """What was withdrawn or returned is thrown away after a while."""
    return run(
        db,
        """DELETE FROM gazette.manuscript WHERE id IN (
               SELECT id FROM gazette.manuscript WHERE state IN ('withdrawn', 'returned')
               ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)""",
        (rng.randrange(1, 5),),
    )


def retitle(db: Database, rng: Random) -> int:
    """A ministry has another name; a trigger writes the words of the title."""
    if not (acts := _acts(db, rng, 1)):
        return 0
    return run(
        db,
        "UPDATE gazette.act SET title = %s, institution = %s WHERE id = %s",
        (drafts.title(rng, "renamed"), rng.choice(names.INSTITUTIONS), acts[0][0]),
    )


def translate(db: Database, rng: Random) -> int:
    """The newest text of an act is translated, paragraph by paragraph."""
    if not (acts := _acts(db, rng, 1)):
        return 0
    row = one(
        db, "SELECT version, text FROM gazette.redaction WHERE act = %s ORDER BY version DESC LIMIT 1", acts[0][:1]
    )
    assert row is not None
    language = "en" if acts[0][1] != "en" else "ru"
    paragraphs = {number: drafts.wording(rng, language) for number in paragraphs_of(str(row[1]))}
    return run(
        db,
        """INSERT INTO gazette.translation VALUES (%s, %s, %s, %s)
           ON CONFLICT (act, version, language) DO UPDATE SET text = excluded.text""",
        (acts[0][0], row[0], language, written(paragraphs)),
    )


def subscribe(db: Database, rng: Random) -> int:
    """A reader wants to be told of acts with certain words in them."""
    return run(
        db,
        "INSERT INTO gazette.subscription (reader, query) VALUES (%s, %s::tsquery)",
        (full_name(rng), drafts.query(rng)),
    )


def unsubscribe(db: Database, rng: Random) -> int:
    """A reader has enough, and all notices go."""
    return run(
        db,
        """DELETE FROM gazette.subscription WHERE id = (
               SELECT id FROM gazette.subscription
               WHERE id >= %s * (SELECT max(id) FROM gazette.subscription) ORDER BY id LIMIT 1)""",
        (rng.random(),),
    )


def _submit_changes(db: Database, rng: Random, kind: str, changes: list[Change]) -> int:
    """What the manuscript changes may be changed or repealed by others before it is printed."""
    return _submit(db, rng, kind, ("et", drafts.amending_text(kind, changes)), changes) if changes else 0


def _submit(db: Database, rng: Random, kind: str, text: tuple[str, str], changes: Sequence[Change] = ()) -> int:
    """Hand in a manuscript; `text`: its language, and what it says."""
    values = (rng.choice(drafts.PARTS), kind, drafts.title(rng, kind), rng.choice(names.INSTITUTIONS), *text)
    return run(
        db,
        """INSERT INTO gazette.manuscript (part, kind, title, institution, language, text, proposal)
           VALUES (%s, %s, %s, %s, %s, %s, %s)""",
        (*values, Jsonb(as_json(changes))),
    )


def _acts(db: Database, rng: Random, count: int) -> list[tuple[int, str]]:
    """Acts in force from a random place on that say something themselves, each with its language."""
    rows = db.execute(
        """SELECT id, language FROM gazette.act
           WHERE repealed_by IS NULL AND kind IN ('law', 'regulation', 'order', 'treaty')
             AND id >= %s * (SELECT max(id) FROM gazette.act) ORDER BY id LIMIT %s""",
        (rng.random(), count),
    ).fetchall()
    return [(int(str(number)), str(language)) for number, language in rows]


def _waiting(db: Database, rng: Random, condition: str) -> tuple[object, ...] | None:
    """A manuscript that waits, with its language, locked."""
    return one(
        db,
        f"""SELECT id, language FROM gazette.manuscript WHERE state = 'received' AND {condition}
            ORDER BY part, id OFFSET %s LIMIT 1 FOR UPDATE SKIP LOCKED""",
        (rng.randrange(4),),
    )
