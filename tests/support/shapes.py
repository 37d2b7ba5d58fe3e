"""Transactions of every shape, by concurrent writers, in a register that knows its state after every commit.

Each transaction ends by taking the register's clock, whose row lock makes the order of the clock the order of commits,
and writes a digest of all tables, as they are then, into the journal. Whoever sees a state of the standby can tell
whether it is exactly the register after the newest journal entry: the entries have no gap, and the digest fits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, Final

import psycopg
from psycopg import Connection

from deploy.local.machine import checkout
from tests.support.at_work import AtWork

Database = Connection[tuple[Any, ...]]
_REFUSALS: Final = (
    psycopg.errors.IntegrityError, psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable,
    psycopg.errors.CardinalityViolation, psycopg.errors.SerializationFailure,
)  # fmt: skip
_SETTINGS: Final = "SET search_path = shapes, public; SET lock_timeout = '2s'"


def create(db: Database) -> None:
    """Make the tables with their first rows."""
    db.execute((checkout() / "tests" / "support" / "shapes.sql").read_bytes())
    db.execute("RESET search_path")


def connect(dsn: str) -> Database:
    """A writer's session."""
    connection = psycopg.connect(dsn, autocommit=True)
    connection.execute(_SETTINGS.encode())
    return connection


def finish(db: Database, shape: str) -> None:
    """Take the clock and leave the digest: the end of every transaction."""
    row = db.execute("SELECT tick()").fetchone()
    assert row is not None
    db.execute("SET LOCAL search_path = pg_catalog")  # As the standby's reader has it.
    db.execute("INSERT INTO shapes.journal SELECT %s, %s, shapes.digest()", (row[0], shape))
    db.execute("SET LOCAL search_path = shapes, public")


def savepoints(db: Database, rng: Random) -> None:
    """Nested ones: some are kept, some thought better of, also beneath one that is kept."""
    for depth in range(rng.randrange(1, 6)):
        with db.transaction(force_rollback=rng.random() < 0.4):
            db.execute("UPDATE counter SET n = n + 1 WHERE id = %s", (depth + 1,))
            with db.transaction(force_rollback=rng.random() < 0.5):
                db.execute("INSERT INTO bag VALUES (%s, 'nested'), (99, 'x')", (depth,))
                db.execute("UPDATE ring SET n = n + 1, doc = doc || 'x' WHERE a = %s", (depth,))
            db.execute("DELETE FROM bag WHERE ctid = (SELECT ctid FROM bag WHERE a = %s LIMIT 1)", (depth,))
    with db.transaction(force_rollback=True):
        db.execute("TRUNCATE counter")


def copy_rows(db: Database, rng: Random) -> None:
    """COPY into a table without a key and into partitions, some rows taken back at once."""
    with db.cursor().copy("COPY bag FROM STDIN") as copy:
        for n in range(rng.randrange(1, 120)):
            copy.write_row((n % 7, rng.choice((None, "", "\\N", "c"))))
    first = rng.randrange(1000, 900_000)
    with db.cursor().copy("COPY entry (id, at, part) FROM STDIN") as copy:
        for n in range(30):
            copy.write_row((first + n, rng.randrange(250), rng.choice("abc") if n % 3 == 0 else "a"))
    db.execute("DELETE FROM bag WHERE a = %s", (rng.randrange(7),))
    db.execute("DELETE FROM entry WHERE id BETWEEN %s AND %s", (first, first + rng.randrange(35)))


def merge(db: Database, rng: Random) -> None:
    """MERGE with all its arms, and ON CONFLICT."""
    low = rng.randrange(1, 30)
    db.execute(
        """MERGE INTO counter c USING generate_series(%s::integer, %s::integer) AS g (id) ON c.id = g.id
           WHEN MATCHED AND c.n %% 3 = 0 THEN DELETE
           WHEN MATCHED THEN UPDATE SET n = c.n + 1
           WHEN NOT MATCHED THEN INSERT (id, n) VALUES (g.id, 1)""",
        (low, low + 20),
    )
    db.execute(
        """INSERT INTO counter SELECT g, 5, 'fresh' FROM generate_series(%s::integer, %s::integer) g
           ON CONFLICT (id) DO UPDATE SET n = counter.n * 2 %% 1000 WHERE counter.n %% 2 = 0""",
        (low, low + 9),
    )
    db.execute("INSERT INTO owner VALUES (%s, 'owner 3') ON CONFLICT (name) DO UPDATE SET name = owner.name || '!'",
               (rng.randrange(100, 200),))  # fmt: skip


