"""What happens in the treasury. Whoever books shares the open day, then locks accounts in their order."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random

from deploy.registers import names
from deploy.registers.draws import Action, Database, one, run, thinking_better
from deploy.registers.treasury.generate import amount

_OFFICIALS = ("Õie", "Łukasz", "健太", "O'Neil")


def transfer(db: Database, rng: Random) -> int:
    """Money goes from one account to another; between the two postings the transaction does not balance."""
    day, accounts = _open_day(db), _some_accounts(db, rng, 2)
    if day is None or len(accounts) < 2:
        return 0
    number = _open_transaction(db, rng, day, "transfer")
    money = amount(rng)
    for line, (account, debit, credit) in enumerate(((accounts[0], money, 0), (accounts[1], 0, money)), 1):
        run(db, "INSERT INTO treasury.posting VALUES (%s, %s, %s, %s, %s)", (number, line, account, debit, credit))
    return 5


def collect_tax(db: Database, rng: Random) -> int:
    """Many pay into the account of taxes at once."""
    day, tax = _open_day(db), one(db, "SELECT id FROM treasury.account WHERE kind = 'tax'")
    payers = _some_accounts(db, rng, rng.randrange(3, 30), also=tax)
    if day is None or tax is None:
        return 0
    parts = [(payer, -amount(rng)) for payer in payers if payer != tax[0]]
    number = _open_transaction(db, rng, day, "tax")
    return _post(db, number, [*parts, (tax[0], -sum(part for _, part in parts))])


def order_payment(db: Database, rng: Random) -> int:
    """An institution asks for a payment."""
    accounts = _some_accounts(db, rng, 2)
    if len(accounts) < 2:
        return 0
    return run(
        db,
        "INSERT INTO treasury.payment_order (payer, payee, amount, purpose) VALUES (%s, %s, %s, %s)",
        (*accounts, amount(rng), rng.choice(names.PURPOSES)),
    )


def approve(db: Database, rng: Random) -> int:
    """Somebody looks at an order and approves or rejects it; two must."""
    return run(
        db,
        """UPDATE treasury.payment_order SET approved_by = approved_by || %(who)s::text,
               state = CASE WHEN %(no)s THEN 'rejected' WHEN cardinality(approved_by) = 0 THEN 'draft'
                            ELSE 'approved' END::treasury.order_state
           WHERE id = (SELECT id FROM treasury.payment_order WHERE state = 'draft'
                         AND approved_by[1] IS DISTINCT FROM %(who)s
                       ORDER BY id LIMIT 1 OFFSET %(skip)s FOR UPDATE SKIP LOCKED)""",
        {"who": rng.choice(_OFFICIALS), "no": rng.random() < 0.1, "skip": rng.randrange(5)},
    )


def pay_orders(db: Database, rng: Random) -> int:
    """A handful of approved orders is paid, each by a transaction of its own in the ledger."""
    if (day := _open_day(db)) is None:
        return 0
    orders = db.execute(
        """SELECT id, payer, payee, amount FROM treasury.payment_order WHERE state = 'approved'
           ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED""",
        (rng.randrange(1, 8),),
    ).fetchall()
    _lock(db, [account for _, payer, payee, _ in orders for account in (payer, payee)])
    touched = 0
    for order, payer, payee, money in orders:
        assert isinstance(money, Decimal)
        number = _open_transaction(db, rng, day, "payment")
        touched += _post(db, number, [(payer, -money), (payee, money)])
        touched += run(
            db,
            "UPDATE treasury.payment_order SET state = 'paid', transaction_id = %s WHERE id = %s",
            (number, order),
        )
    return touched


def reverse(db: Database, rng: Random) -> int:
    """A transfer was wrong: another transaction undoes it. It is reversed once at most."""
    day = _open_day(db)
    found = one(
        db,
        """SELECT id FROM treasury.ledger_transaction t
           WHERE id >= %s * (SELECT max(id) FROM treasury.ledger_transaction) AND kind = 'transfer'
             AND NOT EXISTS (SELECT FROM treasury.ledger_transaction r WHERE r.reverses = t.id)
           ORDER BY id LIMIT 1""",
        (rng.random() * 0.98,),
    )
    if day is None or found is None:
        return 0
    lines = db.execute(
        "SELECT account_id, debit - credit FROM treasury.posting WHERE transaction_id = %s ORDER BY line", found
    ).fetchall()
    _lock(db, [account for account, _ in lines])
    return _post(db, _open_transaction(db, rng, day, "reversal", reverses=found[0]), lines)


def describe(db: Database, rng: Random) -> int:
    """A description is corrected; nothing else of a transaction may be."""
    return run(
        db,
        """UPDATE treasury.ledger_transaction SET description = %s
           WHERE id = (SELECT id FROM treasury.ledger_transaction
                       WHERE id >= %s * (SELECT max(id) FROM treasury.ledger_transaction) ORDER BY id LIMIT 1)""",
        (rng.choice((*names.PURPOSES, "")), rng.random()),
    )


def open_account(db: Database, rng: Random) -> int:
    """An institution gets another account."""
    return run(
        db,
        """INSERT INTO treasury.account (iban, holder, kind, opened_on)
           SELECT %s, %s, 'institution', day FROM treasury.business_day WHERE closed_at IS NULL""",
        (f"EE{rng.getrandbits(60):020d}", f"{rng.choice(names.PLACES)} {rng.choice(names.INSTITUTIONS)}"),
    )


def end_of_day(db: Database, rng: Random) -> int:
    """The day is closed, once enough has happened: interest on every account, in one transaction, and its totals."""
    day = one(db, "SELECT day FROM treasury.business_day WHERE closed_at IS NULL FOR UPDATE")
    is_due = one(
        db,
        """SELECT (SELECT count(*) FROM treasury.ledger_transaction WHERE day = %s) * 10
                  >= (SELECT count(*) FROM treasury.account)""",
        day or (None,),
    )
    if day is None or is_due != (True,):
        return 0
    db.execute("SELECT FROM treasury.account ORDER BY id FOR UPDATE")
    # The state pays interest on what an account holds, and takes it where it owes; at least the smallest unit.
    booked = run(
        db,
        """WITH due AS MATERIALIZED (
               SELECT nextval('treasury.transaction_number') AS number, id AS account, balance >= 0 AS is_paid,
                   greatest(round(abs(balance) * %s, 10), 0.0000000001) AS interest
               FROM treasury.account WHERE kind <> 'state'
           ), opened AS (
               INSERT INTO treasury.ledger_transaction (id, day, kind, description)
               SELECT number, %s, 'interest', '' FROM due)
           INSERT INTO treasury.posting
           SELECT number, line, CASE line WHEN 1 THEN account ELSE state.id END,
               CASE WHEN is_paid = (line = 1) THEN 0 ELSE interest END,
               CASE WHEN is_paid = (line = 1) THEN interest ELSE 0 END
           FROM due, (VALUES (1), (2)) lines (line), (SELECT id FROM treasury.account WHERE kind = 'state') state""",
        (Decimal(rng.randrange(1, 999)).scaleb(-8), day[0]),
    )
    closed = run(
        db,
        """UPDATE treasury.business_day d SET closed_at = now(), postings = found.postings, turnover = found.turnover
           FROM (SELECT count(*) AS postings, sum(p.debit) AS turnover
                 FROM treasury.ledger_transaction t JOIN treasury.posting p ON p.transaction_id = t.id
                 WHERE t.day = %s) found
           WHERE d.day = %s""",
        (day[0], day[0]),
    )
    return booked + closed + run(db, "INSERT INTO treasury.business_day (day) VALUES (%s::date + 1)", day)


ACTIONS: dict[Action, int] = {
    transfer: 34,
    collect_tax: 6,
    order_payment: 14,
    approve: 18,
    pay_orders: 8,
    reverse: 4,
    describe: 6,
    open_account: 1,
    end_of_day: 2,
    thinking_better(transfer): 2,
}


def _some_accounts(db: Database, rng: Random, count: int, also: tuple[object, ...] | None = None) -> list[object]:
    """Accounts of institutions from a random place on, and perhaps another, all of them locked in their order."""
    found = db.execute(
        """SELECT id FROM treasury.account WHERE kind = 'institution'
           AND id >= %s * (SELECT max(id) FROM treasury.account) ORDER BY id LIMIT %s""",
        (rng.random(), count),
    ).fetchall()
    accounts = [account for (account,) in found]
    _lock(db, [*accounts, *(also or ())])
    rng.shuffle(accounts)
    return accounts


def _lock(db: Database, accounts: Sequence[object]) -> None:
    db.execute("SELECT FROM treasury.account WHERE id = ANY(%s) ORDER BY id FOR UPDATE", (list(accounts),))


def _open_day(db: Database) -> object:
    """The day to book on, which cannot be closed meanwhile; None while it is being closed. Comes before other locks."""
    day = one(db, "SELECT day FROM treasury.business_day WHERE closed_at IS NULL FOR SHARE")
    return None if day is None else day[0]


def _open_transaction(db: Database, rng: Random, day: object, kind: str, reverses: object = None) -> object:
    number = one(
        db,
        """INSERT INTO treasury.ledger_transaction (day, kind, description, reverses)
           VALUES (%s, %s, %s, %s) RETURNING id""",
        (day, kind, rng.choice(names.PURPOSES), reverses),
    )
    return None if number is None else number[0]


def _post(db: Database, transaction: object, parts: Sequence[tuple[object, ...]]) -> int:
    """Postings of accounts and what each gets; less than zero is a debit."""
    accounts, moved = [part[0] for part in parts], [part[1] for part in parts]
    return 1 + 2 * run(
        db,
        """INSERT INTO treasury.posting
           SELECT %s, line, account, greatest(-moved, 0), greatest(moved, 0)
           FROM unnest(%s::integer[], %s::numeric[]) WITH ORDINALITY parts (account, moved, line)""",
        (transaction, accounts, moved),
    )
