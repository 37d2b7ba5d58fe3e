"""The oracle of demo and tests: whether a standby equals its register, row by row, at a known position.

A harness, not an operator's command: it opens both sites' databases, which no command of data-embassy does. It compares

1. the set of tables, columns with their types, constraints, indexes and views, as PostgreSQL describes them;
2. every row of every table as text under the pinned settings (stream-v1 section 8).

At rest: the writers have stopped, so from some moment on only the pulse changes. `compare` takes an exported snapshot
at the register, which says at which position it was taken, waits until the standby is past that position, and compares
the two. The pulse's own row is the only one left out. Values are never printed: a row that differs is named by its md5.
"""

import re
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import md5, sha256
from importlib.resources import files
from itertools import chain
from typing import TypeAlias

import psycopg
from psycopg import Connection, sql

from data_embassy.errors import CheckFailed
from data_embassy.postgres import PINNED_SETTINGS
from data_embassy.types import Lsn

PULSE = ("data_embassy", "pulse")
_POLL_SECONDS = 0.1
_SORT_MEMORY = "256MB"

_Database: TypeAlias = Connection[tuple[object, ...]]
_Table: TypeAlias = tuple[str, str]
_Definitions: TypeAlias = dict[_Table, dict[tuple[str, str], str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableComparison:
    """One table: how many rows the register has, whether the standby has the same ones, and if not, what differs."""

    table: str
    rows: int
    equal: bool
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One register against its standby, at the commit that the standby was at when it was read."""

    register: str
    position: Lsn
    tables: tuple[TableComparison, ...]

    @property
    def equal(self) -> bool:
        """Every table is equal."""
        return all(table.equal for table in self.tables)

    @property
    def rows(self) -> int:
        """Rows compared: all but the pulse's."""
        return sum(table.rows for table in self.tables)

    @property
    def differences(self) -> list[str]:
        """One line for each table that differs."""
        return [f"{self.register}: {table.table}: {table.reason}" for table in self.tables if not table.equal]


def compare(register: str, home_dsn: str, standby_dsn: str, *, deadline_seconds: float = 60) -> Comparison:
    """Compare a register at rest with its standby; raises CheckFailed when the standby does not get there in time."""
    with _register_snapshot(home_dsn) as (home, taken_at), _connection(standby_dsn) as standby:
        _await_position(standby, taken_at, deadline_seconds)
        with standby.transaction():
            _repeatable_read(standby)
            position = _position(standby)
            tables = compare_databases(home, standby, leave_out=PULSE)
    if position is None:
        raise CheckFailed(f"the standby of {register} has no position", remedy="embassy status")
    return Comparison(register=register, position=position, tables=tables)


def compare_databases(
    home: _Database, standby: _Database, *, leave_out: _Table | None = None
) -> tuple[TableComparison, ...]:
    """Compare two databases as the given connections see them, each inside a transaction of one snapshot."""
    home_definitions, standby_definitions = _definitions(home), _definitions(standby)
    results = []
    for table in sorted(home_definitions.keys() | standby_definitions.keys()):
        reason = _definition_difference(home_definitions.get(table), standby_definitions.get(table))
        rows = 0
        if reason is None and table != leave_out and _has_rows(home_definitions[table]):
            rows, reason = _compare_rows(home, standby, table, _columns(home_definitions[table]))
        results.append(TableComparison(table=".".join(table), rows=rows, equal=reason is None, reason=reason))
    return tuple(results)


def contents(dsn: str) -> dict[str, str]:
    """Number of rows and a digest of the text of every row, in order, of each table of a database at rest.

    What a standby holds, in a form that outlives it: to be compared with what is rebuilt later, when home is gone.
    """
    with _connection(dsn) as connection, connection.transaction():
        _repeatable_read(connection)
        return {
            ".".join(table): _content(connection, table, _columns(definition))
            for table, definition in sorted(_definitions(connection).items())
            if table != PULSE and _has_rows(definition)
        }


def _content(connection: _Database, table: _Table, columns: list[str]) -> str:
    rows, digest = 0, sha256()
    with connection.cursor().copy(_ordered_rows(table, columns)) as copy:
        for line in copy:
            digest.update(line)
            rows += 1
    return f"{rows} rows {digest.hexdigest()}"


@contextmanager
def _register_snapshot(dsn: str) -> Iterator[tuple[_Database, Lsn]]:
    """A session that sees the register exactly as of the commit position that it comes with."""
    with _connection(dsn) as home, home.transaction():
        # The temporary slot ends with its connection; the snapshot lives on in the transaction that took it over.
        with psycopg.connect(dsn, autocommit=True, replication="database") as walsender:
            slot = walsender.execute(
                sql.SQL("CREATE_REPLICATION_SLOT {} TEMPORARY LOGICAL pgoutput (SNAPSHOT 'export')").format(
                    sql.Identifier(f"data_embassy_compare_{secrets.token_hex(4)}")
                )
            ).fetchone()
            assert slot is not None
            _repeatable_read(home)
            home.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(str(slot[2])))
            home.execute("SELECT 1")
        yield home, Lsn.parse(str(slot[1]))


@contextmanager
def _connection(dsn: str) -> Iterator[_Database]:
    with psycopg.connect(dsn, autocommit=True, application_name="comparison") as connection:
        for name, value in (*PINNED_SETTINGS.items(), ("work_mem", _SORT_MEMORY)):
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        yield connection


def _repeatable_read(connection: _Database) -> None:
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _position(standby: _Database) -> Lsn | None:
    row = standby.execute("SELECT last_end::text FROM embassy_local.position").fetchone()
    return None if row is None or row[0] is None else Lsn.parse(str(row[0]))


def _await_position(standby: _Database, wanted: Lsn, deadline_seconds: float) -> None:
    """Wait until the standby is past a position; the pulse brings it there even when nobody writes."""
    deadline = time.monotonic() + deadline_seconds
    while (position := _position(standby)) is None or position < wanted:
        if time.monotonic() > deadline:
            raise CheckFailed(
                f"the standby is at {position} and did not reach {wanted} within {deadline_seconds:.0f} s",
                remedy="embassy status shows which part of the way stands still",
            )
        time.sleep(_POLL_SECONDS)


def _definitions(connection: _Database) -> _Definitions:
    query = files(__package__).joinpath("definitions.sql").read_bytes()
    found: _Definitions = {}
    for schema, relation, kind, name, definition in connection.execute(query):
        found.setdefault((str(schema), str(relation)), {})[str(kind), str(name)] = str(definition)
    return found


def _definition_difference(
    home: dict[tuple[str, str], str] | None, standby: dict[tuple[str, str], str] | None
) -> str | None:
    if home is None:
        return "exists only in the standby"
    if standby is None:
        return "is missing in the standby"
    different = sorted(key for key in home.keys() | standby.keys() if home.get(key) != standby.get(key))
    return None if not different else "definitions differ: " + ", ".join(" ".join(key).strip() for key in different)


def _has_rows(definition: dict[tuple[str, str], str]) -> bool:
    """True for a permanent table with rows of its own: not a view, not partitioned, not unlogged."""
    return definition.get(("table", ""), "").startswith("r p")


def _columns(definition: dict[tuple[str, str], str]) -> list[str]:
    """Columns in their order, which stands first in the definition of each."""
    columns = [(int(text.split(" ", 1)[0]), name) for (kind, name), text in definition.items() if kind == "column"]
    return [name for _, name in sorted(columns)]


def _ordered_rows(table: _Table, columns: list[str]) -> sql.Composed:
    return sql.SQL('COPY (SELECT ROW({})::text COLLATE "C" FROM ONLY {} ORDER BY 1) TO STDOUT').format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(*table)
    )


