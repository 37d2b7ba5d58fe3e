"""Who acts for a company, and under which name."""

from random import Random

from deploy.registers.company.finding import enter, some_company, some_people, two_companies
from deploy.registers.company.generate import new_name
from deploy.registers.draws import Database, run

_SEATS = 7


def elect(db: Database, rng: Random) -> int:
    """A member joins the board, while a seat is free."""
    if (company := some_company(db, rng)) is None:
        return 0
    people = some_people(db, rng, 1)
    joined = run(
        db,
        """INSERT INTO company.member (company, person, during)
           SELECT c.code, person, daterange(company.day(c.code), NULL)
           FROM company.company c, unnest(%s::integer[]) person
           WHERE c.code = %s AND jsonb_array_length(c.card -> 'board') < %s ON CONFLICT DO NOTHING""",
        (people, company, _SEATS),
    )
    return joined and joined + enter(db, company, "election", person=people)


def resign(db: Database, rng: Random) -> int:
    """A member who is not in the chair goes, and signs nothing any more."""
    if (company := some_company(db, rng)) is None:
        return 0
    rows = db.execute(
        """SELECT person FROM company.member WHERE company = %s AND upper_inf(during) AND NOT is_chair
           ORDER BY person""",
        (company,),
    ).fetchall()
    if not rows:
        return 0
    person = rng.choice(rows)[0]
    gone = _end_seats(db, company, [person])
    gone += run(db, "UPDATE company.company SET signers = array_remove(signers, %s) WHERE code = %s", (person, company))
    return gone + enter(db, company, "resignation", person=person)


def change_chair(db: Database, rng: Random) -> int:
    """Another member takes the chair."""
    if (company := some_company(db, rng)) is None:
        return 0
    rows = db.execute(
        "SELECT id FROM company.member WHERE company = %s AND upper_inf(during) AND NOT is_chair ORDER BY id",
        (company,),
    ).fetchall()
    if not rows:
        return 0
    left = run(
        db,
        "UPDATE company.member SET is_chair = false WHERE company = %s AND upper_inf(during) AND is_chair",
        (company,),
    )
    taken = run(db, "UPDATE company.member SET is_chair = true WHERE id = %s", rng.choice(rows))
    return left + taken + enter(db, company, "chair")


def replace_board(db: Database, rng: Random) -> int:
    """The whole board goes and another comes, in one transaction."""
    company, people = some_company(db, rng, "active"), some_people(db, rng, rng.randrange(1, 5))
    if company is None or not people:
        return 0
    touched = end_board(db, company) + seat_board(db, company, people)
    return touched + enter(db, company, "new board", board=people)


def arrange_signing(db: Database, rng: Random) -> int:
    """Some members sign jointly from now on, or nobody must any more."""
    if (company := some_company(db, rng)) is None:
        return 0
    board = [
        person
        for (person,) in db.execute(
            "SELECT person FROM company.member WHERE company = %s AND upper_inf(during) ORDER BY person", (company,)
        )
    ]
    signers = rng.sample(board, rng.randrange(len(board) + 1))
    touched = run(db, "UPDATE company.company SET signers = %s::integer[] WHERE code = %s", (signers, company))
    return touched + enter(db, company, "signing", signers=signers)


def rename(db: Database, rng: Random) -> int:
    """A company takes another name, if nobody has it in any case."""
    if (company := some_company(db, rng)) is None:
        return 0
    touched = end_name(db, company) + begin_name(db, company, new_name(rng, rng.randrange(10**6)))
    return touched + enter(db, company, "name")


def correct_case(db: Database, rng: Random) -> int:
    """A name is spelled with other capitals: an equal value, and not the same."""
    if (company := some_company(db, rng)) is None:
        return 0
    function = rng.choice(("upper", "lower", "initcap"))
    touched = run(
        db,
        f"UPDATE company.name SET name = {function}(name::text) WHERE company = %s AND upper_inf(during)",
        (company,),
    )
    return touched + enter(db, company, "spelling")


def trade_names(db: Database, rng: Random) -> int:
    """Two companies take each other's name."""
    if (pair := two_companies(db, rng)) is None:
        return 0
    rows = db.execute(
        "SELECT company, name::text FROM company.name WHERE company = ANY(%s) AND upper_inf(during)", (list(pair),)
    ).fetchall()
    held = {str(company): str(name) for company, name in rows}
    touched = sum(end_name(db, company) for company in pair)
    for company, other in (pair, pair[::-1]):
        touched += begin_name(db, company, held[other]) + enter(db, company, "name", of=other)
    return touched


def begin_name(db: Database, company: str, name: str) -> int:
    """A name from the day of the company's next entry on."""
    return run(
        db,
        "INSERT INTO company.name (company, name, during) VALUES (%s, %s, daterange(company.day(%s), NULL))",
        (company, name, company),
    )


def end_name(db: Database, company: str) -> int:
    """The active name is one no more."""
    return run(
        db,
        """UPDATE company.name SET during = daterange(lower(during), company.day(company))
           WHERE company = %s AND upper_inf(during)""",
        (company,),
    )


def seat_board(db: Database, company: str, people: list[int]) -> int:
    """These people, the first of them in the chair, where nobody sits."""
    return run(
        db,
        """INSERT INTO company.member (company, person, is_chair, during)
           SELECT %s, person, place = 1, daterange(company.day(%s), NULL)
           FROM unnest(%s::integer[]) WITH ORDINALITY board (person, place)""",
        (company, company, people),
    )


def end_board(db: Database, company: str) -> int:
    """Nobody sits on the board, and nobody signs."""
    touched = run(db, "UPDATE company.company SET signers = '{}' WHERE code = %s", (company,))
    return touched + _end_seats(db, company, None)


def _end_seats(db: Database, company: str, people: list[object] | None) -> int:
    """The seats of these people end, or all."""
    return run(
        db,
        """UPDATE company.member SET during = daterange(lower(during), company.day(company))
           WHERE company = %s AND upper_inf(during) AND person = ANY(coalesce(%s::integer[], ARRAY[person]))""",
        (company, people),
    )
