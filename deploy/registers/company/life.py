"""How companies come, merge and go, and what they do."""

from random import Random

from deploy.registers.company.board import begin_name, end_board, end_name, seat_board
from deploy.registers.company.capital import Holder, give
from deploy.registers.company.finding import enter, some_company, some_people, two_companies
from deploy.registers.company.generate import SECTIONS, emails, new_name, opening_hours, phones
from deploy.registers.draws import Database, any_code, full_name, one, run


def found(db: Database, rng: Random) -> int:
    """A company comes into being: name, board, shareholders, activity, entry."""
    shares, people = rng.choice((1, 100, 2_500)), some_people(db, rng, rng.randrange(1, 4))
    row = one(
        db,
        """INSERT INTO company.company (code, form, shares, nominal, emails)
           VALUES (nextval('company.code'), 'limited', %s, 1, %s) RETURNING code""",
        (shares, emails(rng)),
    )
    if row is None or not people:
        return 0
    company = str(row[0])
    touched = 1 + begin_name(db, company, new_name(rng, int(company))) + seat_board(db, company, people)
    touched += give(db, company, Holder(person=people[0]), f"{{[1,{shares}]}}")
    return touched + _pursue(db, rng, company, is_main=True) + enter(db, company, "foundation", by=people)


def register_person(db: Database, rng: Random) -> int:
    """Somebody who will sit on boards or hold shares."""
    return run(db, "INSERT INTO company.person (code, name) VALUES (%s, %s)", (any_code(rng), full_name(rng)))


def liquidate(db: Database, rng: Random) -> int:
    """A company is to end."""
    return _set_state(db, some_company(db, rng, "active"), "in liquidation")


def resume(db: Database, rng: Random) -> int:
    """A company is not to end after all."""
    return _set_state(db, some_company(db, rng, "in liquidation"), "active")


def delete(db: Database, rng: Random) -> int:
    """A company that owns nothing is deleted: everything about it ends, and what was filed is rejected."""
    company = some_company(db, rng, "in liquidation")
    if company is None or one(db, "SELECT 1 FROM company.holding WHERE owner = %s LIMIT 1", (company,)):
        return 0
    return _end(db, company) + enter(db, company, "deletion")


def merge(db: Database, rng: Random) -> int:
    """A company takes over another: its shareholders get new shares, the other is deleted."""
    if (pair := two_companies(db, rng)) is None:
        return 0
    target, source = pair
    # Neither may own a share of the other, nor the source any at all.
    is_barred = one(
        db,
        """SELECT 1 FROM company.holding WHERE owner = %(source)s OR (owner, company) = (%(target)s, %(source)s)
           UNION ALL
           SELECT 1 FROM company.company WHERE code = %(target)s AND shares NOT BETWEEN 1 AND 500000 LIMIT 1""",
        {"source": source, "target": target},
    )
    if is_barred:
        return 0
    touched = run(
        db,
        """INSERT INTO company.holding (company, person, owner, numbers)
           SELECT c.code, h.person, h.owner,
               (SELECT range_agg(int4range(lower(one) + c.shares, upper(one) + c.shares)) FROM unnest(h.numbers) one)
           FROM company.holding h, company.company c WHERE h.company = %s AND c.code = %s
           ON CONFLICT (company, person, owner) DO UPDATE SET numbers = holding.numbers + excluded.numbers""",
        (source, target),
    )
    touched += run(
        db,
        """UPDATE company.company t SET shares = t.shares + s.shares FROM company.company s
           WHERE t.code = %s AND s.code = %s""",
        (target, source),
    )
    touched += _end(db, source) + enter(db, source, "merger", into=target)
    return touched + enter(db, target, "merger", of=source)


def change_activity(db: Database, rng: Random) -> int:
    """Another activity becomes the main one; others are given up."""
    if (company := some_company(db, rng)) is None:
        return 0
    touched = run(db, "UPDATE company.pursuit SET is_main = false WHERE company = %s AND is_main", (company,))
    touched += _pursue(db, rng, company, is_main=True)
    touched += run(
        db,
        """DELETE FROM company.pursuit WHERE company = %s AND NOT is_main
             AND activity < (SELECT activity FROM company.pursuit WHERE company = %s AND is_main)""",
        (company, company),
    )
    return touched + enter(db, company, "activity")


def add_activity(db: Database, rng: Random) -> int:
    """One more, beside the main one."""
    if (company := some_company(db, rng)) is None:
        return 0
    added = _pursue(db, rng, company, is_main=False)
    return added and added + enter(db, company, "activity")


def classify_anew(db: Database, rng: Random) -> int:
    """A branch of the tree gets another name: keys below it change, and with them what companies pursue."""
    branch = f"{rng.choice(SECTIONS)}.*{{1}}"
    row = one(
        db,
        """SELECT code::text FROM company.activity WHERE code ~ %s::lquery ORDER BY code OFFSET %s LIMIT 1
           FOR NO KEY UPDATE""",
        (branch, rng.randrange(4)),
    )
    if row is None:
        return 0
    code = str(row[0])
    renamed = code.removesuffix("_x") if code.endswith("_x") else f"{code}_x"
    return run(
        db,
        """UPDATE company.activity SET edition = edition + 1, code = CASE nlevel(code)
               WHEN 2 THEN %(new)s::ltree ELSE %(new)s::ltree || subpath(code, 2) END
           WHERE code <@ %(old)s::ltree""",
        {"new": renamed, "old": code},
    )


def change_contact(db: Database, rng: Random) -> int:
    """Addresses come and go whatever their case; arrays of one and two dimensions."""
    company = some_company(db, rng)
    return run(
        db,
        """UPDATE company.company
           SET emails = array_remove(emails, upper(emails[1]::text)::citext) || %s::citext[],
               phones = %s::text[], opening_hours = %s::smallint[]
           WHERE code = %s""",
        (emails(rng)[:1], phones(rng), opening_hours(rng), company),
    )


def _pursue(db: Database, rng: Random, company: str, *, is_main: bool) -> int:
    """A class of the tree, which a classification anew may take away under it."""
    return run(
        db,
        """INSERT INTO company.pursuit (company, activity, is_main)
           SELECT %s, code, %s FROM company.activity WHERE code ~ %s::lquery ORDER BY code OFFSET %s LIMIT 1
           ON CONFLICT (company, activity) DO UPDATE SET is_main = pursuit.is_main OR excluded.is_main""",
        (company, is_main, f"{rng.choice(SECTIONS)}.*{{2}}", rng.randrange(12)),
    )


def _set_state(db: Database, company: str | None, state: str) -> int:
    touched = run(db, "UPDATE company.company SET state = %s WHERE code = %s", (state, company))
    return touched if company is None else touched + enter(db, company, state)


def _end(db: Database, company: str) -> int:
    """Everything about a company ends."""
    touched = end_board(db, company) + end_name(db, company)
    touched += run(db, "UPDATE company.company SET state = 'deleted', shares = 0 WHERE code = %s", (company,))
    touched += run(
        db, "UPDATE company.filing SET state = 'rejected' WHERE company = %s AND state = 'received'", (company,)
    )
    return touched + sum(
        run(db, f"DELETE FROM company.{table} WHERE company = %s", (company,)) for table in ("holding", "pursuit")
    )
