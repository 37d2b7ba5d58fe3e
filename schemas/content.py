"""What a database holds, as both sites ask it under a snapshot: tables, digests, definitions, states of sequences.

Every query runs under the pinned settings. A snapshot does not protect from everything: after a TRUNCATE or a rewrite
a table reads as empty under an older snapshot, and PostgreSQL describes definitions as they are now. So each answer is
checked afterwards against the present, over a second connection: what moved meanwhile is told as moved.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from data_embassy.postgres import Connection
from schemas.digest import Algorithm, digest_sql, grouped_digest_sql, quote
from schemas.ranges import KeyColumn, KeyRange, bounds_sql, bucket, condition
from schemas.shared import shared_sql

_TABLES: Final = b"""
SELECT c.oid::bigint, c.relfilenode::bigint, n.nspname::text, c.relname::text, c.relkind::text,
       ARRAY(SELECT a.attname::text FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated IN ('', 's')
              ORDER BY a.attname COLLATE "C"),
       ARRAY(SELECT a.attname::text FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k(number, place)
               JOIN pg_attribute a ON a.attnum = k.number
              WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND k.place <= i.indnkeyatts
              ORDER BY k.place),
       ARRAY(SELECT format_type(a.atttypid, -1) FROM pg_index i,
                    unnest(i.indkey::int2[]) WITH ORDINALITY k(number, place)
               JOIN pg_attribute a ON a.attnum = k.number
              WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND k.place <= i.indnkeyatts
              ORDER BY k.place)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relpersistence = 'p' AND c.oid >= 16384 AND (c.relkind = 'r' OR c.relkind = 'm' AND c.relispopulated)
   AND n.nspname NOT IN ('information_schema', 'pg_catalog', 'embassy_local')
 ORDER BY pg_relation_size(c.oid) NULLS FIRST, n.nspname, c.relname
"""
_LEFT_OUT: Final = b"""
SELECT n.nspname::text, c.relname::text
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relpersistence = 'u' AND c.relkind = 'r' AND c.oid >= 16384
   AND n.nspname NOT IN ('information_schema', 'pg_catalog', 'data_embassy', 'embassy_local')
 ORDER BY 1, 2
"""
_FILENODE: Final = "SELECT relfilenode::bigint FROM pg_class WHERE oid = %s"
_DDL_MARK: Final = b"SELECT count(*), coalesce(max(id), 0) FROM data_embassy.ddl"
_CATALOG: Final = shared_sql("catalog.sql").encode()
_SEQUENCES: Final = b"SELECT data_embassy.sequence_state()::text"
_PULSE: Final = b"SELECT sequences FROM data_embassy.pulse"

_MOVES: Final = (
    psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.LockNotAvailable,
)  # fmt: skip

Name = tuple[str, str]
Line = tuple[str, str, str, str, str]


class Moved(Exception):
    """What was read is no longer what the snapshot showed: ask again at a newer point. Not an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table (or a filled materialized view) whose rows are compared."""

    oid: int
    filenode: int
    relation_schema: str
    relation_name: str
    kind: str
    columns: tuple[str, ...]
    key: tuple[KeyColumn, ...]

    @property
    def name(self) -> Name:
        """Schema and name."""
        return self.relation_schema, self.relation_name

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.relation_schema}.{self.relation_name}"

    @property
    def is_derived(self) -> bool:
        """A materialized view: its rows are computed, at the moment of its last refresh."""
        return self.kind == "m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Digest of some rows."""

    rows: int
    digest: str


def parse_sums(data: Any) -> list[Sums]:
    """Digests of the parts of a range as they are answered; raises ValueError, TypeError."""
    return [Sums(rows=rows, digest=digest) for rows, digest in data]


