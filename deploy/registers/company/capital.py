"""Whose a company is: shares by their numbers."""

from dataclasses import dataclass
from random import Random

from deploy.registers.company.finding import enter, some_company, some_people, two_companies
from deploy.registers.draws import Database, one, run

_SHARES_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Holder:
    """A person, or another company that is locked."""

    person: int | None = None
    owner: str | None = None


def sell_to_person(db: Database, rng: Random) -> int:
    """Some of a holder's shares, or all of them, go to a person."""
    company, people = some_company(db, rng), some_people(db, rng, 1)
    if company is None or not people:
        return 0
    return _pass_on(db, rng, company, Holder(person=people[0]))


def sell_to_company(db: Database, rng: Random) -> int:
    """They go to another company, which must not be deleted meanwhile."""
    pair = two_companies(db, rng)
    return 0 if pair is None else _pass_on(db, rng, pair[0], Holder(owner=pair[1]))


def issue_shares(db: Database, rng: Random) -> int:
    """The capital grows: somebody gets the next numbers."""
    company, people, count = some_company(db, rng, "active"), some_people(db, rng, 1), rng.randrange(1, 500)
    if company is None or not people:
        return 0
    row = one(
        db,
        """UPDATE company.company SET shares = shares + %s
           WHERE code = %s AND shares BETWEEN 1 AND %s - %s RETURNING shares""",
        (count, company, _SHARES_MAX, count),
    )
    if row is None:
        return 0
    last = int(str(row[0]))
    given = give(db, company, Holder(person=people[0]), f"{{[{last - count + 1},{last}]}}")
    return 1 + given + enter(db, company, "issue", count=count)


def withdraw_shares(db: Database, rng: Random) -> int:
    """The capital shrinks: the last numbers are nobody's any more, whoever had them."""
    if (company := some_company(db, rng, "active")) is None:
        return 0
    row = one(
        db,
        """UPDATE company.company SET shares = shares - greatest(1, (shares * %s)::integer)
           WHERE code = %s AND shares > 1 RETURNING int4multirange(int4range(shares + 1, NULL))::text""",
        (rng.random() * 0.1, company),
    )
    return 0 if row is None else 1 + _take(db, company, str(row[0])) + enter(db, company, "withdrawal", numbers=row[0])


def split_shares(db: Database, rng: Random) -> int:
    """Each share becomes two of half its value: all numbers of all holders change."""
    if (company := some_company(db, rng, "active")) is None:
        return 0
    touched = run(
        db,
        """UPDATE company.company SET shares = 2 * shares, nominal = nominal / 2
           WHERE code = %s AND shares BETWEEN 1 AND %s AND nominal >= 0.001""",
        (company, _SHARES_MAX // 2),
    )
    if not touched:
        return 0
    touched += run(
        db,
        """UPDATE company.holding SET numbers = (
               SELECT range_agg(int4range(2 * lower(one) - 1, 2 * upper(one) - 1)) FROM unnest(numbers) one)
           WHERE company = %s""",
        (company,),
    )
    return touched + enter(db, company, "split")


def give(db: Database, company: str, holder: Holder, numbers: str) -> int:
    """Shares that are nobody's become a holder's."""
    return run(
        db,
        """INSERT INTO company.holding (company, person, owner, numbers) VALUES (%s, %s, %s, %s::int4multirange)
           ON CONFLICT (company, person, owner) DO UPDATE SET numbers = holding.numbers + excluded.numbers""",
        (company, holder.person, holder.owner, numbers),
    )


def _take(db: Database, company: str, numbers: str) -> int:
    """Shares become nobody's, whoever has them."""
    gone = run(
        db, "DELETE FROM company.holding WHERE company = %s AND numbers <@ %s::int4multirange", (company, numbers)
    )
    return gone + run(
        db,
        """UPDATE company.holding SET numbers = numbers - %(some)s::int4multirange
           WHERE company = %(company)s AND numbers && %(some)s::int4multirange""",
        {"some": numbers, "company": company},
    )


def _pass_on(db: Database, rng: Random, company: str, to: Holder) -> int:
    """A piece of what one holder has, from its beginning."""
    rows = db.execute(
        """SELECT int4multirange(int4range(
               lower(one), lower(one) + greatest(1, ((upper(one) - lower(one)) * %s)::integer)))::text
           FROM company.holding, unnest(numbers) one WHERE company = %s ORDER BY lower(one)""",
        (rng.choice((0.1, 0.5, 1)), company),
    ).fetchall()
    if not rows:
        return 0
    numbers = str(rng.choice(rows)[0])
    return _take(db, company, numbers) + give(db, company, to, numbers) + enter(db, company, "sale", numbers=numbers)
