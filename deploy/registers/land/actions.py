"""What happens to land. Whoever changes what belongs to a property locks the property first, two in their order."""

from math import gcd
from random import Random

from psycopg import Rollback

from deploy.registers.draws import Action, Database, any_code, full_name, one, run, street_address
from deploy.registers.land.generate import CREDITORS, SUBJECTS

_WHOLE = 14_515_200
_RANKS = 4


def sell_share(db: Database, rng: Random) -> int:
    """An owner's whole share goes to somebody else."""
    return _pass_on(db, rng, "sale", heirs=1)


def sell_part(db: Database, rng: Random) -> int:
    """An owner sells half of a share."""
    return _pass_on(db, rng, "sale of a part", heirs=1, is_part=True)


def inherit(db: Database, rng: Random) -> int:
    """Two or three heirs take over a share in equal parts."""
    return _pass_on(db, rng, "pärimine", heirs=rng.choice((2, 3)))


def buy_out(db: Database, rng: Random) -> int:
    """One of the owners takes over everything."""
    if (number := _some_property(db, rng)) is None:
        return 0
    owners = db.execute(
        "SELECT owner FROM land.share WHERE property = %s AND upper_inf(during) ORDER BY owner", (number,)
    ).fetchall()
    if len(owners) < 2:
        return 0
    day = _new_entry(db, number)
    ended = _end_shares(db, number, day)
    return 2 + ended + _begin_shares(db, number, {rng.choice(owners)[0]: _WHOLE}, day, "buy-out")


def mortgage(db: Database, rng: Random) -> int:
    """A mortgage is entered in the first rank that is free."""
    if (number := _some_property(db, rng)) is None:
        return 0
    return run(
        db,
        """INSERT INTO land.mortgage (property, rank, creditor, amount, rate, during)
           SELECT p.number, rank, %s, %s, %s, daterange(greatest(
               p.entered_on,
               (SELECT max(upper(during)) FROM land.mortgage m
                WHERE (m.property, m.rank) = (p.number, free.rank))), NULL)
           FROM land.property p, generate_series(1, %s) free (rank)
           WHERE p.number = %s AND NOT EXISTS (
               SELECT FROM land.mortgage m WHERE (m.property, m.rank) = (p.number, free.rank) AND upper_inf(m.during))
           ORDER BY rank LIMIT 1""",
        (rng.choice(CREDITORS), rng.randrange(1, 10**10) / 100, rng.choice(("2.50", "2.5", "0")), _RANKS, number),
    )


def discharge(db: Database, rng: Random) -> int:
    """A mortgage is paid back."""
    number = _some_property(db, rng)
    return run(
        db,
        """UPDATE land.mortgage m SET during = daterange(lower(during), greatest(lower(during) + 1, p.entered_on))
           FROM land.property p WHERE p.number = %s AND m.id = (
               SELECT id FROM land.mortgage WHERE property = %s AND upper_inf(during) ORDER BY rank DESC LIMIT 1)""",
        (number, number),
    )


def exchange_ranks(db: Database, rng: Random) -> int:
    """Two creditors exchange their ranks: each takes the other's while that is still there."""
    number = _some_property(db, rng)
    pair = db.execute(
        "SELECT id, rank FROM land.mortgage WHERE property = %s AND upper_inf(during) ORDER BY rank LIMIT 2",
        (number,),
    ).fetchall()
    if len(pair) < 2:
        return 0
    (first, upper_rank), (second, lower_rank) = pair
    # Both from a day on which neither rank was anybody else's.
    statement = """UPDATE land.mortgage SET rank = %s, during = daterange(
                       (SELECT max(lower(during)) FROM land.mortgage WHERE id IN (%s, %s)), NULL) WHERE id = %s"""
    return run(db, statement, (lower_rank, first, second, first)) + run(
        db, statement, (upper_rank, first, second, second)
    )


def enter_easement(db: Database, rng: Random) -> int:
    """A neighbour gets a right."""
    number = _some_property(db, rng, count=2)
    return run(
        db,
        """INSERT INTO land.easement
           SELECT a.number, b.number, 'right of way', daterange(greatest(a.entered_on, b.entered_on), NULL)
           FROM land.property a, land.property b
           WHERE a.number = %s AND b.number = %s AND a.state = 'active' AND b.state = 'active'
           ON CONFLICT DO NOTHING""",
        (number, None if number is None else _next(db, number)),
    )


def give_up_easement(db: Database, rng: Random) -> int:
    """A right is deleted."""
    return run(db, "DELETE FROM land.easement WHERE property = %s", (_some_property(db, rng),))


