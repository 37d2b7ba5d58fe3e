"""People at work in the harbour's database (any_register.sql): each action is the body of one transaction."""

from __future__ import annotations

from functools import wraps
from random import Random
from typing import Final

import psycopg

from tests.support.odd_register import Action, Database

FEES: Final = '"Сборы & Fees"'


def passing(action: Action) -> Action:
    """An action of a program that is a release behind, or ahead: its transaction fails, and nobody minds."""

    @wraps(action)
    def perform(db: Database, rng: Random) -> None:
        try:
            action(db, rng)
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            raise psycopg.Rollback from error

    return perform


def _one(db: Database, relation: str, column: str, rng: Random) -> object:
    """A value of some row."""
    query = f"SELECT {column} FROM {relation} OFFSET floor(%s * (SELECT count(*) FROM {relation})) LIMIT 1"
    row = db.execute(query.encode(), (rng.random(),)).fetchone()
    return None if row is None else row[0]


def arrive(db: Database, rng: Random) -> None:
    """A ship comes: five tables in one transaction, two sequences, and now and then second thoughts."""
    imo = rng.randrange(2_000_000, 9_000_000)
    db.execute(
        "INSERT INTO vessel (imo, name, papers, flags, dimensions)"
        " VALUES (%s, %s, %s, '{LV,NULL}', ROW(%s, 9.5, NULL))",
        (imo, f"Ship {imo} ⚓", f'{{"call sign": "X{imo}"}}', imo % 300),
    )
    day = rng.randrange(20_000)
    row = db.execute(
        'INSERT INTO visit (vessel, basin, quay, during) SELECT %s, basin, "№",'
        " tstzrange(now() + %s * interval '1 hour', now() + %s * interval '1 hour')"
        ' FROM "Käi/Quay" OFFSET %s LIMIT 1 RETURNING id', (imo, day, day + 1, rng.randrange(36)),
    ).fetchone()  # fmt: skip
    if row is None:
        return
    db.execute("INSERT INTO cargo (visit, line, price) SELECT %s, n, n * 1.5 FROM generate_series(1, %s) n",
               (row[0], rng.randrange(1, 6)))  # fmt: skip
    db.execute("""INSERT INTO manifest (visit, scan, "текст") VALUES (%s, %s, %s)""",
               (row[0], rng.randbytes(rng.randrange(100, 60_000)), "X" * rng.randrange(5_000)))  # fmt: skip
    db.execute("CALL book(%s, %s, %s)", (f"счёт {rng.randrange(1, 30)}", f"счёт {rng.randrange(30, 60)}", imo % 97))
    if rng.random() < 0.1:
        raise psycopg.Rollback


def leave(db: Database, rng: Random) -> None:
    """A ship goes for good, and with it its visits and cargo; its manifests stay without a visit."""
    newest = "(SELECT max(imo) FROM vessel WHERE imo >= 2000000 AND imo %% 7 = %s)"
    db.execute(f"DELETE FROM vessel WHERE imo = {newest}".encode(), (rng.randrange(7),))
    db.execute("DELETE FROM manifest WHERE visit IS NULL AND id < %s::uuid", (f"{rng.getrandbits(128):032x}",))


def renumber(db: Database, rng: Random) -> None:
    """Keys change, and what refers to them follows: a ship's number, and a quay's."""
    imo = _one(db, "vessel", "imo", rng)
    db.execute("UPDATE vessel SET imo = imo + %s WHERE imo = %s", (rng.randrange(300, 3000), imo))
    if rng.random() < 0.3:
        basin, quay = rng.randrange(1, 4), rng.randrange(1, 13)
        change = 'UPDATE "Käi/Quay" SET "№" = %s WHERE basin = %s AND "№" = %s'
        for old, new in ((quay, 99), (99, quay)) if rng.random() < 0.7 else ((quay, quay + 50), (quay + 50, quay)):
            db.execute(change.encode(), (new, basin, old))


def sail(db: Database, rng: Random) -> None:
    """A trigger changes what is written; documents, arrays, ranges and points change, large values stay."""
    imo = _one(db, "vessel", "imo", rng)
    db.execute("UPDATE vessel SET station = %s, position = point(%s, 'NaN'), mask = %s WHERE imo = %s",
               (f"10.{rng.randrange(250)}.0.1/8", rng.random(), "101"[rng.randrange(3):], imo))  # fmt: skip
    db.execute(
        "UPDATE vessel SET extra = extra || hstore(%(k)s, %(v)s), draught = numrange(%(n)s, NULL),"
        " tides[%(n)s] = 'empty', dimensions.note = %(v)s, papers = papers || jsonb_build_object('n', %(n)s::numeric)"
        " WHERE imo = %(imo)s",
        {"k": f"k{rng.randrange(9)}", "v": rng.choice((None, "", 'a "b", (c)', "\\N", "ü\t\n")),
         "n": rng.randrange(1, 6), "imo": imo},
    )  # fmt: skip


