"""A register of everything that is rare, and people who work in it: what replication gets wrong first.

Each action is the body of one transaction. What a constraint refuses is rolled back, as in any busy register.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from random import Random
from threading import Lock
from typing import Final

import psycopg
from psycopg import Connection

from deploy.local.machine import checkout
from tests.support.at_work import AtWork

MARK: Final = "7d1f"
"""Stands in the register's name and in names of its schema, tables and columns."""
_SCHEMA: Final = f'"Ärchiv ""{MARK}"""'
_RETRY_SECONDS: Final = 0.5
_REFUSALS: Final = (
    psycopg.errors.IntegrityError,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.LockNotAvailable,
)
Database = Connection[tuple[object, ...]]
Action = Callable[[Database, Random], None]
"""The body of one transaction."""


def create(dsn: str) -> None:
    """Make the register in an empty database."""
    with psycopg.connect(dsn) as connection:
        connection.execute((checkout() / "tests" / "support" / "odd_register.sql").read_bytes())


def connect(dsn: str) -> Database:
    """A session that finds the tables."""
    options = "-c lock_timeout=2s -c idle_in_transaction_session_timeout=30s"
    connection = psycopg.connect(dsn, autocommit=True, application_name="odd workload", options=options)
    connection.execute(f"SET search_path = {_SCHEMA}, public".encode())
    return connection


def without_key(db: Database, rng: Random) -> None:
    """Equal rows come, change and go one by one."""
    db.execute(
        """INSERT INTO "no key; 7d1f" SELECT %s, %s, %s FROM generate_series(1, %s)""",
        (rng.randrange(7), rng.choice((None, "", "x")), rng.choice(("1.0", "1.00", None)), rng.randrange(1, 4)),
    )
    one = """(SELECT ctid FROM "no key; 7d1f" WHERE a = %s LIMIT 1 FOR UPDATE)"""
    db.execute(f"""UPDATE "no key; 7d1f" SET c = c + 1 WHERE ctid = {one}""".encode(), (rng.randrange(7),))
    db.execute(f"""DELETE FROM "no key; 7d1f" WHERE ctid = {one}""".encode(), (rng.randrange(7),))


def swap_seats(db: Database, rng: Random) -> None:
    """Two seats change numbers: unique only at the end."""
    a, b = rng.sample(range(1, 41), 2)
    db.execute(
        """UPDATE seat SET number = (SELECT sum(number) FROM seat WHERE id IN (%(a)s, %(b)s)) - number
           WHERE id IN (%(a)s, %(b)s)""",
        {"a": a, "b": b},
    )


def move_ranks(db: Database, rng: Random) -> None:
    """Every key moves by one in one statement; the table's identity is the whole row."""
    db.execute("UPDATE rank SET place = place %% 20 + 1 WHERE %s > 0", (rng.random(),))


def show_dossier(db: Database, rng: Random) -> None:
    """A small value changes beside large ones that stay; now and then the key, too."""
    number = rng.randrange(1, 41)
    db.execute("UPDATE dossier_7d1f SET shown = shown + 1, status = 'it''s open' WHERE id %% 40 = %s", (number % 40,))
    if rng.random() < 0.2:
        db.execute("UPDATE dossier_7d1f SET id = (id + 40) %% 400 WHERE id = %s", (number,))
        db.execute("UPDATE dossier_7d1f SET shown = shown + 1 WHERE id = %s", (number + 40,))


def write_letter(db: Database, rng: Random) -> None:
    """A large value is written, emptied or taken away."""
    letter = rng.choice((None, "", "short", rng.randbytes(rng.randrange(2000, 9000)).hex()))
    db.execute("UPDATE dossier_7d1f SET letter = %s WHERE id = %s", (letter, rng.randrange(1, 41)))
    if rng.random() < 0.3:
        number = rng.randrange(1, 41)
        db.execute("DELETE FROM dossier_7d1f WHERE id = %s", (number,))
        db.execute(
            """INSERT INTO dossier_7d1f (id, "the scan 7d1f") VALUES (%s, %s) ON CONFLICT DO NOTHING""",
            (number, rng.randbytes(3000)),
        )


