"""What happens at court. Whoever moves a case, or adds to it what its state allows, locks the case first."""

from random import Random
from uuid import UUID

from deploy.registers.court.generate import SUBJECTS
from deploy.registers.draws import (
    REFERENCE_DAY,
    Action,
    Database,
    any_code,
    any_uuid,
    full_name,
    one,
    recent_day,
    run,
    thinking_better,
)

_UNDER_WAY = ("filed", "accepted", "heard", "appealed")


def file_case(db: Database, rng: Random) -> int:
    """A claim comes in: the case, its parties, the claim, the deadline for the answer."""
    row = one(
        db,
        """INSERT INTO court."case" (number, house, kind, subject, filed_on)
           SELECT '2-26-' || lpad(nextval('court.case_number')::text, 6, '0'), code, 'civil', %s, %s
           FROM court.house ORDER BY code OFFSET %s LIMIT 1 RETURNING number""",
        (rng.choice(SUBJECTS), REFERENCE_DAY, rng.randrange(4)),
    )
    if row is None:
        return 0
    number = str(row[0])
    touched = 2 + run(
        db,
        """INSERT INTO court.party
           VALUES (%(n)s, 1, 'plaintiff', %(code)s, %(one)s), (%(n)s, 2, 'defendant', NULL, %(two)s)""",
        {"n": number, "code": any_code(rng), "one": full_name(rng), "two": full_name(rng)},
    )
    _file(db, rng, number, "claim", rng.randrange(200, 6_000))
    return touched + 1 + _set_deadline(db, rng, number, "answer")


def accept_case(db: Database, rng: Random) -> int:
    """A case gets a judge."""
    if (number := _some_case(db, rng, "filed")) is None:
        return 0
    return 1 + run(
        db,
        """UPDATE court."case" c SET state = 'accepted', changed_at = now(),
               judge = (SELECT id FROM court.judge WHERE house = c.house ORDER BY id OFFSET %s LIMIT 1)
           WHERE number = %s""",
        (rng.randrange(6), number),
    )


def plan_hearing(db: Database, rng: Random) -> int:
    """A hearing is planned in the judge's room, after everything else that the judge has."""
    if (number := _some_case(db, rng, "accepted", "appealed")) is None:
        return 0
    return run(
        db,
        """INSERT INTO court.hearing (case_number, house, room, judge, during)
           SELECT c.number, c.house, j.id / 4, j.id, tstzrange(free.at, free.at + '90 minutes')
           FROM court."case" c JOIN court.judge j ON j.id = c.judge,
               LATERAL (SELECT coalesce(max(upper(during)), %s) + '30 minutes' AS at
                        FROM court.hearing WHERE judge = j.id) free
           WHERE c.number = %s""",
        (REFERENCE_DAY, number),
    )


def hold_hearing(db: Database, rng: Random) -> int:
    """A planned hearing takes place: minutes are filed, and the case has been heard."""
    if (number := _some_case(db, rng, "accepted", "appealed")) is None:
        return 0
    hearing = one(
        db,
        "SELECT id FROM court.hearing WHERE case_number = %s AND state = 'planned' ORDER BY id LIMIT 1 FOR UPDATE",
        (number,),
    )
    if hearing is None:
        return 0
    minutes = _file(db, rng, number, "minutes", rng.randrange(500, 5_000))
    touched = run(db, "UPDATE court.hearing SET state = 'held', minutes = %s WHERE id = %s", (minutes, hearing[0]))
    return 1 + touched + _move(db, number, "heard")


def cancel_hearing(db: Database, rng: Random) -> int:
    """A planned hearing is cancelled; room and judge are free again."""
    number = _some_case(db, rng, "accepted", "appealed")
    return run(
        db,
        """UPDATE court.hearing SET state = 'cancelled' WHERE id = (
               SELECT max(id) FROM court.hearing WHERE case_number = %s AND state = 'planned')""",
        (number,),
    )


def file_document(db: Database, rng: Random) -> int:
    """A party hands in a paper, in any state of the case but the last."""
    number = _some_case(db, rng, *_UNDER_WAY)
    return 0 if number is None else 1 + int(bool(_file(db, rng, number, "statement", rng.randrange(9_000))))


def file_exhibit(db: Database, rng: Random) -> int:
    """Now and then a paper is as large as the house allows, for a film or a scanned archive."""
    row = one(db, "SELECT min(largest_document_bytes) FROM court.house")
    number = _some_case(db, rng, *_UNDER_WAY)
    if number is None or row is None:
        return 0
    size = int(int(str(row[0])) ** rng.uniform(0.75, 1))
    return 1 + int(bool(_file(db, rng, number, "exhibit", size)))


def read_document(db: Database, rng: Random) -> int:
    """Somebody reads: a small column changes beside a large one that stays."""
    found = _some_document(db, rng)
    touched = run(db, "UPDATE court.document SET times_read = times_read + 1 WHERE id = %s", (found,))
    if touched:
        touched += run(db, "INSERT INTO court.reading (document, reader) VALUES (%s, %s)", (found, any_code(rng)))
    return touched


def forget_readings(db: Database, rng: Random) -> int:
    """What was read a while ago is forgotten."""
    return run(
        db,
        """DELETE FROM court.reading WHERE at <= (SELECT at FROM court.reading ORDER BY at LIMIT 1 OFFSET %s)""",
        (rng.randrange(20),),
    )


def redact_document(db: Database, rng: Random) -> int:
    """A document is replaced by one without names: the content first, its hash by another statement."""
    found, content = _some_document(db, rng), rng.randbytes(rng.randrange(9_000))
    touched = run(db, "UPDATE court.document SET content = %s, is_redacted = true WHERE id = %s", (content, found))
    return touched + run(db, "UPDATE court.document SET hash = encode(sha256(content), 'hex') WHERE id = %s", (found,))


