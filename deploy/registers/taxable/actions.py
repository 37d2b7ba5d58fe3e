"""What happens between taxpayers and the office. Whoever moves a taxpayer's money locks the taxpayer first."""

from datetime import date, timedelta
from random import Random

from deploy.registers import names
from deploy.registers.draws import (
    REFERENCE_DAY,
    Action,
    Database,
    any_code,
    full_name,
    one,
    recent_day,
    run,
    thinking_better,
)
from deploy.registers.taxable.generate import CHANNELS, LINES, SUBJECTS, TAXES, line_name, money


def submit(db: Database, rng: Random) -> int:
    """A form comes in, with some of its lines."""
    taxpayer = _some_taxpayer(db, rng)
    lines = sorted(rng.sample(range(1, LINES + 1), rng.randrange(3, 25)))
    columns = ", ".join(map(line_name, lines))
    return run(
        db,
        f"""INSERT INTO taxable.declaration (taxpayer, year, form, remarks, {columns})
            SELECT %s, %s, %s, %s{", %s" * len(lines)} WHERE %s::integer IS NOT NULL ON CONFLICT DO NOTHING""",
        (taxpayer, rng.randrange(2015, 2026), rng.choice(("TSD", "KMD", "FIDEK")), rng.choice((None, "", "lisa")),
         *(money(rng.randrange(-10**6, 10**8)) for _ in lines), taxpayer),
    )  # fmt: skip


def amend(db: Database, rng: Random) -> int:
    """A few of 120 columns change; what was assessed already is assessed again, and the difference booked."""
    taxpayer = _some_taxpayer(db, rng)
    changes = ", ".join(f"{line_name(number)} = %s" for number in sorted(rng.sample(range(1, LINES + 1), 3)))
    row = one(
        db,
        f"""UPDATE taxable.declaration SET {changes}, changed_at = now()
            WHERE id = (SELECT id FROM taxable.declaration WHERE taxpayer = %s ORDER BY random() LIMIT 1)
            RETURNING id, state""",
        (*(money(rng.randrange(-(10**5), 10**7)) for _ in range(3)), taxpayer),
    )
    if row is None:
        return 0
    return 1 + (_assess(db, taxpayer, row[0]) if row[1] == "assessed" else 0)


def assess(db: Database, rng: Random) -> int:
    """The office looks at a form and says what is owed."""
    taxpayer = _some_taxpayer(db, rng)
    row = one(
        db,
        "SELECT id FROM taxable.declaration WHERE taxpayer = %s AND state = 'submitted' ORDER BY id LIMIT 1",
        (taxpayer,),
    )
    return 0 if row is None else _assess(db, taxpayer, row[0])


def pay(db: Database, rng: Random) -> int:
    """A taxpayer pays."""
    taxpayer = _some_taxpayer(db, rng)
    return _book(db, taxpayer, rng.choice(TAXES), "payment", amount=money(rng.randrange(1, 10**7)), day=recent_day(rng))


def refund(db: Database, rng: Random) -> int:
    """What was paid too much goes back."""
    return 2 * run(
        db,
        """INSERT INTO taxable.movement (booked_on, taxpayer, tax, kind, amount)
           SELECT %s, taxpayer, tax, 'refund', -amount FROM taxable.balance WHERE taxpayer = %s AND amount > 0""",
        (REFERENCE_DAY, _some_taxpayer(db, rng)),
    )