def cascade(db: Database, rng: Random) -> None:
    """Owners go or change their number: rows of three tables follow, and the trigger writes."""
    number = rng.randrange(1, 41)
    if rng.random() < 0.5:
        db.execute("DELETE FROM owner WHERE id = %s", (number,))
        db.execute("INSERT INTO owner VALUES (%s, %s)", (number, f"new {rng.random()}"))
        db.execute("INSERT INTO parcel (id, owner, size) VALUES (%s, %s, 1.00) ON CONFLICT DO NOTHING",
                   (rng.randrange(1, 150), number))  # fmt: skip
    else:
        db.execute("UPDATE owner SET id = id + 500 WHERE id = %s", (number,))
        db.execute("UPDATE parcel SET size = size + 400, id = id + 1000 WHERE owner = %s", (number + 500,))
        db.execute("UPDATE owner SET id = id - 500 WHERE id = %s", (number + 500,))
        db.execute("UPDATE parcel SET id = id - 1000 WHERE id > 1000")


def swap(db: Database, rng: Random) -> None:
    """Unique only at the end; a shift of every key in one statement; bookings that pass each other."""
    a, b = rng.sample(range(1, 61), 2)
    db.execute("UPDATE seat SET place = %s - place WHERE id IN (%s, %s)", (a + b, a, b))
    db.execute("UPDATE seat SET place = 61 - place, v = left(v || 'x', 20)")
    db.execute("SET CONSTRAINTS rank_pkey DEFERRED")
    db.execute("UPDATE rank SET place = place %% 50 + 1 WHERE %s > 0", (rng.random(),))
    db.execute("UPDATE booking SET room = -1 WHERE id = %s", (a,))
    db.execute("UPDATE booking SET room = %s, during = int4range(%s, %s) WHERE id = %s", (a % 5, b * 10, b * 10 + 9, b))
    db.execute("UPDATE booking SET room = %s WHERE id = %s", (b % 5, a))
    db.execute("UPDATE shift SET who = 3 - who")


def one_row(db: Database, rng: Random) -> None:
    """The same row a thousand times; one that comes and goes again and again."""
    db.execute(
        f"""DO $$ BEGIN FOR i IN 1..1000 LOOP
            UPDATE shapes.counter SET n = n + 1 WHERE id = {rng.randrange(1, 31)}; END LOOP;
            FOR i IN 1..50 LOOP DELETE FROM shapes.ring WHERE a = 7;
            INSERT INTO shapes.ring VALUES (7, 7.5, repeat('{rng.random()}', 200), i); END LOOP; END $$""".encode()
    )


def rotate(db: Database, rng: Random) -> None:
    """Keys change places in a ring, through a value that nobody has; large values travel along."""
    chosen = rng.sample(range(1, 31), 3)
    db.execute("UPDATE ring SET a = -1, b = 1.00 WHERE a = %s", (chosen[0],))
    for here, there in zip(chosen[1:], chosen, strict=False):
        db.execute("UPDATE ring SET a = %s, b = %s WHERE a = %s", (there, f"{there}.500", here))
    db.execute("UPDATE ring SET a = %s, b = %s, n = n + 1 WHERE a = -1", (chosen[-1], f"{chosen[-1]}.50"))
    db.execute("DELETE FROM ring WHERE a = %s", (chosen[0],))
    db.execute("INSERT INTO ring VALUES (%s, %s, NULL, 9) ON CONFLICT DO NOTHING", (chosen[0], f"{chosen[0]}.5"))


def move(db: Database, rng: Random) -> None:
    """Rows move between partitions, their large values with them, and back."""
    step = rng.choice((1, 50, 100, 130))
    db.execute("UPDATE entry SET at = (at + %s) %% 230 WHERE id %% 4 = %s AND id < 300", (step, rng.randrange(4)))
    flip = "UPDATE entry SET part = CASE part WHEN 'a' THEN 'b' ELSE 'a' END"
    db.execute(f"{flip} WHERE id < 300 AND at BETWEEN %s AND %s".encode(), (step, step + 40))


