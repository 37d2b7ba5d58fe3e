"""Reads tables in parallel: ranges of pages by COPY, then each table's digest, all under the exported snapshot.

TRUNCATE and rewrites make an older snapshot see an empty table. Nobody is made to wait for the snapshot if that can be
helped: every piece is a transaction of its own that locks its table lightly and checks, under that lock, that the table
is still the file that it was under the snapshot. Where that came to nothing, `hold` takes all the locks at once and
keeps them, as pg_dump does: TRUNCATE and schema changes wait until the tables are read.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from schemas.ranges import copy_rows_sql

WORKERS: Final = 2
_CHUNKS_WAITING_MAX: Final = 8
_LOOK_SECONDS: Final = 0.5
LOCK_TIMEOUT: Final = b"SET LOCAL lock_timeout = '30s'"
# Whoever waits for a lock behind us holds up everybody who comes after.
_HOLD_TIMEOUT: Final = b"SET LOCAL lock_timeout = '2s'"

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


def copy_where(session: Connection, table: Table, where: str) -> Iterator[bytes]:
    """COPY text of the rows under a condition on `t`, inside the session's transaction; raises SnapshotDisturbed."""
    try:
        # Back to a savepoint: the table's lock does not last.
        with session.transaction(force_rollback=True):
            _lock(session, table)
            query = copy_rows_sql(table.relation_schema, table.relation_name, table.columns, where)
            with session.cursor().copy(query.encode()) as copy:
                yield from map(bytes, copy)
    except psycopg.Error as error:
        raise _explained(error) from error


def digest_of(session: Connection, table: Table) -> TableDone:
    """A table's digest, inside the session's transaction; raises SnapshotDisturbed."""
    try:
        with session.transaction(force_rollback=True):
            _lock(session, table)
            return _digest(session, table)
    except psycopg.Error as error:
        raise _explained(error) from error


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


def hold(session: Connection, snapshot: str, tables: list[Table]) -> None:
    """Begin a transaction under the snapshot and keep every table as it is until it ends; raises SnapshotDisturbed."""
    import_snapshot(session, snapshot)
    keep(session, tables)


def keep(session: Connection, tables: list[Table]) -> None:
    """Lock every table lightly for the rest of the transaction; raises SnapshotDisturbed."""
    try:
        session.execute(_HOLD_TIMEOUT)
        for table in tables:
            _lock(session, table)
    except psycopg.Error as error:
        raise _explained(error) from error


def read_tables(
    sessions: list[Connection], snapshot: str, tables: list[Table], *, are_held: bool = False
) -> Iterator[Chunk | TableDone]:
    """All rows of all tables, in no order but this: a table's chunks come before its TableDone.

    Each session, an autocommitting connection, reads in a thread of its own; `are_held`: inside the transaction that
    `hold` began. Raises SnapshotDisturbed, SnapshotRefused, TransportError.
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

    @contextmanager
    def transaction(session: Connection, table: Table) -> Iterator[None]:
        if are_held:
            yield
            return
        import_snapshot(session, snapshot)
        session.execute(LOCK_TIMEOUT)
        _lock(session, table)
        yield
        session.execute("COMMIT")

    def work(session: Connection) -> None:
        try:
            while (piece := progress.take()) is not None:
                with transaction(session, piece.table):
                    _read(session, piece, hand_over)
                if progress.is_last(piece.table):
                    with transaction(session, piece.table):
                        done = _digest(session, piece.table)
                    hand_over(done)
            hand_over(None)
        except _Stopped:
            return
        except BaseException as error:  # noqa: BLE001 (raised again in the caller's thread)
            hand_over(error)

    threads = [
        threading.Thread(target=work, args=(session,), name=f"snapshot-{i}", daemon=True)
        for i, session in enumerate(sessions)
    ]
    for thread in threads:
        thread.start()
    try:
        running = len(sessions)
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


def _read(connection: Connection, piece: Range, hand_over: Callable[[Chunk], None]) -> None:
    with connection.cursor().copy(copy_sql(piece).encode()) as copy:
        for data, rows in chunks(map(bytes, copy)):
            check_size(piece.table, data)
            hand_over(Chunk(table=piece.table, data=data, rows=rows))


def check_size(table: Table, data: bytes) -> None:
    """Raise SnapshotRefused for a chunk that no record can hold: it is one row."""
    if len(data) > CHUNK_BYTES_MAX:
        raise SnapshotRefused(
            f"a row of {table.quoted} has {len(data)} bytes as text, {CHUNK_BYTES_MAX} are possible",
            remedy="make the value smaller or move it out of the register: larger rows cannot be carried",
        )


def _digest(connection: Connection, table: Table) -> TableDone:
    row = connection.execute(digest_sql(table.relation_schema, table.relation_name, table.columns)).fetchone()
    assert row is not None
    return TableDone(table=table, rows=row[0], digest=row[1])


def _lock(connection: Connection, table: Table) -> None:
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
