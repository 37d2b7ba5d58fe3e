"""What happens month by month: a partition is made, staged, paid in one run, and years later archived."""

from datetime import date
from random import Random

from psycopg import Rollback, sql

from deploy.registers.draws import Database, one, run
from deploy.registers.pension.decisions import settle, take_calendar
from deploy.registers.pension.generate import KEPT_MONTHS


def begin_month(db: Database, rng: Random) -> int:  # noqa: ARG001 - every action is called alike
    """The month that was paid last is over: another begins, with a partition for its payments."""
    month = _take(db, "closed")
    if month is None:
        return 0
    _create_partition(db, _after(month))
    return run(db, "INSERT INTO pension.month (month) VALUES (%s)", (_after(month),))


def stage_run(db: Database, rng: Random) -> int:  # noqa: ARG001
    """Enough was decided for this month: what is to be paid is staged, to be looked at."""
    is_due = one(
        db,
        """SELECT count(*) * 10 >= (SELECT count(*) FROM pension.insured) FROM pension.decision
           WHERE month = (SELECT max(month) FROM pension.month)""",
    )
    month = _take(db, "open") if is_due == (True,) else None
    if month is None:
        return 0
    return _stage(db, month) + run(db, "UPDATE pension.month SET state = 'staged' WHERE month = %s", (month,))


def stage_again(db: Database, rng: Random) -> int:  # noqa: ARG001
    """Something was wrong: the staging table is emptied and filled anew, in one transaction."""
    month = _take(db, "staged")
    if month is None:
        return 0
    db.execute("TRUNCATE pension.run_staging")
    return _stage(db, month)


def pay_run(db: Database, rng: Random) -> int:  # noqa: ARG001
    """The monthly run, in one transaction: all that is staged, what was decided since, totals, staging emptied."""
    month = _take(db, "staged")
    if month is None:
        return 0
    paid = run(
        db,
        """INSERT INTO pension.payment (month, person, kind, line, reason, amount, account)
           SELECT month, person, kind, 1, 'run', amount, account FROM pension.run_staging""",
    )
    closed = run(
        db,
        """UPDATE pension.month SET state = 'closed', closed_at = now(), payments = %s,
               total = (SELECT coalesce(sum(amount), 0) FROM pension.payment WHERE month = %s)
           WHERE month = %s""",
        (paid, month, month),
    )
    corrected = settle(db, None, since=month)
    # Last, since nobody can read the table from here on: whoever waits for it must not be waited for.
    db.execute("TRUNCATE pension.run_staging")
    return paid + closed + corrected


def archive_month(db: Database, rng: Random) -> int:  # noqa: ARG001
    """The oldest month is archived elsewhere: its partition is dropped, its totals stay."""
    query = """SELECT min(month) FROM pension.month WHERE state <> 'archived' HAVING count(*) > %s"""
    if one(db, query, (KEPT_MONTHS,)) is None:
        return 0
    take_calendar(db)
    oldest = one(db, query, (KEPT_MONTHS,))
    if oldest is None:
        return 0
    month = oldest[0]
    assert isinstance(month, date)
    archived = run(db, "UPDATE pension.month SET state = 'archived' WHERE month = %s", (month,))
    forgotten = run(db, "DELETE FROM pension.entitlement WHERE upper(during) <= %s", (_after(month),))
    db.execute(sql.SQL("DROP TABLE {}").format(_partition(month)))
    return archived + forgotten


def plan_ahead(db: Database, rng: Random) -> int:
    """Partitions of some months to come are made, and that is taken back."""
    latest = one(db, "SELECT max(month) FROM pension.month")
    assert latest is not None
    month = latest[0]
    assert isinstance(month, date)
    take_calendar(db)
    for _ in range(rng.randrange(2, 5)):
        month = _after(_after(month))
        _create_partition(db, month)
    raise Rollback


def return_payment(db: Database, rng: Random) -> int:
    """A bank could not credit a payment; it is sent again."""
    return run(
        db,
        """UPDATE pension.payment p SET times_returned = times_returned + 1, account = i.account
           FROM pension.insured i
           WHERE i.number = p.person AND (p.month, p.person, p.kind, p.line) = (
               SELECT month, person, kind, line FROM pension.payment
               WHERE month = (SELECT month FROM pension.month WHERE state = 'closed'
                              ORDER BY month DESC LIMIT 1 OFFSET %s)
                 AND person >= %s * (SELECT max(number) FROM pension.insured)
               ORDER BY month, person, kind, line LIMIT 1)""",
        (rng.choice((0, 0, 0, 1, 3)), rng.random()),
    )


def _take(db: Database, state: str) -> date | None:
    """The last month, with the calendar alone, when it is in this state. Looks first: others need not wait for that."""
    query = "SELECT month FROM pension.month WHERE month = (SELECT max(month) FROM pension.month) AND state = %s"
    if one(db, query, (state,)) is None:
        return None
    take_calendar(db)
    row = one(db, query, (state,))
    if row is None:
        return None
    month = row[0]
    assert isinstance(month, date)
    return month


def _stage(db: Database, month: date) -> int:
    return run(
        db,
        """INSERT INTO pension.run_staging (month, person, kind, amount, account)
           SELECT %s, e.person, e.kind, e.monthly, i.account
           FROM pension.entitlement e JOIN pension.insured i ON i.number = e.person
           WHERE e.during @> %s::date""",
        (month, month),
    )


def _create_partition(db: Database, month: date) -> None:
    db.execute(
        sql.SQL("CREATE TABLE {} PARTITION OF pension.payment FOR VALUES FROM ({}) TO ({})").format(
            _partition(month), sql.Literal(str(month)), sql.Literal(str(_after(month)))
        )
    )


def _partition(month: date) -> sql.Identifier:
    return sql.Identifier("pension", f"payment_{month:%Y_%m}")


def _after(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
