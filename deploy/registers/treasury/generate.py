"""Fills the treasury: accounts, ten closed days and an open one, transactions that balance, orders in every state."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from deploy.registers import names
from deploy.registers.draws import REFERENCE_DAY
from deploy.registers.loading import Load, line

_ACCOUNTS = 50_000  # at scale 1: the end of a day books 100,000 postings
_STATE, _TAX = 1, 2
_GUARANTEES = (3, 4)
_DAYS = 10
_LARGEST = Decimal("123456789012345678901234.0000000001")

Posting = tuple[int, Decimal]
"""An account and what it gets; less than zero is a debit."""


def fill(load: Load, scale: float) -> None:
    """Write all rows; scale 1 is about 50,000 accounts and 200,000 postings."""
    rng, accounts = load.rng, max(60, int(_ACCOUNTS * scale))
    days = [REFERENCE_DAY - timedelta(days=back) for back in range(_DAYS, -1, -1)]
    # Postings are kept by triggers of their own; a load computes what they would.
    load.execute("ALTER TABLE treasury.posting DISABLE TRIGGER USER")
    load.copy("account", ("id", "iban", "holder", "kind", "opened_on"), _accounts(rng, accounts))
    load.copy("business_day", ("day",), (line(day) for day in days[-1:]))
    load.copy("business_day", ("day", "closed_at", "postings", "turnover"), _closed(days[:-1]))
    transactions = list(_transactions(rng, accounts, days))
    load.copy("ledger_transaction", ("id", "day", "kind", "description", "posted_at"), _heads(transactions))
    load.copy("posting", ("transaction_id", "line", "account_id", "debit", "credit"), _postings(transactions))
    load.copy("payment_order", ("id", "payer", "payee", "amount", "purpose", "state", "approved_by", "transaction_id"),
              _orders(rng, accounts, transactions))  # fmt: skip
    load.execute("SET CONSTRAINTS ALL IMMEDIATE")
    load.execute("ALTER TABLE treasury.posting ENABLE TRIGGER USER")
    load.execute("""
        UPDATE treasury.account a SET balance = p.moved
        FROM (SELECT account_id, sum(credit - debit) AS moved FROM treasury.posting GROUP BY account_id) p
        WHERE p.account_id = a.id""")
    load.execute("""
        UPDATE treasury.business_day d SET postings = found.postings, turnover = found.turnover
        FROM (SELECT t.day, count(*) AS postings, sum(p.debit) AS turnover
              FROM treasury.ledger_transaction t JOIN treasury.posting p ON p.transaction_id = t.id
              GROUP BY t.day) found
        WHERE found.day = d.day AND d.closed_at IS NOT NULL""")
    load.restart("account")
    load.restart("payment_order")
    load.execute("SELECT setval('treasury.transaction_number', max(id)) FROM treasury.ledger_transaction")


def amount(rng: Random) -> Decimal:
    """Some money: often with cents, sometimes with all ten decimals."""
    if rng.random() < 0.7:
        return Decimal(rng.randrange(1, 10**7)).scaleb(-2)
    return Decimal(rng.randrange(1, 10**15)).scaleb(-10)


def _accounts(rng: Random, count: int) -> Iterator[str]:
    for number in range(1, count + 1):
        kind = {_STATE: "state", _TAX: "tax"}.get(number, "guarantee" if number in _GUARANTEES else "institution")
        holder = f"{rng.choice(names.PLACES)} {rng.choice(names.INSTITUTIONS)}"
        opened = REFERENCE_DAY - timedelta(days=rng.randrange(30, 10_000))
        yield line(number, f"EE{rng.randrange(10, 100)}{number:016d}", holder, kind, opened)


def _closed(days: list[date]) -> Iterator[str]:
    for day in days:
        yield line(day, f"{day} 18:00:00+00", 0, 0)


def _transactions(rng: Random, accounts: int, days: list[date]) -> Iterator[tuple[date, str, list[Posting]]]:
    """Opening balances first, then what people do, in order of the days."""
    # copy_negate: a minus sign would round to 28 digits.
    yield days[0], "guarantee", [(_GUARANTEES[0], _LARGEST), (_GUARANTEES[1], _LARGEST.copy_negate())]
    for number in range(5, accounts + 1):
        opening = amount(rng) * 100
        yield days[0], "opening", [(_STATE, -opening), (number, opening)]
    for number in range(accounts):
        day = days[1 + number * (len(days) - 1) // accounts]
        payer, *payees = rng.sample(range(5, accounts + 1), rng.choice((2, 2, 2, 3, 5)))
        parts = [(payee, amount(rng)) for payee in payees]
        yield day, "transfer", [(payer, -sum((part for _, part in parts), Decimal(0))), *parts]


def _heads(transactions: list[tuple[date, str, list[Posting]]]) -> Iterator[str]:
    for number, (day, kind, _) in enumerate(transactions, 1):
        description = names.PURPOSES[number % len(names.PURPOSES)]
        yield line(number, day, kind, description, f"{day} {9 + number % 8:02d}:00:00.{number % 10**6:06d}+02")


def _postings(transactions: list[tuple[date, str, list[Posting]]]) -> Iterator[str]:
    for number, (_, _, postings) in enumerate(transactions, 1):
        for position, (account, money) in enumerate(postings, 1):
            yield line(number, position, account, max(money.copy_negate(), Decimal(0)), max(money, Decimal(0)))


def _orders(rng: Random, accounts: int, transactions: list[tuple[date, str, list[Posting]]]) -> Iterator[str]:
    """Some transfers of two were ordered; other orders wait."""
    number = 0
    for booked, (_, kind, postings) in enumerate(transactions, 1):
        if kind == "transfer" and len(postings) == 2 and rng.random() < 0.3:
            number += 1
            (payer, _), (payee, money) = postings
            yield line(number, payer, payee, money, rng.choice(names.PURPOSES), "paid", '{"Õie","Łukasz"}', booked)
    for _ in range(accounts // 3):
        number += 1
        payer, payee = rng.sample(range(5, accounts + 1), 2)
        state, eyes = rng.choice(
            (("draft", "{}"), ("draft", "{健太}"), ("approved", '{"Õie","健太"}'), ("rejected", "{}"))
        )
        yield line(number, payer, payee, amount(rng), rng.choice(names.PURPOSES), state, eyes, None)