def charge_interest(db: Database, rng: Random) -> int:
    """Interest for everybody who owes something, in an eighth of the register at once."""
    size = one(db, "SELECT max(number) FROM taxable.taxpayer")
    if size is None or size[0] is None:
        return 0
    last = int(str(size[0]))
    first = rng.randrange(last)
    db.execute(
        """SELECT FROM taxable.taxpayer WHERE number BETWEEN %s AND %s AND state = 'active'
           ORDER BY number FOR NO KEY UPDATE""",
        (first, first + last // 8),
    )
    return 2 * run(
        db,
        """INSERT INTO taxable.movement (booked_on, taxpayer, tax, kind, amount, note)
           SELECT %s, taxpayer, tax, 'interest', round(b.amount * 0.0006, 2) - 0.01, ''
           FROM taxable.balance b JOIN taxable.taxpayer t ON t.number = b.taxpayer
           WHERE b.taxpayer BETWEEN %s AND %s AND t.state = 'active' AND b.amount < 0""",
        (recent_day(rng), first, first + last // 8),
    )


def redate(db: Database, rng: Random) -> int:
    """A movement belongs to another day, perhaps of another year: it moves to another partition."""
    day = date(2020, 1, 1) + timedelta(days=rng.randrange(365 * 9))
    return 2 * run(
        db,
        """UPDATE taxable.movement SET booked_on = %s
           WHERE (id, booked_on) IN (
               SELECT id, booked_on FROM taxable.movement WHERE taxpayer = %s ORDER BY id LIMIT 2)""",
        (day, _some_taxpayer(db, rng)),
    )


def correct(db: Database, rng: Random) -> int:
    """A payment was another one's, or another amount: it is changed where it stands."""
    return 2 * run(
        db,
        """UPDATE taxable.movement SET amount = amount + %s, tax = %s, note = 'parandatud'
           WHERE (id, booked_on) = (SELECT id, booked_on FROM taxable.movement
                                    WHERE taxpayer = %s AND kind = 'payment' ORDER BY id DESC LIMIT 1)""",
        (money(rng.randrange(-999, 999)), rng.choice(TAXES), _some_taxpayer(db, rng)),
    )


def void(db: Database, rng: Random) -> int:
    """A payment that never was is taken out."""
    return 2 * run(
        db,
        """DELETE FROM taxable.movement
           WHERE (id, booked_on) = (SELECT id, booked_on FROM taxable.movement
                                    WHERE taxpayer = %s AND kind = 'payment' ORDER BY id LIMIT 1)""",
        (_some_taxpayer(db, rng),),
    )


def send_notices(db: Database, rng: Random) -> int:
    """Notices go out, some of them twice: equal rows in a table without a key."""
    taxpayer, count = _some_taxpayer(db, rng), rng.randrange(1, 4)
    sent = run(
        db,
        "INSERT INTO taxable.notice SELECT %s, %s, %s, %s FROM generate_series(1, %s) WHERE %s::integer IS NOT NULL",
        (recent_day(rng), taxpayer, rng.choice(SUBJECTS), rng.choice(CHANNELS), count, taxpayer),
    )
    return sent + _count(db, taxpayer, sent)


def redact_notice(db: Database, rng: Random) -> int:
    """One of several equal notices changes; its twins stay."""
    return run(
        db,
        """UPDATE taxable.notice SET subject = 'redacted', channel = 'none'
           WHERE ctid = (SELECT ctid FROM taxable.notice WHERE taxpayer = %s ORDER BY subject LIMIT 1)""",
        (_some_taxpayer(db, rng),),
    )


def take_back_notice(db: Database, rng: Random) -> int:
    """One of several equal notices is deleted; its twins stay."""
    taxpayer = _some_taxpayer(db, rng)
    gone = run(
        db,
        """DELETE FROM taxable.notice
           WHERE ctid = (SELECT ctid FROM taxable.notice WHERE taxpayer = %s ORDER BY sent_on LIMIT 1)""",
        (taxpayer,),
    )
    return gone + _count(db, taxpayer, -gone)


def register(db: Database, rng: Random) -> int:
    """Somebody becomes taxable."""
    return run(
        db,
        """INSERT INTO taxable.taxpayer (code, name, is_company, vat_number, registered_on)
           VALUES (%s, %s, true, 'EE' || lpad(nextval('taxable.movement_number')::text, 12, '1'), %s)""",
        (any_code(rng), full_name(rng), recent_day(rng)),
    )


def rename(db: Database, rng: Random) -> int:
    """A taxpayer has another name, and gives up or exchanges the number for value added tax."""
    return run(
        db,
        """UPDATE taxable.taxpayer SET name = %s, vat_number = CASE WHEN %s THEN vat_number END WHERE number = %s""",
        (f"{rng.choice(names.FAMILY)} OÜ", rng.random() < 0.9, _some_taxpayer(db, rng)),
    )


def end(db: Database, rng: Random) -> int:
    """A taxpayer is one no more: what is open is written off."""
    taxpayer = _some_taxpayer(db, rng)
    touched = 2 * run(
        db,
        """INSERT INTO taxable.movement (booked_on, taxpayer, tax, kind, amount)
           SELECT %s, taxpayer, tax, 'write-off', -amount FROM taxable.balance WHERE taxpayer = %s AND amount <> 0""",
        (REFERENCE_DAY, taxpayer),
    )
    return touched + run(db, "UPDATE taxable.taxpayer SET state = 'ended' WHERE number = %s", (taxpayer,))


ACTIONS: dict[Action, int] = {
    submit: 10,
    amend: 14,
    assess: 10,
    pay: 24,
    refund: 4,
    charge_interest: 1,
    redate: 6,
    correct: 4,
    void: 2,
    send_notices: 10,
    redact_notice: 4,
    take_back_notice: 4,
    register: 3,
    rename: 4,
    end: 1,
    thinking_better(pay): 2,
}


def _some_taxpayer(db: Database, rng: Random) -> object:
    """An active taxpayer from a random place on, locked."""
    row = one(
        db,
        """SELECT number FROM taxable.taxpayer
           WHERE state = 'active' AND number >= %s * (SELECT max(number) FROM taxable.taxpayer)
           ORDER BY number LIMIT 1 FOR NO KEY UPDATE""",
        (rng.random(),),
    )
    return None if row is None else row[0]


def _book(db: Database, taxpayer: object, tax: str, kind: str, *, amount: object, day: date) -> int:
    """One movement; a trigger moves the balance."""
    return 2 * run(
        db,
        """INSERT INTO taxable.movement (booked_on, taxpayer, tax, kind, amount)
           SELECT %s, %s, %s, %s, %s WHERE %s::integer IS NOT NULL""",
        (day, taxpayer, tax, kind, amount, taxpayer),
    )


def _assess(db: Database, taxpayer: object, declaration: object) -> int:
    """A fifth of the total; only the difference to what was assessed before is booked."""
    row = one(
        db,
        """UPDATE taxable.declaration d SET state = 'assessed', tax = round(d.total / 5, 2), changed_at = now()
           FROM taxable.declaration before WHERE d.id = %s AND before.id = d.id RETURNING before.tax - d.tax""",
        (declaration,),
    )
    assert row is not None
    return 1 + _book(db, taxpayer, "income", "assessment", amount=row[0], day=REFERENCE_DAY)


def _count(db: Database, taxpayer: object, change: int) -> int:
    return run(db, "UPDATE taxable.taxpayer SET notices = notices + %s WHERE number = %s", (change, taxpayer))
