"""What decisions and runs have in common: who may do what at once, and that nobody is owed anything.

Whoever decides about somebody shares the calendar with others who decide, then locks the person; whoever runs or turns
a month has the calendar alone. So it is always clear which months are paid and must be settled.
"""

from collections.abc import Sequence
from datetime import date
from random import Random

from deploy.registers.draws import Database, one, run


def share_calendar(db: Database) -> None:
    """Keep every month as it is until this transaction ends. Comes before all other locks."""
    db.execute("LOCK TABLE pension.month IN ROW SHARE MODE")


def take_calendar(db: Database) -> None:
    """Let nobody decide until this transaction ends. Comes before all other locks."""
    db.execute("LOCK TABLE pension.month IN EXCLUSIVE MODE")


def some_people(db: Database, rng: Random, count: int = 1) -> list[int]:
    """Living people from a random place on, locked in their order."""
    rows = db.execute(
        """SELECT number FROM pension.insured
           WHERE died_on IS NULL AND number >= %s * (SELECT max(number) FROM pension.insured)
           ORDER BY number LIMIT %s FOR NO KEY UPDATE""",
        (rng.random(), count),
    ).fetchall()
    return [int(str(number)) for (number,) in rows]


def decide(db: Database, what: str, person: int | None) -> object:
    """Note a decision; return its number."""
    row = one(
        db,
        """INSERT INTO pension.decision (month, person, what) SELECT max(month), %s, %s FROM pension.month
           RETURNING id""",
        (person, what),
    )
    assert row is not None
    return row[0]


def some_month(db: Database, rng: Random) -> object:
    """A month that a decision may reach back to, or the next one."""
    row = one(
        db,
        """SELECT (month + interval '1 month')::date FROM pension.month WHERE state <> 'archived'
           ORDER BY month DESC LIMIT 1 OFFSET %s""",
        (rng.choice((0, 0, 1, 1, 2, 4)),),
    )
    assert row is not None
    return row[0]


def settle(db: Database, people: Sequence[int] | None, since: date | None = None) -> int:
    """Pay or take back what closed months differ from what people (None: all) are entitled to now."""
    return run(
        db,
        """WITH entitled AS (
               SELECT m.month::date AS month, e.person, e.kind, e.monthly
               FROM pension.month m JOIN pension.entitlement e ON e.during @> m.month::date
               WHERE m.state = 'closed' AND m.month >= %(since)s
                 AND (%(people)s::integer[] IS NULL OR e.person = ANY(%(people)s::integer[]))
           ), paid AS (
               SELECT month, person, kind, sum(amount) AS amount, max(line) AS line FROM pension.payment
               WHERE month >= %(since)s AND (%(people)s::integer[] IS NULL OR person = ANY(%(people)s::integer[]))
               GROUP BY month, person, kind)
           INSERT INTO pension.payment (month, person, kind, line, reason, amount, account)
           SELECT month, person, kind, coalesce(line, 1) + 1, 'correction',
               coalesce(monthly, 0) - coalesce(amount, 0), i.account
           FROM entitled FULL JOIN paid USING (month, person, kind) JOIN pension.insured i ON i.number = person
           WHERE coalesce(monthly, 0) <> coalesce(amount, 0)""",
        {"people": people, "since": since or date.min},
    )
