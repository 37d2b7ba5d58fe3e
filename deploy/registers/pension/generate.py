"""Fills the register of pension insurance: people, what they are entitled to, eight months that are paid, one open."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from random import Random

from deploy.registers.draws import REFERENCE_DAY, any_code, full_name
from deploy.registers.loading import Load, line

_PEOPLE = 20_000  # at scale 1: a month pays about 21,000 pensions
KINDS = ("old age", "disability", "survivor")
KEPT_MONTHS = 9
"""Months that are not archived: those that are paid and the one at work."""


def first_of_month(months: int) -> date:
    """The month so many after the one of the reference day."""
    number = REFERENCE_DAY.year * 12 + REFERENCE_DAY.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def account(rng: Random) -> str:
    """A bank account."""
    return f"EE{rng.randrange(10, 100)}{rng.randrange(10**16):016d}"


def monthly(rng: Random) -> str:
    """What a pension is worth a month."""
    return f"{rng.randrange(150, 2500)}.{rng.randrange(100):02d}"


@dataclass(frozen=True, slots=True)
class _Entitlement:
    person: int
    kind: str
    first: int
    """Months are counted from the one of the reference day."""
    end: int | None
    monthly: str

    def covers(self, month: int) -> bool:
        return self.first <= month and (self.end is None or month < self.end)


def fill(load: Load, scale: float) -> None:
    """Write all rows; scale 1 is about 20,000 people and 170,000 payments."""
    rng, people = load.rng, max(100, int(_PEOPLE * scale))
    paid = range(1 - KEPT_MONTHS, 0)
    accounts = [account(rng) for _ in range(people)]
    entitlements = list(_entitlements(rng, people))
    load.copy("insured", ("number", "code", "name", "account", "died_on"), _insured(rng, accounts, entitlements))
    load.copy("month", ("month", "state", "payments", "total", "closed_at"), _months(paid))
    load.copy("decision", ("id", "month", "person", "what", "made_at"), _decisions(entitlements))
    load.copy("entitlement", ("id", "person", "kind", "during", "monthly", "decision"), _periods(entitlements))
    load.copy("payment", _PAYMENT, _payments(rng, accounts, entitlements, paid))
    load.copy("estimate", ("person", "monthly", "asked_at"), _estimates(rng, people))
    load.execute("""
        UPDATE pension.month m SET payments = p.payments, total = p.total
        FROM (SELECT month, count(*) AS payments, sum(amount) AS total FROM pension.payment GROUP BY month) p
        WHERE p.month = m.month""")
    load.restart("insured", "number")
    load.restart("decision")
    load.restart("entitlement")


_PAYMENT = ("month", "person", "kind", "line", "reason", "amount", "account", "times_returned", "booked_at")


def _entitlements(rng: Random, people: int) -> Iterator[_Entitlement]:
    """One pension after the other, of one kind or two; some are over, and some were raised while they ran."""
    for person in range(1, people + 1):
        for kind in rng.sample(KINDS, 2) if rng.random() < 0.1 else KINDS[:1]:
            first, raised = -rng.randrange(1, 250), -rng.randrange(0, KEPT_MONTHS)
            over = rng.random() < 0.04
            if first < raised and (over or rng.random() < 0.4):
                yield _Entitlement(person, kind, first, raised, monthly(rng))
                first = raised
            if not over:
                yield _Entitlement(person, kind, first, None, monthly(rng))


def _insured(rng: Random, accounts: list[str], entitlements: list[_Entitlement]) -> Iterator[str]:
    entitled = {one.person for one in entitlements if one.end is None}
    known: set[str] = set()
    for number, its_account in enumerate(accounts, 1):
        while (code := any_code(rng)) in known:
            pass
        known.add(code)
        yield line(number, code, full_name(rng), its_account, None if number in entitled else REFERENCE_DAY)


def _months(paid: range) -> Iterator[str]:
    for month in paid:
        yield line(first_of_month(month), "closed", 0, 0, f"{first_of_month(month)} 04:00:00+00")
    yield line(first_of_month(paid.stop), "open", None, None, None)


def _decisions(entitlements: list[_Entitlement]) -> Iterator[str]:
    """They were made when the first month that is kept had not begun; each bears the number of what it granted."""
    first = first_of_month(1 - KEPT_MONTHS)
    for number, one in enumerate(entitlements, 1):
        yield line(number, first, one.person, "grant", f"{first} 09:00:00.{number % 10**6:06d}+00")


def _periods(entitlements: list[_Entitlement]) -> Iterator[str]:
    for number, one in enumerate(entitlements, 1):
        end = "" if one.end is None else first_of_month(one.end)
        yield line(number, one.person, one.kind, f"[{first_of_month(one.first)},{end})", one.monthly, number)


def _payments(rng: Random, accounts: list[str], entitlements: list[_Entitlement], paid: range) -> Iterator[str]:
    for month in paid:
        first = first_of_month(month)
        for one in entitlements:
            if one.covers(month):
                its_account, returned = accounts[one.person - 1], int(rng.random() < 0.01)
                booked = f"{first} 04:00:00+00"
                yield line(first, one.person, one.kind, 1, "run", one.monthly, its_account, returned, booked)


def _estimates(rng: Random, people: int) -> Iterator[str]:
    for person in range(1, people + 1, 20):
        yield line(person, monthly(rng), f"{REFERENCE_DAY} 10:00:00+00")
