"""Fills the register of taxable persons: declarations on wide forms, movements over six years, notices sent twice."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from deploy.registers import names
from deploy.registers.draws import REFERENCE_DAY, any_code, full_name
from deploy.registers.loading import Load, Value, line

_TAXPAYERS = 20_000  # at scale 1
_FIRST_YEAR = 2021
LINES = 110
_FIRST_OPTIONAL = 71
"""Lines from here on may be NULL."""
TAXES = ("income", "vat", "land")
SUBJECTS = ("Meeldetuletus", "Mahnung", "Rappel d'échéance", "Напоминание", "督促状", "", None)
CHANNELS = ("post", "e-mail")


def line_name(number: int) -> str:
    """The column of a line of the form."""
    return f"line_{number:03d}"


@dataclass(frozen=True, slots=True)
class _Declaration:
    taxpayer: int
    year: int
    cents: dict[int, int]
    is_assessed: bool

    @property
    def tax_cents(self) -> int:
        return sum(self.cents.values()) // 5 if self.is_assessed else 0


def fill(load: Load, scale: float) -> None:
    """Write all rows; scale 1 is about 20,000 taxpayers, 40,000 declarations of 120 columns, 240,000 rows."""
    rng, taxpayers = load.rng, max(50, int(_TAXPAYERS * scale))
    notices = [rng.choice((0, 0, 1, 2, 2, 3)) for _ in range(taxpayers)]
    declarations = list(_declarations(rng, taxpayers))
    load.copy("taxpayer", ("number", "code", "name", "is_company", "vat_number", "notices", "registered_on"),
              _taxpayers(rng, notices))  # fmt: skip
    # Totals and balances are kept by triggers; a load computes what they would.
    for table in ("declaration", "movement"):
        load.execute(f"ALTER TABLE taxable.{table} DISABLE TRIGGER USER")
    columns = ("taxpayer", "year", "form", "state", "submitted_at", "changed_at", "total", "tax", "remarks")
    load.copy("declaration", (*columns, *map(line_name, range(1, LINES + 1))), _forms(rng, declarations))
    load.copy("movement", ("booked_on", "taxpayer", "tax", "kind", "amount", "note"),
              _movements(rng, taxpayers, declarations))  # fmt: skip
    for table in ("declaration", "movement"):
        load.execute(f"ALTER TABLE taxable.{table} ENABLE TRIGGER USER")
    load.execute("""
        INSERT INTO taxable.balance
        SELECT taxpayer, tax, sum(amount), count(*) FROM taxable.movement GROUP BY taxpayer, tax""")
    load.copy("notice", ("sent_on", "taxpayer", "subject", "channel"), _notices(rng, notices))
    load.restart("taxpayer", "number")


def _taxpayers(rng: Random, notices: list[int]) -> Iterator[str]:
    for number, count in enumerate(notices, 1):
        is_company = rng.random() < 0.3
        name = f"{rng.choice(names.FAMILY)} & {rng.choice(names.FAMILY)} OÜ" if is_company else full_name(rng)
        registered = REFERENCE_DAY - timedelta(days=rng.randrange(2_000, 9_000))
        yield line(
            number, any_code(rng), name, is_company, f"EE{number:09d}" if is_company else None, count, registered
        )


def _declarations(rng: Random, taxpayers: int) -> Iterator[_Declaration]:
    for taxpayer in range(1, taxpayers + 1):
        for year in range(2025 - rng.randrange(4), 2025):
            cents = {rng.randrange(1, LINES + 1): rng.randrange(-(10**6), 10**8) for _ in range(rng.randrange(3, 25))}
            yield _Declaration(taxpayer, year, cents, is_assessed=rng.random() < 0.7)


def _forms(rng: Random, declarations: list[_Declaration]) -> Iterator[str]:
    for one in declarations:
        at = f"{one.year + 1}-03-{rng.randrange(1, 29):02d} 12:00:00.{rng.randrange(10**6):06d}+00"
        values: list[Value] = [
            one.taxpayer, one.year, "TSD", "assessed" if one.is_assessed else "submitted", at, at,
            money(sum(one.cents.values())), money(one.tax_cents), rng.choice((None, "", "vt lisa 2\nviide")),
        ]  # fmt: skip
        for number in range(1, LINES + 1):
            empty = None if number >= _FIRST_OPTIONAL else "0.00"
            values.append(money(one.cents[number]) if number in one.cents else empty)
        yield line(*values)


def _movements(rng: Random, taxpayers: int, declarations: list[_Declaration]) -> Iterator[str]:
    for one in declarations:
        if one.is_assessed:
            yield line(date(one.year + 1, 7, 1), one.taxpayer, "income", "assessment", money(-one.tax_cents), None)
    for taxpayer in range(1, taxpayers + 1):
        for _ in range(rng.randrange(8)):
            day = date(_FIRST_YEAR, 1, 1) + timedelta(days=rng.randrange(365 * 6))
            kind, cents = rng.choice((("payment", 1), ("payment", 1), ("interest", -1), ("refund", -1)))
            note = rng.choice((None, "", "viitenumber 17", "№ 5"))
            yield line(day, taxpayer, rng.choice(TAXES), kind, money(cents * rng.randrange(1, 10**7)), note)


def _notices(rng: Random, notices: list[int]) -> Iterator[str]:
    for number, count in enumerate(notices, 1):
        day, subject, channel = REFERENCE_DAY - timedelta(days=number % 300), rng.choice(SUBJECTS), rng.choice(CHANNELS)
        for _ in range(count):
            yield line(day, number, subject, channel)


def money(cents: int) -> str:
    """Cents as the decimal number that the register holds."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"