def swap_bookings(db: Database, rng: Random) -> None:
    """Two bookings change rooms and times without ever overlapping: by a room that nobody books."""
    rows = db.execute("SELECT id, room, during FROM booking ORDER BY id OFFSET %s LIMIT 2 FOR UPDATE",
                      (rng.randrange(38),)).fetchall()  # fmt: skip
    if len(rows) < 2:
        return
    (one, room, during), (other, other_room, other_during) = rows
    change = "UPDATE booking SET room = %s, during = %s WHERE id = %s"
    db.execute(change, (rng.randrange(1000, 1 << 30), during, one))
    db.execute(change, (room, during, other))
    db.execute(change, (other_room, other_during, one))


def book(db: Database, rng: Random) -> None:
    """A booking goes, another takes its place."""
    row = db.execute("SELECT id, room, during FROM booking ORDER BY id OFFSET %s LIMIT 1 FOR UPDATE",
                     (rng.randrange(40),)).fetchone()  # fmt: skip
    if row is not None:
        db.execute("DELETE FROM booking WHERE id = %s", (row[0],))
        fresh = uuid.UUID(int=rng.getrandbits(128), version=4)
        db.execute("INSERT INTO booking VALUES (%s, %s, %s)", (fresh, row[1], row[2]))


def swap_plates(db: Database, rng: Random) -> None:
    """Two rows change what a secondary unique index holds, by way of a third value; a row takes a freed value."""
    a, b = rng.sample(range(1, 41), 2)
    query = "SELECT id, number FROM plate WHERE id IN (%s, %s) ORDER BY id FOR UPDATE"
    numbers = {row[0]: row[1] for row in db.execute(query, (a, b))}
    change = "UPDATE plate SET number = %s WHERE id = %s"
    if len(numbers) == 2:
        db.execute(change, (f"tmp {rng.random()}", a))
        db.execute(change, (numbers[a], b))
        db.execute(change, (numbers[b], a))
    elif numbers:
        (number,) = numbers
        db.execute("INSERT INTO plate VALUES (%s, %s, NULL)", (a if number == b else b, f"new {rng.random()}"))
    if rng.random() < 0.2:
        db.execute("DELETE FROM plate WHERE id = %s", (a,))


def swap_keys(db: Database, rng: Random) -> None:
    """Keys change in a ring; rows are told apart by a column that looks equal."""
    row = db.execute("SELECT a, b FROM pair ORDER BY a OFFSET %s LIMIT 1 FOR UPDATE", (rng.randrange(40),)).fetchone()
    if row is None:
        return
    a, b = row
    db.execute("UPDATE pair SET a = -%s WHERE (a, b) = (%s, %s)", (rng.randrange(1, 1 << 30), a, b))
    db.execute("UPDATE pair SET v = v || %s WHERE b = %s", (f'{{"k": {rng.random()}}}', b))
    db.execute("INSERT INTO pair VALUES (%s, %s, 'null', NULL) ON CONFLICT DO NOTHING", (a, b))
    if rng.random() < 0.5:
        db.execute("DELETE FROM pair WHERE a < 0")


def respell_tariff(db: Database, rng: Random) -> None:
    """The same number in another form is the same key, and another text."""
    rate = rng.randrange(1, 31) + 0.5
    db.execute("UPDATE tariff SET rate = %s::text::numeric WHERE rate = %s",
               (rng.choice((f"{rate}", f"{rate}00", f"{rate}0000")), rate))  # fmt: skip
    values = ("-infinity", "1999-12-31 23:59:59.999999+01", "0044-03-15 12:00:00+00 BC")
    floats = ("-0", "1e-300", "Infinity", "0.1")
    db.execute("UPDATE tariff SET at = %s, f = %s, i = %s WHERE rate = %s",
               (rng.choice(values), rng.choice(floats), f"{rng.randrange(-99, 99)} mon 1.5 s", rate))  # fmt: skip