def apply(db: Database, rng: Random) -> int:
    """Somebody applies for an entry. The property's lock gives applications their order."""
    if (number := _some_property(db, rng)) is None:
        return 0
    return run(
        db,
        "INSERT INTO land.application (property, applicant, subject, attachment) VALUES (%s, %s, %s, %s)",
        (number, any_code(rng), rng.choice(SUBJECTS), rng.choice((None, "<a>&amp;</a>", "<b> é\n</b>", "text"))),
    )


def decide(db: Database, rng: Random) -> int:
    """The oldest application for a property is decided."""
    found = one(
        db,
        """SELECT property FROM land.application WHERE state = 'pending'
           AND property >= %s * (SELECT max(number) FROM land.property) ORDER BY property LIMIT 1""",
        (rng.random(),),
    )
    if found is None:
        return 0
    db.execute("SELECT FROM land.property WHERE number = %s FOR UPDATE", found)
    return run(
        db,
        """UPDATE land.application SET state = %s, decided_at = clock_timestamp() WHERE id = (
               SELECT id FROM land.application WHERE property = %s AND state = 'pending' ORDER BY id LIMIT 1)""",
        (rng.choice(("granted", "rejected")), found[0]),
    )


def correct_address(db: Database, rng: Random) -> int:
    """A street is renamed: a new version."""
    if (number := _some_property(db, rng)) is None:
        return 0
    _new_entry(db, number)
    return 4 + run(db, "UPDATE land.property SET address = %s WHERE number = %s", (street_address(rng), number))


def survey(db: Database, rng: Random) -> int:
    """A property turns out to be larger or smaller."""
    return 2 * run(
        db,
        "UPDATE land.property SET area_m2 = round(area_m2 * %s, 2) WHERE number = %s AND area_m2 > 1",
        (rng.choice(("0.9995", "1.0003", "1")), _some_property(db, rng)),
    )


def divide(db: Database, rng: Random) -> int:
    """One property becomes two with the same owners; what burdened it goes with neither."""
    if (number := _some_property(db, rng)) is None:
        return 0
    parts = db.execute(
        """INSERT INTO land.property (address, area_m2, made_of, entered_on)
           SELECT address || ' ' || part, CASE part WHEN 'A' THEN trunc(area_m2 * %(ratio)s::numeric, 2)
                      ELSE area_m2 - trunc(area_m2 * %(ratio)s::numeric, 2) END, ARRAY[number], entered_on + 1
           FROM land.property, (VALUES ('A'), ('B')) parts (part) WHERE number = %(number)s AND area_m2 > 1
           RETURNING number""",
        {"ratio": rng.randrange(100, 900) / 1000, "number": number},
    ).fetchall()
    touched = sum(
        run(
            db,
            """INSERT INTO land.share (property, owner, numerator, denominator, during, title)
               SELECT %s, s.owner, s.numerator, s.denominator, daterange(p.entered_on + 1, NULL), 'division'
               FROM land.share s JOIN land.property p ON p.number = s.property
               WHERE s.property = %s AND upper_inf(s.during)""",
            (part, number),
        )
        for (part,) in parts
    )
    return 0 if not parts else len(parts) + touched + _close(db, number)


def join(db: Database, rng: Random) -> int:
    """Two neighbouring properties become one, which the owners of the first keep (the others are paid)."""
    first = _some_property(db, rng, count=2)
    second = None if first is None else _next(db, first)
    new = one(
        db,
        """INSERT INTO land.property (address, area_m2, made_of, entered_on)
           SELECT a.address, a.area_m2 + b.area_m2, ARRAY[a.number, b.number], greatest(a.entered_on, b.entered_on) + 1
           FROM land.property a, land.property b
           WHERE a.number = %s AND b.number = %s AND a.state = 'active' AND b.state = 'active' RETURNING number""",
        (first, second),
    )
    if new is None or first is None or second is None:
        return 0
    moved = run(
        db,
        """INSERT INTO land.share (property, owner, numerator, denominator, during, title)
           SELECT p.number, s.owner, s.numerator, s.denominator, daterange(p.entered_on, NULL), 'join'
           FROM land.share s, land.property p WHERE s.property = %s AND upper_inf(s.during) AND p.number = %s""",
        (first, new[0]),
    )
    return 1 + moved + _close(db, first) + _close(db, second)


def register_owner(db: Database, rng: Random) -> int:
    """Somebody who will own something."""
    return run(db, "INSERT INTO land.owner (code, name) VALUES (%s, %s)", (any_code(rng), full_name(rng)))


