"""A writer of large transactions beside the campaign's others: what is too large to be applied row by row."""

from __future__ import annotations

from random import Random
from typing import Final

import psycopg
from psycopg import Connection

from tests.support.at_work import AtWork

TABLE: Final = """
    CREATE TABLE public.bulk (
        id bigint PRIMARY KEY, batch int NOT NULL, seat bigint UNIQUE, line text, at timestamptz DEFAULT now()
    )
"""
ROWS_MAX: Final = 4000
_PAUSE_SECONDS: Final = 0.4
_SIZES: Final = ((60, 200, 800, 3000), (50, 30, 15, 5))


def create(dsn: str) -> None:
    """Make its table; where the database is replicated already, the standby gets it through the stream."""
    with psycopg.connect(dsn) as connection:
        connection.execute(TABLE)


class Bulk(AtWork):
    """One writer: COPY, then updates and key changes of many rows, then deletes; it survives the server's restarts."""

    def __init__(self, dsn: str, seed: int) -> None:
        self.transactions = 0
        self._dsn = dsn
        super().__init__([lambda: self._write(Random(f"bulk/{seed}"))])

    def _write(self, rng: Random) -> None:
        while not self._stopping.is_set():
            try:
                with psycopg.connect(self._dsn, autocommit=True, application_name="bulk workload") as db:
                    while not self._stopping.wait(_PAUSE_SECONDS):
                        with db.transaction():
                            _change(db, rng, rng.choices(*_SIZES)[0])
                        self.transactions += 1
            except psycopg.OperationalError:
                self._stopping.wait(_PAUSE_SECONDS)


def _change(db: Connection[tuple[object, ...]], rng: Random, size: int) -> None:
    row = db.execute("SELECT coalesce(max(abs(id)), 0), coalesce(max(batch), 0) FROM bulk").fetchone()
    assert row is not None
    first, batch = int(str(row[0])) + 1, int(str(row[1])) + 1
    with db.cursor().copy("COPY bulk (id, batch, seat, line) FROM STDIN") as copy:
        for number in range(first, first + size):
            copy.write_row((number, batch, number, rng.choice((None, "", "line", "x" * 3000))))
    db.execute("UPDATE bulk SET line = line || '.', at = clock_timestamp() WHERE batch >= %s", (batch - 2,))
    db.execute("UPDATE bulk SET id = -id WHERE batch = %s AND id %% 5 = 0", (batch - 1,))
    if rng.random() < 0.1:
        db.execute("UPDATE bulk SET seat = -seat WHERE batch = %s", (batch,))
    db.execute("DELETE FROM bulk WHERE abs(id) < %s", (first + size - ROWS_MAX,))