def moor(db: Database, rng: Random) -> None:
    """A visit moves in time: no two at one quay."""
    db.execute(
        "UPDATE visit SET during = tstzrange(lower(during) + %(d)s * interval '1 hour', upper(during) + %(d)s"
        " * interval '1 hour'), state = (enum_range(NULL::visit_state))[%(n)s] WHERE id = %(id)s",
        {"d": rng.randrange(-30, 30), "n": rng.randrange(1, 4), "id": _one(db, "visit", "id", rng)},
    )


def read(db: Database, rng: Random) -> None:
    """Small values change beside large ones that stay; now and then a large one is written, or taken away."""
    start = f"{rng.getrandbits(128):032x}"
    db.execute("UPDATE manifest SET read = read + 1 WHERE id IN (SELECT id FROM manifest WHERE id > %s ORDER BY id"
               " LIMIT 8)", (start,))  # fmt: skip
    if rng.random() < 0.2:
        scan = rng.choice((None, b"", b"\x00\\x", rng.randbytes(120_000)))
        db.execute("UPDATE manifest SET scan = %s WHERE id = (SELECT max(id::text)::uuid FROM manifest WHERE id < %s)",
                   (scan, start))  # fmt: skip


def swap(db: Database, rng: Random) -> None:
    """Keys and ranks change places: unique only at the end."""
    a, b = sorted(rng.sample(range(1, 31), 2))
    db.execute("UPDATE rota SET place = %(a)s + %(b)s - place WHERE basin = %(n)s AND place IN (%(a)s, %(b)s)",
               {"a": a, "b": b, "n": rng.randrange(1, 4)})  # fmt: skip
    db.execute("UPDATE pilot SET rank = rank %% 40 + 1, hours = hours + '1 mon -1 day 00:00:00.5' WHERE %s > 0", (a,))


def measure(db: Database, rng: Random) -> None:
    """Rows without a key, some of them equal, come, change and go one by one."""
    gauge = f"gauge {rng.randrange(3)}"
    db.execute(
        """INSERT INTO reading SELECT '-infinity', %s, 'NaN', '{"b":  1}', '(1,1)' FROM generate_series(1, %s)""",
        (gauge, rng.randrange(1, 4)),
    )
    some = "(SELECT ctid FROM reading WHERE gauge = %s LIMIT 1 FOR UPDATE)"
    db.execute(f"UPDATE reading SET level = %s WHERE ctid = {some}".encode(), (rng.random(), gauge))
    for _ in range(2):
        db.execute(f"DELETE FROM reading WHERE ctid = {some}".encode(), (gauge,))


def load(db: Database, rng: Random) -> None:
    """A file is copied into a staging table, goes on from there, and is truncated away."""
    with db.cursor().copy('COPY staging (line, "a,b", n) FROM STDIN') as copy:
        for line in range(rng.randrange(1, 400)):
            copy.write_row((line, rng.choice((None, "", r"\N", "a\tb", "ß")), rng.choice((None, "1.0", "1.00", "NaN"))))
    if rng.random() < 0.3:
        raise psycopg.Rollback
    db.execute("UPDATE staging SET n = n + 1 WHERE line % 50 = 0")
    db.execute(
        "INSERT INTO berth_log SELECT %s, now() - %s * interval '1 day', line, \"a,b\" FROM staging WHERE line < 20"
        " ON CONFLICT DO NOTHING", (rng.randrange(5), rng.randrange(300)),
    )  # fmt: skip
    db.execute("TRUNCATE staging")
    if rng.random() < 0.3:
        db.execute("INSERT INTO staging VALUES (-1, 'left', 0.10)")


def file_away(db: Database, rng: Random) -> None:
    """Rows move between partitions, and partitions of partitions; old ones go."""
    change = "UPDATE berth_log SET basin = %s, at = at + %s * interval '30 days' WHERE n %% 40 = %s AND basin = %s"
    db.execute(change.encode(), (rng.randrange(5), rng.choice((-9, 0, 3)), rng.randrange(40), rng.randrange(5)))
    db.execute("DELETE FROM berth_log WHERE basin = 9 AND at < now() - interval '5 s'")


