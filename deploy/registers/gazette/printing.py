"""Printing an issue: what waits becomes acts, and they change other acts, all in one transaction.

Whoever prints locks the volume first, then the manuscripts, then all the acts concerned in their order: numbers have no
holes, and nothing is changed that another issue repeals meanwhile.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from deploy.registers.draws import REFERENCE_DAY, Database, one, run
from deploy.registers.gazette import drafts
from deploy.registers.gazette.texts import Change, amended, proposed

_ISSUES_A_DAY = 10
_DAYS = 364


@dataclass(frozen=True, slots=True)
class _Manuscript:
    """One that waits; `changes` are those that are still possible."""

    number: int
    kind: str
    language: str
    changes: list[Change]


def print_issue(db: Database, rng: Random) -> int:
    """The next issue of a part: all that waits for it."""
    volume = (rng.choice(drafts.PARTS), REFERENCE_DAY.year)
    row = one(db, "SELECT issues FROM gazette.volume WHERE part = %s AND year = %s FOR UPDATE", volume)
    assert row is not None
    waiting = _waiting(db, volume[0], rng.randrange(1, 7))
    printed, returned = _judged(waiting, _lock_acts(db, waiting))
    touched = run(db, "UPDATE gazette.manuscript SET state = 'returned' WHERE id = ANY (%s)", (returned,))
    if not printed:
        return touched
    number = int(str(row[0])) + 1
    day = REFERENCE_DAY + timedelta(days=min(number // _ISSUES_A_DAY, _DAYS))
    run(db, "UPDATE gazette.volume SET issues = %s WHERE part = %s AND year = %s", (number, *volume))
    run(db, "INSERT INTO gazette.issue VALUES (%s, %s, %s, %s, %s)", (*volume, number, day, len(printed)))
    touched += 2
    acts: list[object] = []
    for position, manuscript in enumerate(printed, 1):
        act, more = _print(db, manuscript, day)
        acts.append(act)
        touched += more + run(
            db, "INSERT INTO gazette.publication VALUES (%s, %s, %s, %s, %s)", (*volume, number, position, act)
        )
    return touched + _tell(db, acts, day)


def _waiting(db: Database, part: str, count: int) -> list[_Manuscript]:
    rows: Iterable[tuple[Any, ...]] = db.execute(
        """SELECT id, kind, language, proposal FROM gazette.manuscript WHERE part = %s AND state = 'received'
           ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED""",
        (part, count),
    )
    return [_Manuscript(number, kind, language, proposed(proposal)) for number, kind, language, proposal in rows]


def _lock_acts(db: Database, waiting: list[_Manuscript]) -> set[int]:
    """Lock every act that anything concerns; return those in force."""
    rows = db.execute(
        "SELECT id, repealed_by FROM gazette.act WHERE id = ANY (%s) ORDER BY id FOR UPDATE",
        ([change.act for manuscript in waiting for change in manuscript.changes],),
    )
    return {int(str(number)) for number, repealed_by in rows if repealed_by is None}


def _judged(waiting: list[_Manuscript], in_force: set[int]) -> tuple[list[_Manuscript], list[int]]:
    """What is printed, and the numbers of those that go back, since nothing is left for them to change."""
    printed, returned = [], []
    for one_of_them in waiting:
        changes = [change for change in one_of_them.changes if change.act in in_force]
        if one_of_them.changes and not changes:
            returned.append(one_of_them.number)
            continue
        printed.append(_Manuscript(one_of_them.number, one_of_them.kind, one_of_them.language, changes))
        if one_of_them.kind == "repeal":
            in_force -= {change.act for change in changes}
    return printed, returned


def _print(db: Database, manuscript: _Manuscript, day: object) -> tuple[object, int]:
    """One act, with what it does to others; returns its number and the rows touched."""
    act = one(
        db,
        """INSERT INTO gazette.act (kind, title, institution, language)
           SELECT kind, title, institution, language FROM gazette.manuscript WHERE id = %s RETURNING id""",
        (manuscript.number,),
    )
    assert act is not None
    touched = 1 + run(
        db,
        """INSERT INTO gazette.redaction (act, version, language, text, in_force)
           SELECT %s, 0, language, text, daterange(%s::date + 10, NULL) FROM gazette.manuscript WHERE id = %s""",
        (act[0], day, manuscript.number),
    )
    touched += run(
        db,
        "UPDATE gazette.manuscript SET state = 'printed', act = %s, text = NULL WHERE id = %s",
        (act[0], manuscript.number),
    )
    do = _repeal if manuscript.kind == "repeal" else _amend
    return act[0], touched + sum(do(db, change, act[0], day) for change in manuscript.changes)


def _amend(db: Database, change: Change, amending_act: object, day: object) -> int:
    """Another text of an act that is locked."""
    version, text, language, begins = _end_text(db, change.act, day)
    key = (change.act, int(str(version)) + 1)
    run(db, "UPDATE gazette.act SET version = %s WHERE id = %s", (key[1], change.act))
    run(
        db,
        """INSERT INTO gazette.redaction (act, version, language, text, in_force)
           VALUES (%s, %s, %s, %s, daterange(%s, NULL))""",
        (*key, language, amended(str(text), change), begins),
    )
    run(
        db,
        "INSERT INTO gazette.amendment VALUES (%s, %s, %s, %s, %s)",
        (*key, amending_act, *(change.words or (None, None))),
    )
    for paragraph, wording in change.steps.items():
        run(db, "INSERT INTO gazette.amendment_step VALUES (%s, %s, %s, %s)", (*key, list(paragraph), wording))
    return 4 + len(change.steps)


def _repeal(db: Database, change: Change, repealing_act: object, day: object) -> int:
    """The end of an act that is locked."""
    _end_text(db, change.act, day)
    return 1 + run(db, "UPDATE gazette.act SET repealed_by = %s WHERE id = %s", (repealing_act, change.act))


def _end_text(db: Database, act: int, day: object) -> tuple[object, ...]:
    """The newest text goes out of force; returns its version, the text, its language and the day."""
    row = one(
        db,
        """UPDATE gazette.redaction SET in_force = daterange(lower(in_force), greatest(lower(in_force) + 1, %s))
           WHERE (act, version) = (SELECT id, version FROM gazette.act WHERE id = %s)
           RETURNING version, text, language, upper(in_force)""",
        (day, act),
    )
    assert row is not None
    return row


def _tell(db: Database, acts: list[object], day: object) -> int:
    """Readers whose words stand in a new act are told of it, unless they go at that moment."""
    return run(
        db,
        """INSERT INTO gazette.notice
           SELECT s.id, r.act, %s FROM gazette.subscription s JOIN gazette.redaction r ON r.words @@ s.query
           WHERE r.version = 0 AND r.act = ANY (%s) FOR KEY SHARE OF s""",
        (day, acts),
    )