def think_better(db: Database, rng: Random) -> int:
    """Work that is rolled back, whole or to a savepoint: nothing of it may ever be seen elsewhere."""
    with db.transaction():
        sell_share(db, rng)
        raise Rollback
    raise Rollback


ACTIONS: dict[Action, int] = {
    sell_share: 22,
    sell_part: 8,
    inherit: 6,
    buy_out: 8,
    mortgage: 12,
    discharge: 6,
    exchange_ranks: 6,
    enter_easement: 3,
    give_up_easement: 1,
    apply: 14,
    decide: 14,
    correct_address: 4,
    survey: 3,
    divide: 2,
    join: 2,
    register_owner: 2,
    think_better: 2,
}


def _some_property(db: Database, rng: Random, *, count: int = 1) -> int | None:
    """An active property from a random place on, locked; with `count` its neighbours too, all in their order."""
    found = db.execute(
        """SELECT number FROM land.property
           WHERE state = 'active' AND number >= %s * (SELECT max(number) FROM land.property)
           ORDER BY number LIMIT %s FOR UPDATE""",
        (rng.random(), count),
    ).fetchall()
    return int(str(found[0][0])) if len(found) == count else None


def _next(db: Database, number: int) -> int | None:
    row = one(
        db,
        "SELECT number FROM land.property WHERE state = 'active' AND number > %s ORDER BY number LIMIT 1 FOR UPDATE",
        (number,),
    )
    return None if row is None else int(str(row[0]))


def _new_entry(db: Database, number: int) -> object:
    """The day of a new entry of a property that is locked."""
    row = one(
        db,
        """UPDATE land.property SET entered_on = entered_on + 1 WHERE number = %s RETURNING entered_on""",
        (number,),
    )
    assert row is not None
    return row[0]


def _pass_on(db: Database, rng: Random, title: str, *, heirs: int, is_part: bool = False) -> int:
    """A share, or half of it, passes to others in equal parts, who may hold a share already."""
    number = _some_property(db, rng)
    shares = db.execute(
        "SELECT owner, numerator, denominator FROM land.share WHERE property = %s AND upper_inf(during) ORDER BY owner",
        (number,),
    ).fetchall()
    others = [
        owner
        for (owner,) in db.execute(
            "SELECT id FROM land.owner WHERE id >= %s * (SELECT max(id) FROM land.owner) ORDER BY id LIMIT %s",
            (rng.random(), heirs),
        )
    ]
    if number is None or not shares or len(others) < heirs:
        return 0
    parts = {owner: int(str(part)) * (_WHOLE // int(str(of))) for owner, part, of in shares}
    seller = rng.choice(list(parts))
    given = parts[seller] // 2 if is_part else parts[seller]
    if given % heirs or given == 0 or seller in others:
        return 0
    parts[seller] -= given
    for other in others:
        parts[other] = parts.get(other, 0) + given // heirs
    day = _new_entry(db, number)
    return 2 + _end_shares(db, number, day) + _begin_shares(db, number, parts, day, title)


def _end_shares(db: Database, number: int, day: object) -> int:
    return run(
        db,
        "UPDATE land.share SET during = daterange(lower(during), %s) WHERE property = %s AND upper_inf(during)",
        (day, number),
    )


def _begin_shares(db: Database, number: int, parts: dict[object, int], day: object, title: str) -> int:
    """Shares from a day on, as parts of the whole; each becomes the shortest fraction."""
    touched = 0
    for owner, part in parts.items():
        if part:
            common = gcd(part, _WHOLE)
            touched += run(
                db,
                """INSERT INTO land.share (property, owner, numerator, denominator, during, title)
                   VALUES (%s, %s, %s, %s, daterange(%s, NULL), %s)""",
                (number, owner, part // common, _WHOLE // common, day, title),
            )
    return touched


def _close(db: Database, number: int) -> int:
    """A property ends, with everything on it; applications for it are rejected."""
    row = one(
        db,
        "UPDATE land.property SET state = 'closed', entered_on = entered_on + 1 WHERE number = %s RETURNING entered_on",
        (number,),
    )
    assert row is not None
    touched = 2 + _end_shares(db, number, row[0])
    touched += run(db, "DELETE FROM land.easement WHERE %s IN (property, serving)", (number,))
    touched += run(
        db,
        """UPDATE land.application SET state = 'rejected', decided_at = clock_timestamp()
           WHERE property = %s AND state = 'pending'""",
        (number,),
    )
    return touched + run(
        db,
        """UPDATE land.mortgage SET during = daterange(lower(during), greatest(lower(during) + 1, %s))
           WHERE property = %s AND upper_inf(during)""",
        (row[0], number),
    )
