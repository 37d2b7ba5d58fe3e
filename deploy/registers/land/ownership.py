"""What happens to ownership. Every action locks its properties first, two of them in their order."""

from math import gcd
from random import Random

from deploy.registers.draws import Database, one, run
from deploy.registers.land.properties import new_entry, next_property, some_property

_WHOLE = 14_515_200


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
    if (number := some_property(db, rng)) is None:
        return 0
    owners = db.execute(
        "SELECT owner FROM land.share WHERE property = %s AND upper_inf(during) ORDER BY owner", (number,)
    ).fetchall()
    if len(owners) < 2:
        return 0
    day = new_entry(db, number)
    ended = _end_shares(db, number, day)
    return 2 + ended + _begin_shares(db, number, {rng.choice(owners)[0]: _WHOLE}, day, "buy-out")


def divide(db: Database, rng: Random) -> int:
    """One property becomes two with the same owners; what burdened it goes with neither."""
    if (number := some_property(db, rng)) is None:
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
    first = some_property(db, rng, count=2)
    second = None if first is None else next_property(db, first)
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


def _pass_on(db: Database, rng: Random, title: str, *, heirs: int, is_part: bool = False) -> int:
    """A share, or half of it, passes to others in equal parts, who may hold a share already."""
    number = some_property(db, rng)
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
    day = new_entry(db, number)
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
