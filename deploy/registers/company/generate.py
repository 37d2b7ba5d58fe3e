"""Fills the company register: companies with names, boards, shareholders, activities, filings and entries."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Final

from deploy.registers import names
from deploy.registers.company.papers import free_paper, report, title
from deploy.registers.draws import REFERENCE_DAY, any_code, full_name
from deploy.registers.loading import Load, line

_COMPANIES = 8_000  # at scale 1
FIRST_CODE: Final = 10_000_000
SECTIONS: Final = "ABCDEFGHIJKLMNOPQRST"
_KINDS: Final = ("annual report", "articles", "minutes", "other")
_FORMS: Final = ("limited", "limited", "limited", "limited", "public limited", "partnership", "association")
_STATES: Final = ("active",) * 16 + ("in liquidation", "in liquidation", "deleted")
SUFFIXES: Final = ("OÜ", "AS", "MTÜ", "GmbH", "S.à r.l.", "ИП", "株式会社", "Ltd.")


@dataclass(frozen=True, slots=True)
class _Company:
    code: str
    form: str
    state: str
    name: str
    shares: int
    board: tuple[int, ...]
    entries: int

    @property
    def is_there(self) -> bool:
        return self.state != "deleted"


def fill(load: Load, scale: float) -> None:
    """Write all rows; scale 1 is about 8,000 companies and 120,000 rows."""
    rng, count = load.rng, max(60, int(_COMPANIES * scale))
    people, codes = count + count // 2, _activity_codes()
    companies = list(_companies(rng, count, people))
    load.copy("law", ("number", "kind", "passed_at"),
              (line(n, kind, f"199{n}-09-01 00:00:00+00") for n, kind in enumerate(_KINDS, 1)))  # fmt: skip
    load.copy("activity", ("code", "title", "edition"), (line(code, title(rng), 1) for code in codes))
    load.copy("person", ("id", "code", "name"), (line(n, any_code(rng), full_name(rng)) for n in range(1, people + 1)))
    load.copy("company", ("code", "form", "state", "entries", "shares", "nominal", "signers", "emails", "phones",
                          "opening_hours", "card"), _company_lines(rng, companies))  # fmt: skip
    load.copy("name", ("company", "name", "during"), _names(rng, companies))
    load.copy("member", ("company", "person", "is_chair", "during"), _members(rng, companies, people))
    load.copy("holding", ("company", "person", "owner", "numbers"), _holdings(rng, companies, people))
    load.copy("pursuit", ("company", "activity", "is_main"), _pursuits(rng, companies, codes))
    load.copy("filing", ("company", "kind", "state", "content", "received_at"), _filings(rng, companies))
    load.copy("entry", ("company", "number", "what", "detail", "entered_at"), _entries(rng, companies))
    load.restart("person")
    load.execute(f"SELECT setval('company.code', {FIRST_CODE + count})")


def new_name(rng: Random, number: int) -> str:
    """A name in some case; the number makes it one of its own."""
    name = f"{rng.choice(names.FAMILY + names.PLACES)} {rng.choice(names.INSTITUTIONS)} {number} {rng.choice(SUFFIXES)}"
    return rng.choice((name, name, name.upper(), name.lower()))


def emails(rng: Random) -> list[str]:
    """Addresses, some of them in capitals."""
    found = [f"{rng.choice(('info', 'Info', 'OFFICE', 'õie'))}@c{rng.randrange(10**4)}.invalid" for _ in range(3)]
    return found[: rng.randrange(4)]


def phones(rng: Random) -> str | None:
    """An array, empty or none at all, now and then counted from zero, as text."""
    return rng.choice((None, "{}", '{"+372 600 1000"}', '[0:1]={+33123,"\\"ask\\""}', "{NULL,112}"))


def opening_hours(rng: Random) -> str | None:
    """Opening and closing on the days of a week, as text: two dimensions."""
    days = [(9, rng.randrange(15, 20)) if rng.random() < 0.8 else ("NULL", "NULL") for _ in range(7)]
    return "{" + ",".join(f"{{{opens},{closes}}}" for opens, closes in days) + "}" if rng.random() < 0.6 else None


def _activity_codes() -> list[str]:
    """Sections, four groups in each, three classes in each of these."""
    codes: list[str] = []
    for section in SECTIONS:
        codes.append(section)
        for group in range(1, 5):
            codes.append(f"{section}.{group:02d}")
            codes.extend(f"{section}.{group:02d}.{kind}" for kind in range(1, 4))
    return codes


def _companies(rng: Random, count: int, people: int) -> Iterator[_Company]:
    for number in range(1, count + 1):
        form, state = rng.choice(_FORMS), rng.choice(_STATES)
        has_shares = state != "deleted" and form.endswith("limited")
        board = rng.sample(range(1, people + 1), rng.choice((1, 1, 2, 3, 5))) if state != "deleted" else ()
        yield _Company(
            code=str(FIRST_CODE + number),
            form=form,
            state=state,
            name=new_name(rng, number),
            shares=rng.choice((1, 100, 2_500, 40_000)) if has_shares else 0,
            board=tuple(board),
            entries=rng.randrange(1, 6),
        )


def _company_lines(rng: Random, companies: list[_Company]) -> Iterator[str]:
    for one in companies:
        signers = rng.sample(one.board, 2) if len(one.board) > 1 and rng.random() < 0.4 else []
        name = one.name if one.is_there else None
        card = {"name": name, "board": sorted(one.board), "shares": one.shares, "entries": one.entries}
        yield line(
            one.code, one.form, one.state, one.entries, one.shares, rng.choice(("0.0100", "1.0000", "25.56")),
            _array(signers), _array(emails(rng)), phones(rng), opening_hours(rng), json.dumps(card, ensure_ascii=False),
        )  # fmt: skip


def _array(items: list[int] | list[str]) -> str:
    return "{" + ",".join(map(str, items)) + "}"


def _names(rng: Random, companies: list[_Company]) -> Iterator[str]:
    """Now and then an earlier one, which somebody else may have today."""
    for one in companies:
        begun = REFERENCE_DAY - timedelta(days=rng.randrange(400, 9_000))
        changed = begun + timedelta(days=rng.randrange(30, 380))
        if rng.random() < 0.2:
            yield line(one.code, rng.choice(companies).name.swapcase(), f"[{begun},{changed})")
        yield line(one.code, one.name, f"[{changed},{'' if one.is_there else REFERENCE_DAY})")


def _members(rng: Random, companies: list[_Company], people: int) -> Iterator[str]:
    for one in companies:
        since = REFERENCE_DAY - timedelta(days=rng.randrange(1, 3_000))
        if rng.random() < 0.5:
            yield line(one.code, 1 + rng.randrange(people), "t", f"[{since - timedelta(days=700)},{since})")
        for place, person in enumerate(one.board):
            yield line(one.code, person, place == 0, f"[{since},)")


def _holdings(rng: Random, companies: list[_Company], people: int) -> Iterator[str]:
    """Every share belongs to one of a few holders, whose numbers lie among each other's."""
    owners = [one.code for one in companies if one.is_there]
    for one in companies:
        if not one.shares:
            continue
        holders: list[tuple[int | None, str | None]] = [
            (person, None) for person in rng.sample(range(1, people + 1), rng.choice((1, 1, 2, 4)))
        ]
        if rng.random() < 0.2 and (parent := rng.choice(owners)) != one.code:
            holders.append((None, parent))
        holders = holders[: one.shares]
        cuts = sorted(rng.sample(range(2, one.shares + 1), min(one.shares - 1, 3 * len(holders) - 1)))
        edges = [1, *cuts, one.shares + 1]
        for place, (person, owner) in enumerate(holders):
            pieces = range(place, len(edges) - 1, len(holders))
            numbers = ",".join(f"[{edges[piece]},{edges[piece + 1]})" for piece in pieces)
            yield line(one.code, person, owner, f"{{{numbers}}}")