def settle(db: Database, rng: Random) -> None:
    """Money moves through a procedure and a view; half of it is thought better of."""
    for _ in range(rng.randrange(1, 4)):
        a, b = rng.sample(range(1, 61), 2)
        try:
            with db.transaction():
                db.execute("CALL book(%s, %s, %s)", (f"счёт {a}", f"счёт {b}", rng.randrange(1, 90)))
                if rng.random() < 0.4:
                    db.execute("SELECT 1 / 0")
        except psycopg.errors.DivisionByZero:
            db.execute('UPDATE small_sums SET version = version + 1 WHERE "Счёт" = %s', (f"счёт {a}",))
    if rng.random() < 0.05:
        db.execute(f'DELETE FROM {FEES}."audit ""trail""" WHERE at < now() - interval \'20 s\''.encode())


def visit_club(db: Database, rng: Random) -> None:
    """An inherited table, and a rule that writes elsewhere."""
    n = rng.randrange(1000, 100_000)
    db.execute("INSERT INTO guest VALUES (%s, 'somebody', %s, '-infinity')", (n, f"B{n}"))
    db.execute("UPDATE person SET name = name || '.' WHERE id = %s", (n - 1,))
    db.execute("DELETE FROM guest WHERE id = (SELECT min(id) FROM guest WHERE id > %s)", (rng.randrange(100_000),))


def reprice(db: Database, rng: Random) -> None:
    """One statement for many rows; generated columns follow."""
    db.execute('UPDATE cargo SET price = price + 0.01, "Weight [t]" = "Weight [t]" + %s WHERE line = %s',
               (rng.choice((0, 1e-9, -50)), rng.randrange(1, 6)))  # fmt: skip


@passing
def pilot_by_old_name(db: Database, rng: Random) -> None:
    """A column that will be renamed."""
    db.execute("UPDATE visit SET pilot = %s WHERE id = %s", (f"P{rng.random()}", _one(db, "visit", "id", rng)))


@passing
def pilot_by_new_name(db: Database, rng: Random) -> None:
    """The same column afterwards."""
    db.execute('UPDATE visit SET "Lots" = %s WHERE id = %s', (f"L{rng.random()}", _one(db, "visit", "id", rng)))


@passing
def man(db: Database, rng: Random) -> None:
    """Columns of a later release, until they are gone again."""
    db.execute("UPDATE vessel SET crew = crew + 1, inspected = inspected + interval '1 s' WHERE imo = %s",
               (_one(db, "vessel", "imo", rng),))  # fmt: skip


@passing
def tow(db: Database, rng: Random) -> None:
    """A table of a later release, with cascades into it."""
    imo = _one(db, "vessel", "imo", rng)
    db.execute('INSERT INTO "tug №" (vessel, "pull [kN]", kind) VALUES (%s, %s, \'vehicles\')', (imo, rng.random()))
    db.execute('UPDATE "tug №" SET "pull [kN]" = -"pull [kN]" WHERE id %% 5 = %s', (rng.randrange(5),))
    db.execute("UPDATE cargo SET kind = 'vehicles' WHERE visit = %s", (_one(db, "visit", "id", rng),))


@passing
def look_ahead(db: Database, rng: Random) -> None:
    """Rows for next year: refused until there is a partition for them."""
    db.execute(
        "INSERT INTO berth_log VALUES (1, timestamptz '2027-03-01 00:00+00' + %s * interval '1 hour', %s, 'ahead')"
        " ON CONFLICT DO NOTHING", (rng.randrange(5000), rng.randrange(9)),
    )  # fmt: skip


@passing
def insure(db: Database, rng: Random) -> None:
    """A table of the release after that."""
    db.execute("INSERT INTO insurance.policy (imo, terms, level)"
               " SELECT imo, ARRAY[ROW(%s, '{1,2}')]::insurance.term[], 'high' FROM vessel WHERE imo = %s"
               " ON CONFLICT (imo) DO UPDATE SET terms = policy.terms || excluded.terms",
               (rng.random(), _one(db, "vessel", "imo", rng)))  # fmt: skip


ACTIONS: Final[dict[Action, int]] = {
    arrive: 14, leave: 5, renumber: 5, sail: 10, moor: 8, read: 10, swap: 5, measure: 8, load: 6, file_away: 6,
    settle: 10, visit_club: 5, reprice: 2, pilot_by_old_name: 4,
}  # fmt: skip
LATER: Final = {
    action.__name__: action for action in (pilot_by_old_name, pilot_by_new_name, man, tow, look_ahead, insure)
}
"""By name: who comes or goes with a release."""
