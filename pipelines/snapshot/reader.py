"""Reads tables in parallel: ranges of pages by COPY, then each table's digest, all under the exported snapshot.

Every piece is a transaction of its own that locks its table lightly and checks, under that lock, that the table is
still the file that it was under the snapshot: TRUNCATE and rewrites make an older snapshot see an empty table.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

from data_embassy.errors import TransportError
from data_embassy.postgres import Connection
from pipelines.snapshot.errors import SnapshotDisturbed, SnapshotRefused
from pipelines.snapshot.plan import CHUNK_BYTES_MAX, Range, Table, chunks, copy_sql, ranges
from pipelines.snapshot.source import import_snapshot
from schemas.digest import digest_sql

WORKERS: Final = 2
_CHUNKS_WAITING_MAX: Final = 8
_LOOK_SECONDS: Final = 0.5
_LOCK_TIMEOUT: Final = b"SET LOCAL lock_timeout = '30s'"

# By the present catalog, under the lock: which table has this name now, and which file.
_IDENTITY: Final = "SELECT o::oid::bigint, pg_relation_filenode(o)::bigint FROM (SELECT %s::regclass) AS t(o)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Rows of a table."""

    table: Table
    data: bytes
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDone:
    """All of a table's chunks were handed over."""

    table: Table
    rows: int
    digest: str


class _Progress:
    """Ranges left of each table; the worker that ends the last one takes the digest."""

    def __init__(self, pieces: deque[Range]) -> None:
        self._lock = threading.Lock()
        self._pieces = pieces
        self._left: dict[int, int] = {}
        for piece in pieces:
            self._left[piece.table.number] = self._left.get(piece.table.number, 0) + 1

    def take(self) -> Range | None:
        with self._lock:
            return self._pieces.popleft() if self._pieces else None

    def is_last(self, table: Table) -> bool:
        with self._lock:
            self._left[table.number] -= 1
            return self._left[table.number] == 0


def read_tables(
    connect: Callable[[], Connection], snapshot: str, tables: list[Table], *, workers: int = WORKERS
) -> Iterator[Chunk | TableDone]:
    """All rows of all tables, in no order but this: a table's chunks come before its TableDone.

    Raises SnapshotDisturbed, SnapshotRefused, TransportError. `connect` gives an autocommitting connection.
    """
    found: queue.Queue[Chunk | TableDone | BaseException | None] = queue.Queue(_CHUNKS_WAITING_MAX)
    stopped = threading.Event()
    progress = _Progress(deque(piece for table in tables for piece in ranges(table)))

    def hand_over(item: Chunk | TableDone | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                found.put(item, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return
        raise _Stopped

    def work() -> None:
        try:
            with connect() as connection:
                while (piece := progress.take()) is not None:
                    _read(connection, snapshot, piece, hand_over)
                    if progress.is_last(piece.table):
                        hand_over(_digest(connection, snapshot, piece.table))
            hand_over(None)
        except _Stopped:
            return
        except BaseException as error:  # noqa: BLE001 (raised again in the caller's thread)
            hand_over(error)

    threads = [threading.Thread(target=work, name=f"snapshot-{i}", daemon=True) for i in range(workers)]
    for thread in threads:
        thread.start()
    try:
        running = workers
        while running:
            item = found.get()
            if item is None:
                running -= 1
            elif isinstance(item, BaseException):
                raise _explained(item)
            else:
                yield item
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


class _Stopped(Exception):
    """The caller gave up."""


def _read(connection: Connection, snapshot: str, piece: Range, hand_over: Callable[[Chunk], None]) -> None:
    _begin(connection, snapshot, piece.table)
    with connection.cursor().copy(copy_sql(piece).encode()) as copy:
        for data, rows in chunks(map(bytes, copy)):
            if len(data) > CHUNK_BYTES_MAX:
                raise SnapshotRefused(
                    f"a row of {piece.table.quoted} has {len(data)} bytes as text, {CHUNK_BYTES_MAX} are possible",
                    remedy="make the value smaller or move it out of the register: larger rows cannot be carried",
                )
            hand_over(Chunk(table=piece.table, data=data, rows=rows))
    connection.execute("COMMIT")


def _digest(connection: Connection, snapshot: str, table: Table) -> TableDone:
    _begin(connection, snapshot, table)
    row = connection.execute(digest_sql(table.relation_schema, table.relation_name, table.columns)).fetchone()
    assert row is not None
    connection.execute("COMMIT")
    return TableDone(table=table, rows=row[0], digest=row[1])


def _begin(connection: Connection, snapshot: str, table: Table) -> None:
    import_snapshot(connection, snapshot)
    connection.execute(_LOCK_TIMEOUT)
    name = sql.Identifier(table.relation_schema, table.relation_name)
    connection.execute(sql.SQL("LOCK TABLE ONLY {} IN ACCESS SHARE MODE").format(name))
    row = connection.execute(_IDENTITY, (table.quoted,)).fetchone()
    if row != (table.oid, table.filenode):
        raise SnapshotDisturbed(f"{table.quoted} was truncated, rewritten or replaced since the snapshot")


def _explained(error: BaseException) -> BaseException:
    """PostgreSQL's errors in our terms; its messages may show values, so only the class is told."""
    disturbed = (
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
        psycopg.errors.InvalidSchemaName,
        psycopg.errors.LockNotAvailable,
        psycopg.errors.WrongObjectType,
    )
    if isinstance(error, disturbed):
        return SnapshotDisturbed(f"a schema change came between ({type(error).__name__})")
    if isinstance(error, psycopg.OperationalError):
        return TransportError(
            f"the register cannot be read any more ({type(error).__name__})",
            remedy="check the register's server, then run the snapshot again: it begins a new attempt",
        )
    if isinstance(error, psycopg.Error):
        return SnapshotRefused(
            f"the register refuses to be read: {type(error).__name__} ({error.sqlstate})",
            remedy="check the capture role's rights, then run the snapshot again",
        )
    return error