def _pursuits(rng: Random, companies: list[_Company], codes: list[str]) -> Iterator[str]:
    classes = [code for code in codes if code.count(".") == 2]
    for one in companies:
        if one.is_there:
            for place, code in enumerate(rng.sample(classes, rng.choice((1, 1, 2, 3)))):
                yield line(one.code, code, place == 0)


def _filings(rng: Random, companies: list[_Company]) -> Iterator[str]:
    for number, one in enumerate(companies):
        received = f"{REFERENCE_DAY - timedelta(days=rng.randrange(1, 900))} 13:00:00.{rng.randrange(10**6):06d}+03"
        states = ("accepted", "accepted", "rejected", "received" if one.is_there else "accepted")
        yield line(one.code, "annual report", rng.choice(states), report(rng), received)
        if number % 2:
            yield line(one.code, "other", rng.choice(states), free_paper(rng), received)
        for kind in ("articles", "minutes")[: rng.randrange(3)]:
            yield line(one.code, kind, rng.choice(states), free_paper(rng), received)


def _entries(rng: Random, companies: list[_Company]) -> Iterator[str]:
    for one in companies:
        for number in range(1, one.entries + 1):
            detail = rng.choice((None, "{}", "null", '{"by": "notary", "fee": 65.00}'))
            what = "foundation" if number == 1 else "entry"
            yield line(one.code, number, what, detail, f"20{10 + number}-05-09 11:00:00+03")