def truncate(db: Database, rng: Random) -> None:
    """Filled, truncated in one order or another, filled again."""
    db.execute("INSERT INTO tray (v) SELECT 'before' FROM generate_series(1, %s::integer)", (rng.randrange(1, 60),))
    db.execute("INSERT INTO tray_page SELECT %s + id, id, 'page' FROM tray ON CONFLICT DO NOTHING", (rng.randrange(9),))
    db.execute("INSERT INTO tray_note SELECT id, 'note' FROM tray_page")
    db.execute(rng.choice((
        "TRUNCATE tray CASCADE", "TRUNCATE tray RESTART IDENTITY CASCADE", "TRUNCATE tray_note, tray_page, tray",
        "TRUNCATE tray_note; TRUNCATE tray_note, tray_page RESTART IDENTITY", "TRUNCATE entry_1; TRUNCATE tray_note",
        "TRUNCATE bag, tray_note; TRUNCATE bag; INSERT INTO bag VALUES (1, 'after'); TRUNCATE ONLY entry_rest",
    )).encode())  # fmt: skip
    db.execute("INSERT INTO tray_note VALUES (NULL, 'after')")


def rekey(db: Database, rng: Random) -> None:
    """A table loses its key and gets it back, or another replica identity, between changes of its rows."""
    db.execute("SELECT FROM clock FOR UPDATE")  # Before the table, or this and another one's digest lock each other.
    touch = "UPDATE wander SET n = n + 1 WHERE id %% 5 = %s"
    db.execute(touch, (rng.randrange(5),))
    has_key = db.execute("SELECT FROM pg_constraint WHERE conname = 'wander_pkey'").fetchone() is not None
    if has_key:
        db.execute("ALTER TABLE wander DROP CONSTRAINT wander_pkey")
        db.execute("INSERT INTO wander SELECT * FROM wander WHERE id %% 4 = %s", (rng.randrange(4),))
        one = "(SELECT ctid FROM wander WHERE id = %s LIMIT 1)"
        db.execute(f"UPDATE wander SET n = -1 WHERE ctid = {one}".encode(), (rng.randrange(1, 31),))
        db.execute(f"DELETE FROM wander WHERE ctid = {one}".encode(), (rng.randrange(1, 31),))
    else:
        db.execute("DELETE FROM wander w USING wander o WHERE w.id = o.id AND w.ctid > o.ctid")
        db.execute("ALTER TABLE wander ADD PRIMARY KEY (id)")
    db.execute(touch, (rng.randrange(5),))
    identities = (
        ("DEFAULT", "FULL", "NOTHING") if has_key else ("DEFAULT", "FULL", "NOTHING", "USING INDEX wander_pkey")
    )
    db.execute(f"ALTER TABLE wander REPLICA IDENTITY {rng.choice(identities)}".encode())
    db.execute(touch, (rng.randrange(5),))
    db.execute("UPDATE wander SET id = (id + 40) %% 80, doc = left(doc, -1) WHERE id = %s", (rng.randrange(1, 31),))
    db.execute("DELETE FROM wander WHERE id = %s", (rng.randrange(1, 31),))
    insert = "INSERT INTO wander SELECT %s, 0, repeat(md5(%s::text), 90) ON CONFLICT DO NOTHING"
    db.execute(insert, (rng.randrange(1, 31), rng.random()))


def nothing(db: Database, rng: Random) -> None:
    """A transaction that writes nothing of its own but the journal, after much that was thought better of."""
    with db.transaction(force_rollback=True):
        db.execute("DELETE FROM seat")
    db.execute("INSERT INTO scratch VALUES (%s)", (rng.randrange(9),))


ACTIONS: Final[tuple[Callable[[Database, Random], None], ...]] = (
    savepoints, copy_rows, merge, cascade, swap, one_row, rotate, move, truncate, rekey, nothing,
)  # fmt: skip


class ShapeWorkload(AtWork):
    """Writers at work until told to stop; `done` counts the commits of each shape."""

    def __init__(self, dsn: str, *, seed: int, writers: int) -> None:
        self.done = dict.fromkeys((action.__name__ for action in ACTIONS), 0)
        self._dsn = dsn
        super().__init__(partial(self._write, Random(f"{seed}/{n}"), n) for n in range(writers))

    def _write(self, rng: Random, number: int) -> None:
        with connect(self._dsn) as db:
            while not self._stopping.wait(0.02):
                self._perform(db, rng, rng.choice(ACTIONS), number)

    def _perform(self, db: Database, rng: Random, action: Callable[[Database, Random], None], number: int) -> None:
        name, is_prepared = action.__name__, rng.random() < 0.15
        db.execute("BEGIN")
        try:
            action(db, rng)
            finish(db, name)
            db.execute(f"PREPARE TRANSACTION 'shape {number}'".encode() if is_prepared else b"COMMIT")
        except _REFUSALS:
            db.execute("ROLLBACK")
            return
        if is_prepared:
            db.execute(f"COMMIT PREPARED 'shape {number}'".encode())
        self.done[name] += 1
