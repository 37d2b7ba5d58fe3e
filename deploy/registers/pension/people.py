"""What is decided about people: each action is the body of one transaction and returns the rows it touched."""

from random import Random

from deploy.registers.draws import Database, any_code, full_name, one, run
from deploy.registers.pension.decisions import decide, settle, share_calendar, some_month, some_people
from deploy.registers.pension.generate import KINDS, account, monthly


def retire(db: Database, rng: Random) -> int:
    """Somebody becomes a pensioner, now and then some months ago: what is due for them is paid at once."""
    share_calendar(db)
    row = one(
        db,
        "INSERT INTO pension.insured (code, name, account) VALUES (%s, %s, %s) RETURNING number",
        (any_code(rng), full_name(rng), account(rng)),
    )
    assert row is not None
    return 1 + _grant(db, rng, int(str(row[0])), KINDS[0])


def grant(db: Database, rng: Random) -> int:
    """A person gets another kind of pension as well, unless there is one."""
    share_calendar(db)
    people = some_people(db, rng)
    return _grant(db, rng, people[0], rng.choice(KINDS)) if people else 0


def recalculate(db: Database, rng: Random) -> int:
    """A pension is worth something else from a month on, perhaps one of the past: the difference is settled."""
    share_calendar(db)
    people = some_people(db, rng)
    pension = _some_pension(db, people)
    if pension is None:
        return 0
    decision, since, worth = decide(db, "recalculate", people[0]), some_month(db, rng), monthly(rng)
    ended = run(
        db,
        """UPDATE pension.entitlement SET during = daterange(lower(during), %s), ended_by = %s
           WHERE id = %s AND lower(during) < %s""",
        (since, decision, pension, since),
    )
    if ended == 0:
        # It begins later than that: it was wrong from its beginning.
        changed = run(
            db, "UPDATE pension.entitlement SET monthly = %s, decision = %s WHERE id = %s", (worth, decision, pension)
        )
        return 1 + changed + settle(db, people)
    begun = run(
        db,
        """INSERT INTO pension.entitlement (person, kind, during, monthly, decision)
           SELECT person, kind, daterange(%s, NULL), %s, %s FROM pension.entitlement WHERE ended_by = %s""",
        (since, worth, decision, decision),
    )
    return 1 + ended + begun + settle(db, people)


def end_pension(db: Database, rng: Random) -> int:
    """A pension ends, or never should have begun; what was paid too much is taken back."""
    share_calendar(db)
    people = some_people(db, rng)
    pension = _some_pension(db, people)
    if pension is None:
        return 0
    decision, since = decide(db, "end", people[0]), some_month(db, rng)
    gone = run(db, "DELETE FROM pension.entitlement WHERE id = %s AND lower(during) >= %s", (pension, since))
    ended = run(
        db,
        """UPDATE pension.entitlement SET during = daterange(lower(during), %s), ended_by = %s WHERE id = %s""",
        (since, decision, pension),
    )
    return 1 + gone + ended + settle(db, people)


def die(db: Database, rng: Random) -> int:
    """Somebody died, and the office hears of it later; a survivor is provided for, unless that is so already."""
    share_calendar(db)
    people = some_people(db, rng, 2)
    if len(people) < 2:
        return 0
    dead, survivor = people
    after = some_month(db, rng)
    touched = 1 + run(db, "UPDATE pension.insured SET died_on = %s::date - 1 WHERE number = %s", (after, dead))
    decision = decide(db, "death", dead)
    touched += run(db, "DELETE FROM pension.entitlement WHERE person = %s AND lower(during) >= %s", (dead, after))
    touched += run(
        db,
        """UPDATE pension.entitlement SET during = daterange(lower(during), %s), ended_by = %s
           WHERE person = %s AND during && daterange(%s, NULL)""",
        (after, decision, dead, after),
    )
    return touched + _grant(db, rng, survivor, "survivor") + settle(db, people)


def index_pensions(db: Database, rng: Random) -> int:
    """Pensions are adapted to prices and wages: all of them in an eighth of the register at once, from next month."""
    share_calendar(db)
    row = one(
        db,
        "SELECT (SELECT max(number) FROM pension.insured), (max(month) + interval '1 month')::date FROM pension.month",
    )
    if row is None or row[0] is None:
        return 0
    last, since = int(str(row[0])), row[1]
    first = rng.randrange(last)
    db.execute(
        """SELECT FROM pension.insured WHERE number BETWEEN %s AND %s AND died_on IS NULL
           ORDER BY number FOR NO KEY UPDATE""",
        (first, first + last // 8),
    )
    decision = decide(db, "index", None)
    ended = run(
        db,
        """UPDATE pension.entitlement e SET during = daterange(lower(during), %s), ended_by = %s
           FROM pension.insured i
           WHERE e.person BETWEEN %s AND %s AND upper_inf(e.during) AND lower(e.during) < %s
             AND i.number = e.person AND i.died_on IS NULL""",
        (since, decision, first, first + last // 8, since),
    )
    return (
        1
        + ended
        + run(
            db,
            """INSERT INTO pension.entitlement (person, kind, during, monthly, decision)
           SELECT person, kind, daterange(%s, NULL), greatest(round(monthly * %s::numeric, 2), 1), %s
           FROM pension.entitlement WHERE ended_by = %s""",
            (since, f"1.{rng.randrange(1, 60):03d}" if rng.random() < 0.5 else "0.970", decision, decision),
        )
    )


def change_account(db: Database, rng: Random) -> int:
    """Somebody has another account; what was paid to the old one stays."""
    people = some_people(db, rng)
    return run(db, "UPDATE pension.insured SET account = %s WHERE number = ANY(%s)", (account(rng), people))


def estimate(db: Database, rng: Random) -> int:
    """Somebody asks what a pension may be; the answer stays at home, in an unlogged table."""
    return run(
        db,
        """INSERT INTO pension.estimate (person, monthly) SELECT number, %s FROM unnest(%s::integer[]) number
           ON CONFLICT (person) DO UPDATE SET monthly = excluded.monthly, asked_at = now()""",
        (monthly(rng), some_people(db, rng)),
    )


def _some_pension(db: Database, people: list[int]) -> object:
    """A pension without an end of a person; None when there is none."""
    row = one(
        db,
        "SELECT id FROM pension.entitlement WHERE person = ANY(%s) AND upper_inf(during) ORDER BY id LIMIT 1",
        (people,),
    )
    return None if row is None else row[0]


def _grant(db: Database, rng: Random, person: int, kind: str) -> int:
    """A pension from some month on, and what is due for months that are paid; nothing when one stands in the way."""
    decision = decide(db, "grant", person)
    granted = run(
        db,
        """INSERT INTO pension.entitlement (person, kind, during, monthly, decision)
           VALUES (%s, %s, daterange(%s, NULL), %s, %s) ON CONFLICT DO NOTHING""",
        (person, kind, some_month(db, rng), monthly(rng), decision),
    )
    return 1 + granted + settle(db, [person])
