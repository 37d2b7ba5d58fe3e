"""Writers whose every change is known by name: what a stream must bring, whatever happens to its capture.

A change is named so that it can occur only once: a row of `entry` comes and goes under a key that is never used again,
an update of `account` writes the number of its transaction and its own number there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random
from threading import Lock
from typing import Final, LiteralString, TypeAlias

import psycopg
from psycopg import Connection

from tests.support.at_work import AtWork

TABLES: Final[LiteralString] = """
    CREATE TABLE entry (tx bigint, n int, body text, PRIMARY KEY (tx, n));
    CREATE TABLE account (id int PRIMARY KEY, tx bigint NOT NULL, n int NOT NULL);
"""
RELATIONS: Final = ("entry", "account")
ACCOUNTS: Final = range(1, 51)
PAUSE: Final = (0.1, 0.6)
LARGE_PAUSE: Final = (2.0, 5.0)
"""Seconds between a writer's transactions: together they make about a thousand changes a second."""
MOVED: Final = 1_000_000
"""What a key change adds to a row's number."""
Change: TypeAlias = tuple[str, str, int, int, int]
"""Table, operation, then for `entry` its key, for `account` its key and what was written."""
Database: TypeAlias = Connection[tuple[int, int]]
_BODY: Final = "changed in a transaction of known number "


@dataclass(slots=True)
class Known:
    """Every transaction that was committed: its changes by its number in the database."""

    changes: dict[int, list[Change]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def number(self) -> int:
        """A number for a transaction, never given twice."""
        with self._lock:
            return next(self._numbers)

    def committed(self, transaction: int, changes: list[Change]) -> None:
        """It is in the database now."""
        if changes:
            with self._lock:
                self.changes[transaction] = changes


def begin(dsn: str, known: Known) -> None:
    """The first transaction: rows that others will update."""
    with psycopg.connect(dsn) as connection:
        connection.execute("INSERT INTO account SELECT g, 0, g FROM generate_series(1, 50) g")
        row = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
    assert row is not None
    known.committed(row[0], [("account", "c", one, 0, one) for one in ACCOUNTS])


class KnownWork(AtWork):
    """Writers, each with transactions of one shape, until told to stop."""

    def __init__(self, dsn: str, known: Known, seed: int) -> None:
        self._dsn, self._known = dsn, known
        works: tuple[Callable[[Database, Random, int], list[Change]], ...] = (
            self._copy, self._several, self._long, self._go_and_move, self._large
        )  # fmt: skip
        super().__init__(
            [lambda work=work, n=n: self._run(work, Random(f"{seed}/{n}")) for n, work in enumerate(works)]  # type: ignore[misc]
        )

    def _run(self, work: Callable[[Database, Random, int], list[Change]], rng: Random) -> None:
        with psycopg.connect(self._dsn, application_name="known workload") as connection:
            while not self._stopping.wait(rng.uniform(*(LARGE_PAUSE if work == self._large else PAUSE))):
                with connection.transaction():
                    changes = work(connection, rng, self._known.number())
                    row = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
                assert row is not None
                self._known.committed(row[0], changes)

    def _copy(self, db: Database, rng: Random, tx: int) -> list[Change]:
        """Rows of one COPY share their places in the log."""
        rows = rng.choice((1, 5, 20, 300))
        with db.cursor().copy("COPY entry FROM STDIN") as copy:
            for n in range(rows):
                copy.write_row((tx, n, _BODY + str(tx)))
        return _inserted(tx, range(rows))

    def _several(self, db: Database, rng: Random, tx: int) -> list[Change]:
        """One insert of several rows, one update of several rows."""
        rows = rng.randint(1, 50)
        _insert(db, tx, 0, rows)
        chosen = sorted(rng.sample(ACCOUNTS, 10))
        db.execute("UPDATE account SET tx = %s, n = id WHERE id = ANY (%s)", (tx, chosen))
        return _inserted(tx, range(rows)) + [("account", "u", one, tx, one) for one in chosen]

    def _long(self, db: Database, rng: Random, tx: int) -> list[Change]:
        """Long ones: others begin and commit within; half of what follows a savepoint is thought better of."""
        found: list[Change] = []
        for step in range(rng.randrange(1, 8)):
            _insert(db, tx, step * 100, 10)
            found += _inserted(tx, range(step * 100, step * 100 + 10))
            self._stopping.wait(0.02)
            db.execute("SAVEPOINT s")
            _insert(db, tx, step * 100 + 50, 5)
            if rng.random() < 0.5:
                db.execute("ROLLBACK TO s")
            else:
                found += _inserted(tx, range(step * 100 + 50, step * 100 + 55))
        return found

    def _go_and_move(self, db: Database, rng: Random, _tx: int) -> list[Change]:
        """Rows go; others get another key, which is a delete and an insert."""
        return _delete(db, rng.randrange(60)) + _move(db, 15)

    def _large(self, db: Database, rng: Random, tx: int) -> list[Change]:
        """Thousands of changes: most kills fall into one."""
        if rng.random() < 0.5:
            return _move(db, 1500)
        rows = rng.choice((1000, 3000))
        _insert(db, tx, 0, rows)
        return _inserted(tx, range(rows)) + _delete(db, 1000)


def _insert(db: Database, tx: int, first: int, rows: int) -> None:
    db.execute(
        "INSERT INTO entry SELECT %s, g, %s FROM generate_series(%s::int, %s::int) g",
        (tx, _BODY, first, first + rows - 1),
    )


def _inserted(tx: int, rows: range) -> list[Change]:
    return [("entry", "c", tx, n, 0) for n in rows]


_CHOSEN: Final[LiteralString] = """
    WITH chosen AS MATERIALIZED (SELECT tx, n FROM entry WHERE n < %s ORDER BY tx, n LIMIT %s FOR UPDATE SKIP LOCKED)
"""


def _delete(db: Database, rows: int) -> list[Change]:
    query = _CHOSEN + "DELETE FROM entry e USING chosen c WHERE (e.tx, e.n) = (c.tx, c.n) RETURNING e.tx, e.n"
    return [("entry", "d", tx, n, 0) for tx, n in db.execute(query, (2 * MOVED, rows)).fetchall()]


def _move(db: Database, rows: int) -> list[Change]:
    query = _CHOSEN + (
        "UPDATE entry e SET n = e.n + 1000000 FROM chosen c WHERE (e.tx, e.n) = (c.tx, c.n) RETURNING e.tx, e.n"
    )
    moved = db.execute(query, (MOVED, rows)).fetchall()
    return [one for tx, n in moved for one in (("entry", "d", tx, n - MOVED, 0), ("entry", "c", tx, n, 0))]