def extend_deadline(db: Database, rng: Random) -> int:
    """A party gets more time."""
    return run(
        db,
        """UPDATE court.deadline SET due_on = due_on + %s, extended = extended + 1 WHERE id = (
               SELECT min(id) FROM court.deadline WHERE case_number = %s AND met_on IS NULL)""",
        (rng.randrange(1, 30), _some_case(db, rng, *_UNDER_WAY, "decided")),
    )


def meet_deadline(db: Database, rng: Random) -> int:
    """An answer arrives in time."""
    return run(
        db,
        """UPDATE court.deadline SET met_on = %s WHERE id = (
               SELECT min(id) FROM court.deadline WHERE case_number = %s AND met_on IS NULL)""",
        (recent_day(rng), _some_case(db, rng, *_UNDER_WAY)),
    )


def decide(db: Database, rng: Random) -> int:
    """The judge decides: a document, the case's state, an end of all that was planned, a deadline for an appeal."""
    if (number := _some_case(db, rng, "heard")) is None:
        return 0
    document = _file(db, rng, number, "decision", rng.randrange(1_000, 15_000))
    touched = run(
        db,
        """INSERT INTO court.decision SELECT %s, count(*) + 1, %s FROM court.decision WHERE case_number = %s""",
        (number, document, number),
    )
    touched += _end_all(db, number) + _move(db, number, "decided")
    return 1 + touched + _set_deadline(db, rng, number, "appeal")


def appeal(db: Database, rng: Random) -> int:
    """A party does not agree: another hearing, another decision."""
    if (number := _some_case(db, rng, "decided")) is None:
        return 0
    _file(db, rng, number, "appeal", rng.randrange(500, 5_000))
    return 1 + _end_all(db, number) + _move(db, number, "appealed")


def close_case(db: Database, rng: Random) -> int:
    """Nobody appealed: the decision stands."""
    if (number := _some_case(db, rng, "decided")) is None:
        return 0
    return _end_all(db, number) + _move(db, number, "final")


def withdraw(db: Database, rng: Random) -> int:
    """The plaintiff thinks better of it."""
    if (number := _some_case(db, rng, "filed", "accepted", "heard")) is None:
        return 0
    return _end_all(db, number) + _move(db, number, "withdrawn")


def renumber(db: Database, rng: Random) -> int:
    """A case was filed under a wrong number: its key changes, and that of all its papers."""
    return run(
        db,
        """UPDATE court."case" SET number = '2-26-' || lpad(nextval('court.case_number')::text, 6, '0')
           WHERE number = %s""",
        (_some_case(db, rng, "filed"),),
    )


ACTIONS: dict[Action, int] = {
    file_case: 8,
    accept_case: 8,
    plan_hearing: 9,
    hold_hearing: 8,
    cancel_hearing: 2,
    file_document: 10,
    file_exhibit: 1,
    read_document: 30,
    forget_readings: 2,
    redact_document: 2,
    extend_deadline: 5,
    meet_deadline: 4,
    decide: 6,
    appeal: 2,
    close_case: 4,
    withdraw: 1,
    renumber: 1,
    thinking_better(file_document): 2,
}


def _some_case(db: Database, rng: Random, *states: str) -> str | None:
    """A case in one of these states from a random place on, locked."""
    row = one(
        db,
        """SELECT number FROM court."case" WHERE state = %s::court.case_state AND number >= %s
           ORDER BY number LIMIT 1 FOR UPDATE""",
        (rng.choice(states), f"2-{rng.randrange(21, 27)}-{rng.randrange(0, 500):06d}" if rng.random() < 0.9 else ""),
    )
    return None if row is None else str(row[0])


def _some_document(db: Database, rng: Random) -> object:
    row = one(
        db,
        "SELECT id FROM court.document WHERE id >= %s ORDER BY id LIMIT 1 FOR UPDATE",
        (any_uuid(rng),),
    )
    return None if row is None else row[0]


def _file(db: Database, rng: Random, number: str, kind: str, size: int) -> UUID:
    """A new document of a case; its hash follows within the transaction."""
    document = any_uuid(rng)
    db.execute(
        "INSERT INTO court.document (id, case_number, kind, title, content) VALUES (%s, %s, %s, %s, %s)",
        (document, number, kind, f"{kind} №{size}", rng.randbytes(size)),
    )
    db.execute("UPDATE court.document SET hash = encode(sha256(content), 'hex') WHERE id = %s", (document,))
    return document


def _set_deadline(db: Database, rng: Random, number: str, what: str) -> int:
    return run(
        db,
        "INSERT INTO court.deadline (case_number, what, due_on) VALUES (%s, %s, %s::date + %s)",
        (number, what, REFERENCE_DAY, rng.randrange(14, 90)),
    )


def _move(db: Database, number: str, state: str) -> int:
    """Another state; a trigger notes the step."""
    return 2 * run(db, 'UPDATE court."case" SET state = %s, changed_at = now() WHERE number = %s', (state, number))


def _end_all(db: Database, number: str) -> int:
    """Nothing is planned and no deadline runs any more."""
    touched = run(
        db, "UPDATE court.hearing SET state = 'cancelled' WHERE case_number = %s AND state = 'planned'", (number,)
    )
    return touched + run(
        db,
        "UPDATE court.deadline SET met_on = %s WHERE case_number = %s AND met_on IS NULL",
        (REFERENCE_DAY, number),
    )
