"""Finding a company to enter something on, locked from then on; two of them are locked in their order."""

import json
from random import Random

from deploy.registers.company.generate import FIRST_CODE
from deploy.registers.draws import Database, one, run

THERE = ("active", "in liquidation")


def some_company(db: Database, rng: Random, *states: str) -> str | None:
    """A company in one of these states (unless told: that is not deleted) from a random place on."""
    code = _seen(db, rng, states or THERE)
    return code if code is not None and _locked(db, [code], states or THERE) else None


def two_companies(db: Database, rng: Random) -> tuple[str, str] | None:
    """Two that are not deleted, in any order."""
    first, second = _seen(db, rng, THERE), _seen(db, rng, THERE)
    if first is None or second is None or first == second or _locked(db, [first, second], THERE) < 2:
        return None
    return first, second


def some_people(db: Database, rng: Random, count: int) -> list[int]:
    """People from a random place on."""
    rows = db.execute(
        """SELECT id FROM company.person WHERE id >= %s * (SELECT max(id) FROM company.person)
           ORDER BY id LIMIT %s""",
        (rng.random(), count),
    ).fetchall()
    return [int(str(number)) for (number,) in rows]


def enter(db: Database, company: str, what: str, **detail: object) -> int:
    """End a change of a company: the next entry, and its card as it is now."""
    db.execute("SELECT company.enter(%s, %s, %s)", (company, what, json.dumps(detail, ensure_ascii=False, default=str)))
    return 2


def _seen(db: Database, rng: Random, states: tuple[str, ...]) -> str | None:
    row = one(
        db,
        f"""SELECT code FROM company.company WHERE state = ANY(%s::company.state[]) AND code >= (
                SELECT ({FIRST_CODE} + (%s * (max(code)::integer - {FIRST_CODE}))::integer)::text FROM company.company)
            ORDER BY code LIMIT 1""",
        (list(states), rng.random()),
    )
    return None if row is None else str(row[0])


def _locked(db: Database, codes: list[str], states: tuple[str, ...]) -> int:
    return run(
        db,
        """SELECT FROM company.company WHERE code = ANY(%s) AND state = ANY(%s::company.state[])
           ORDER BY code FOR NO KEY UPDATE""",
        (codes, list(states)),
    )