def _compare_rows(home: _Database, standby: _Database, table: _Table, columns: list[str]) -> tuple[int, str | None]:
    query = _ordered_rows(table, columns)
    with home.cursor().copy(query) as home_copy, standby.cursor().copy(query) as standby_copy:
        home_lines, standby_lines = map(bytes, home_copy), map(bytes, standby_copy)
        equal_rows = 0
        for mine in home_lines:
            theirs = next(standby_lines, None)
            if mine != theirs:
                remaining = () if theirs is None else (theirs,)
                return _count_differences(equal_rows, chain((mine,), home_lines), chain(remaining, standby_lines))
            equal_rows += 1
        return _count_differences(equal_rows, iter(()), standby_lines)


def _count_differences(
    equal_rows: int, home_lines: Iterator[bytes], standby_lines: Iterator[bytes]
) -> tuple[int, str | None]:
    """What is left of two sorted tables behind their equal beginnings, as multisets."""
    home_rows, standby_rows = Counter(map(_digest, home_lines)), Counter(map(_digest, standby_lines))
    only_home, only_standby = home_rows - standby_rows, standby_rows - home_rows
    rows = equal_rows + home_rows.total()
    if not only_home and not only_standby:
        return rows, None
    example = next(chain(only_home, only_standby))
    return rows, (
        f"{only_home.total()} rows only in the register, {only_standby.total()} only in the standby; "
        f"the first has md5(ROW(columns)::text) = {example}"
    )


def _digest(line: bytes) -> str:
    """The md5 that PostgreSQL computes for the row, so that it can be looked for there."""
    return md5(_ESCAPE.sub(_unescape, line.removesuffix(b"\n")), usedforsecurity=False).hexdigest()


_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_MEANINGS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def _unescape(match: re.Match[bytes]) -> bytes:
    return _MEANINGS.get(match[1], match[1])