class Content:
    """One database: `under` is inside a transaction of the snapshot, `look` sees the present (autocommit)."""

    def __init__(self, under: Connection, look: Connection) -> None:
        self._under, self._look = under, look
        self._mark = _one(under, _DDL_MARK)
        self.tables = {table.name: table for table in _tables(under)}

    def left_out(self) -> list[Name]:
        """Unlogged tables: their rows are in no stream, and not compared."""
        return [(row[0], row[1]) for row in self._under.execute(_LEFT_OUT)]

    @property
    def server_version(self) -> int:
        """server_version_num."""
        return self._under.info.server_version

    def hold(self, names: Iterable[Name]) -> None:
        """Keep these tables as they are until the transaction ends: TRUNCATE and schema changes wait."""
        for name in names:
            if name in self.tables:
                self._under.execute(f"LOCK TABLE ONLY {quote(name[0])}.{quote(name[1])} IN ACCESS SHARE MODE".encode())

    def digest(self, name: Name, algorithm: Algorithm) -> Sums:
        """Digest of a whole table; raises Moved."""
        table = self._table(name)
        row = self._read(table, digest_sql(*name, table.columns, algorithm=algorithm))[0]
        return Sums(rows=row[0], digest=row[1])

    def bounds(self, name: Name, within: KeyRange, rows: int) -> list[tuple[str, ...]]:
        """Where to cut a range of a table with a key; raises Moved."""
        table = self._table(name)
        return self._read(table, bounds_sql(*name, table.key, within, rows))

    def parts(
        self, name: Name, within: KeyRange, bounds: Sequence[tuple[str, ...]], algorithm: Algorithm
    ) -> list[Sums]:
        """Digests of the parts of a range between bounds; raises Moved, and ValueError when they do not fit."""
        table = self._table(name)
        found = [Sums(rows=0, digest="0:0:0")] * (len(bounds) + 1)
        query = grouped_digest_sql(
            *name,
            table.columns,
            group=bucket(table.key, bounds),
            algorithm=algorithm,
            where=condition(table.key, within),
        )
        for place, rows, digest in self._read(table, query):
            found[place] = Sums(rows=rows, digest=digest)
        return found

    def catalog(self) -> list[Line]:
        """Every definition; raises Moved."""
        try:
            with self._under.transaction(force_rollback=True):
                lines: list[Line] = list(self._under.execute(_CATALOG))
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedObject, psycopg.InternalError) as error:
            raise Moved from error
        if _one(self._look, _DDL_MARK) != self._mark:
            raise Moved
        return sorted(lines)

    def pulse_sequences(self) -> dict[Name, tuple[int, bool]]:
        """States of the sequences as the newest pulse under the snapshot tells them."""
        return sequence_states(_one(self._under, _PULSE)[0])

    def _table(self, name: Name) -> Table:
        try:
            return self.tables[name]
        except KeyError:
            raise Moved from None

    def _read(self, table: Table, query: bytes) -> list[Any]:
        try:
            # Back to a savepoint: an error leaves the snapshot, and the table's lock does not last.
            with self._under.transaction(force_rollback=True):
                rows = self._under.execute(query).fetchall()
        except _MOVES as error:
            raise Moved from error
        now = self._look.execute(_FILENODE, (table.oid,)).fetchone()
        if now is None or now[0] != table.filenode:
            raise Moved
        return rows


def begin_snapshot(connection: Connection) -> None:
    """Open the transaction that `Content` reads in; the snapshot is taken by the first query.

    A table that somebody keeps locked for longer than the bound counts as moved.
    """
    connection.execute("SET lock_timeout = '10s'")
    connection.execute("SET row_security = off")  # A policy is an error, never a filter.
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def live_sequences(connection: Connection) -> dict[Name, tuple[int, bool]]:
    """States of the sequences now: no snapshot covers them."""
    return sequence_states(_one(connection, _SEQUENCES)[0])


def sequence_states(text: str) -> dict[Name, tuple[int, bool]]:
    """Read the pulse's JSON."""
    return {(one["schema"], one["name"]): (one["last_value"], one["is_called"]) for one in json.loads(text)}


def _tables(connection: Connection) -> list[Table]:
    return [
        Table(
            oid=row[0],
            filenode=row[1],
            relation_schema=row[2],
            relation_name=row[3],
            kind=row[4],
            columns=tuple(row[5]),
            key=tuple(KeyColumn(name, type_text) for name, type_text in zip(row[6], row[7], strict=True)),
        )
        for row in connection.execute(_TABLES)
    ]


def _one(connection: Connection, query: bytes) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row
