"""What companies file, and the laws that say what they may."""

from random import Random

from psycopg import sql

from deploy.registers.company.finding import enter, some_company
from deploy.registers.company.papers import balance, free_paper, report
from deploy.registers.draws import Database, one, run

_NEW_KINDS = ("declaration", "owner's list", "teatis", "справка")


def file_report(db: Database, rng: Random) -> int:
    """An annual report comes in."""
    if (company := some_company(db, rng)) is None:
        return 0
    return run(
        db,
        "INSERT INTO company.filing (company, kind, content) VALUES (%s, 'annual report', %s::jsonb)",
        (company, report(rng)),
    )


def file_newest(db: Database, rng: Random) -> int:
    """Something is filed that only the latest law knows."""
    if (company := some_company(db, rng)) is None:
        return 0
    return run(
        db,
        """INSERT INTO company.filing (company, kind, content)
           SELECT %s, kind::company.filing_kind, %s::jsonb FROM company.law ORDER BY number DESC LIMIT 1""",
        (company, free_paper(rng)),
    )


def pass_law(db: Database, rng: Random) -> int:
    """A law lays down another kind of filing, once the latest has found use: a value is added to an enum."""
    row = one(
        db,
        """SELECT number + 1 FROM (SELECT * FROM company.law ORDER BY number DESC LIMIT 1) newest
           WHERE (SELECT count(*) FROM company.filing WHERE kind::text = newest.kind)
                 >= 20 + (SELECT count(*) FROM company.company) / 20""",
    )
    if row is None:
        return 0
    kind = f"§ {row[0]}: {rng.choice(_NEW_KINDS)}"
    # Who comes second is refused here, before the type would refuse the value.
    run(db, "INSERT INTO company.law (number, kind) VALUES (%s, %s)", (row[0], kind))
    db.execute(sql.SQL("ALTER TYPE company.filing_kind ADD VALUE {} BEFORE 'other'").format(sql.Literal(kind)))
    return 1


def amend_report(db: Database, rng: Random) -> int:
    """A report that waits gets another balance; a line of it is struck, and the text of the next one changes."""
    return _change(
        db,
        rng,
        "kind = 'annual report' AND state = 'received'",
        """content = jsonb_set(
               jsonb_set(content, '{balance}', %s::jsonb) #- '{lines,0}', '{lines,0,text}', '"amended"', false)""",
        balance(rng),
    )


def mark_filing(db: Database, rng: Random) -> int:
    """A small part of a document changes, however large it is."""
    return _change(
        db,
        rng,
        "jsonb_typeof(content) = 'object'",
        "content['seen'] = to_jsonb(coalesce((content ->> 'seen')::numeric, 0) + %s::numeric)",
        "1.0",
    )


def decide_filing(db: Database, rng: Random) -> int:
    """What waits longest at a company is accepted, with an entry, or rejected."""
    if (company := some_company(db, rng)) is None:
        return 0
    row = one(
        db,
        """UPDATE company.filing SET state = %s
           WHERE id = (SELECT min(id) FROM company.filing WHERE company = %s AND state = 'received')
           RETURNING state::text, kind::text""",
        (rng.choice(("accepted", "accepted", "rejected")), company),
    )
    if row is None:
        return 0
    return 1 + (enter(db, company, str(row[1])) if row[0] == "accepted" else 0)


def destroy_rejected(db: Database, rng: Random) -> int:
    """What was rejected is destroyed after a while."""
    return run(
        db,
        """DELETE FROM company.filing WHERE id IN (
               SELECT id FROM company.filing WHERE state = 'rejected' ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)""",
        (rng.randrange(1, 5),),
    )


def _change(db: Database, rng: Random, which: str, change: str, value: str) -> int:
    """Change the first such filing from a random place on."""
    return run(
        db,
        f"""UPDATE company.filing SET {change} WHERE {which} AND id = (
                SELECT id FROM company.filing WHERE {which} AND id >= %s * (SELECT max(id) FROM company.filing)
                ORDER BY id LIMIT 1)""",
        (value, rng.random()),
    )
