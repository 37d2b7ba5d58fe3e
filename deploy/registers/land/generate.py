"""Fills the land register: owners, properties with past and present shares, mortgages in ranks, applications."""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from deploy.registers import names
from deploy.registers.draws import REFERENCE_DAY, any_code, full_name, street_address
from deploy.registers.loading import Load, line

_PROPERTIES = 20_000  # at scale 1
_SPLITS = ((1,), (1,), (1,), (1, 1), (1, 1), (1, 2), (1, 1, 1), (1, 1, 2), (3, 5), (2, 1, 1), (1, 4, 5), (1, 2, 3, 1))
"""How a property is divided: parts of their sum, all of whose sums divide the whole."""
SUBJECTS = ("Sale", "Hüpoteek", "Héritage", "Служебность", "Ümberkirjutus; \\kiire", "相続", "")
CREDITORS = ("Põhja Pank", "Banque d'Été", "Банк", "Länsförsäkringar", "O'Neil & Sons")


def fill(load: Load, scale: float) -> None:
    """Write all rows; scale 1 is about 20,000 properties and 130,000 rows."""
    rng, properties = load.rng, max(60, int(_PROPERTIES * scale))
    owners = properties
    born = [REFERENCE_DAY - timedelta(days=rng.randrange(200, 9_000)) for _ in range(properties)]
    bought = [born[number] + (REFERENCE_DAY - born[number]) * rng.random() * 0.9 for number in range(properties)]
    load.copy("owner", ("id", "code", "name"), (line(n, any_code(rng), full_name(rng)) for n in range(1, owners + 1)))
    load.copy("property", ("number", "address", "area_m2", "entered_on", "version"), _properties(rng, bought))
    load.copy("property_history",
              ("property", "version", "state", "address", "area_m2", "entered_on", "replaced_at"),
              _history(rng, born))  # fmt: skip
    # The trigger would ask for each row; the check of the whole asks once.
    load.execute("ALTER TABLE land.share DISABLE TRIGGER USER")
    load.copy("share", ("property", "owner", "numerator", "denominator", "during", "title"),
              _shares(rng, owners, born, bought))  # fmt: skip
    load.execute("SET CONSTRAINTS ALL IMMEDIATE")
    load.execute("ALTER TABLE land.share ENABLE TRIGGER USER")
    load.copy("mortgage", ("property", "rank", "creditor", "amount", "rate", "during"), _mortgages(rng, bought))
    load.copy("easement", ("property", "serving", "kind", "during"), _easements(rng, born))
    load.copy("application", ("property", "applicant", "subject", "attachment", "state", "decided_at"),
              _applications(rng, properties))  # fmt: skip
    load.restart("owner")
    load.restart("property", "number")


def _properties(rng: Random, bought: list[date]) -> Iterator[str]:
    for number, day in enumerate(bought, 1):
        yield line(number, street_address(rng), f"{rng.randrange(20_000, 90_000_000) / 100:.2f}", day, 2)


def _history(rng: Random, born: list[date]) -> Iterator[str]:
    for number, day in enumerate(born, 1):
        area = f"{rng.randrange(20_000, 90_000_000) / 100:.2f}"
        yield line(number, 1, "active", street_address(rng), area, day, f"{day} 09:30:00.{number % 10**6:06d}+02")


def _shares(rng: Random, owners: int, born: list[date], bought: list[date]) -> Iterator[str]:
    """First one owner, then others, who take over from each other without a day between."""
    for number, (first, second) in enumerate(zip(born, bought, strict=True), 1):
        if second > first:
            yield line(number, 1 + rng.randrange(owners), 1, 1, f"[{first},{second})", "first entry")
        parts = rng.choice(_SPLITS)
        for owner, part in zip(rng.sample(range(1, owners + 1), len(parts)), parts, strict=True):
            yield line(number, owner, part, sum(parts), f"[{second},)", rng.choice(("sale", "gift", "pärimine")))


def _mortgages(rng: Random, bought: list[date]) -> Iterator[str]:
    for number, day in enumerate(bought, 1):
        for rank in range(1, rng.choice((0, 0, 1, 1, 2, 3)) + 1):
            over = f"{day + timedelta(days=rng.randrange(1, 4000))}" if rng.random() < 0.2 else ""
            amount, rate = f"{rng.randrange(10**5, 10**9) / 100:.2f}", rng.choice(("2.50", "3", "1.125", "0.0"))
            yield line(number, rank, rng.choice(CREDITORS), amount, rate, f"[{day},{over})")


def _easements(rng: Random, born: list[date]) -> Iterator[str]:
    for number in range(1, len(born), 4):
        kind = rng.choice(("right of way", "veejuhtimine", "usufruit"))
        yield line(number, number + 1, kind, f"[{born[number - 1]},)")


def _applications(rng: Random, properties: int) -> Iterator[str]:
    """Decided ones first: nothing older waits."""
    for number in range(properties // 2):
        state = rng.choice(("granted", "granted", "rejected"))
        day = REFERENCE_DAY - timedelta(days=rng.randrange(1, 900))
        yield line(1 + number, any_code(rng), rng.choice(SUBJECTS), _form(rng), state, f"{day} 10:00:00+00")
    for _ in range(properties // 4):
        yield line(1 + rng.randrange(properties), any_code(rng), rng.choice(SUBJECTS), _form(rng), "pending", None)


def _form(rng: Random) -> str | None:
    if rng.random() < 0.4:
        return None
    return f"<avaldus number='{rng.randrange(10**6)}'><koht>{rng.choice(names.PLACES)}</koht>\n <märkus/></avaldus>"