def by_index(db: Database, rng: Random) -> None:
    """An identity by another index than the primary key's."""
    code, part = f"code {rng.randrange(1, 31)}", rng.randrange(3)
    db.execute("UPDATE by_index SET part = %s, bits = bits || B'1' WHERE code = %s", (part, code))
    db.execute("UPDATE by_index SET t = t || %s::text, ip = %s WHERE code = %s AND part = %s",
               (rng.choice(("NULL", 'a"b', "{}", None)), f"10.0.0.{part}/8", code, part))  # fmt: skip
    db.execute("UPDATE full_image SET r = %s::int4range, b = %s WHERE id = %s",
               (rng.choice(("empty", "(,)", "[1,9)")), rng.randbytes(5), rng.randrange(1, 31)))  # fmt: skip


def move_entries(db: Database, rng: Random) -> None:
    """Rows move between partitions by their key."""
    db.execute("UPDATE ledger SET at = at + %s, amount = amount + 0.10 WHERE id = %s",
               (rng.choice((-30, 1, 30, 365)), rng.randrange(1, 61)))  # fmt: skip
    db.execute("INSERT INTO ledger VALUES (%s, %s, 1.000, NULL) ON CONFLICT DO NOTHING",
               (rng.randrange(1, 500), f"2026-{rng.randrange(1, 13):02d}-01"))  # fmt: skip


def truncate(db: Database, rng: Random) -> None:
    """What was just written is truncated, and written again, in one transaction; partitions, too."""
    with db.cursor().copy("COPY tray FROM STDIN") as copy:
        for line in range(rng.randrange(1, 300)):
            copy.write_row((line, rng.choice((None, "", r"\N", "\t"))))
    if rng.random() < 0.5:
        db.execute("TRUNCATE tray")
        db.execute("INSERT INTO tray VALUES (%s, 'after')", (rng.randrange(9),))
    if rng.random() < 0.2:
        db.execute(f"TRUNCATE {rng.choice(('ledger_old', 'ledger_2026', 'ledger_2026_1', 'ledger'))}".encode())


def count(db: Database, rng: Random) -> None:
    """A trigger writes beside it: the standby must get its row once. The second half is thought better of."""
    db.execute("UPDATE counted SET n = n + 1 WHERE id = %s", (rng.randrange(1, 6),))
    try:
        with db.transaction():
            db.execute("UPDATE counted SET n = n + 100")
            db.execute("SELECT 1 / 0")
    except psycopg.errors.DivisionByZero:
        db.execute("DELETE FROM audit WHERE id < (SELECT max(id) - 200 FROM audit)")


ACTIONS: Final[dict[Action, int]] = {
    without_key: 10, swap_seats: 8, move_ranks: 2, show_dossier: 12, write_letter: 8, swap_bookings: 6, book: 4,
    swap_plates: 8, swap_keys: 8, respell_tariff: 6, by_index: 6, move_entries: 10, truncate: 3, count: 6,
}  # fmt: skip


class OddWorkload(AtWork):
    """A few writers, about `rate` transactions a second, until told to stop; they survive the server's restarts.

    `actions` may grow and shrink meanwhile; `connect` opens a writer's session.
    """

    def __init__(
        self,
        dsn: str,
        *,
        seed: int,
        writers: int,
        rate: float,
        actions: dict[Action, int] = ACTIONS,
        connect: Callable[[str], Database] = connect,
    ) -> None:
        self.done: dict[str, int] = {}
        self._dsn, self._actions, self._connect = dsn, actions, connect
        self._interval_seconds = writers / rate
        self._lock = Lock()
        super().__init__(partial(self._write, Random(f"{seed}/{n}")) for n in range(writers))

    def _write(self, rng: Random) -> None:
        while not self._stopping.is_set():
            try:
                with self._connect(self._dsn) as db:
                    while not self._stopping.wait(rng.expovariate(1 / self._interval_seconds)):
                        actions = dict(self._actions)
                        self._perform(db, rng, rng.choices(list(actions), list(actions.values()))[0])
            except psycopg.OperationalError:
                self._stopping.wait(_RETRY_SECONDS)

    def _perform(self, db: Database, rng: Random, action: Action) -> None:
        try:
            with db.transaction():
                action(db, rng)
        except _REFUSALS:
            return
        with self._lock:
            self.done[action.__name__] = self.done.get(action.__name__, 0) + 1
