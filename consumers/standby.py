"""The edge to one standby database: its lock, its position row, its schemas. The applier and the loader do the rows.

Every session has the pinned settings of stream-v1 section 8, replica role, and writes although the database is
read-only by default for everyone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any, Final

import psycopg

from consumers.position import COLUMNS, StandbyPosition
from consumers.refusals import RESTART, PositionMoved
from data_embassy.config import Postgres
from data_embassy.postgres import Connection, connect
from data_embassy.types import Lsn
from schemas.records import ChangeSchema

WRITER_LOCK: Final = 0x64_65_77_72  # "dewr": an advisory lock belongs to one database, so one number serves all
_TABLES: Final = """
CREATE SCHEMA IF NOT EXISTS embassy_local;
CREATE TABLE IF NOT EXISTS embassy_local.position (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    generation bigint NOT NULL,
    attempt bigint NOT NULL,
    incarnation bigint NOT NULL,
    home_offset bigint NOT NULL,
    lane_offset bigint NOT NULL,
    system_identifier text NOT NULL,
    timeline bigint NOT NULL,
    capture_run bigint,
    capture_n bigint NOT NULL,
    last_end pg_lsn NOT NULL,
    committed_at timestamptz,
    beat bigint,
    pulse_at timestamptz,
    transactions bigint NOT NULL,
    changes bigint NOT NULL,
    rows_inserted bigint NOT NULL,
    rows_updated bigint NOT NULL,
    rows_deleted bigint NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS embassy_local.schemas (fingerprint bytea PRIMARY KEY, json text NOT NULL);
CREATE TABLE IF NOT EXISTS embassy_local.load_cursor (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    incarnation bigint NOT NULL,
    home_offset bigint NOT NULL,
    lane_offset bigint NOT NULL
);
"""
_SESSION: Final = """
SET default_transaction_read_only = off;
SET session_replication_role = replica;
SET synchronous_commit = off;
SET lock_timeout = 0;
SET statement_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET idle_session_timeout = 0;
SET row_security = off
"""
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TIMES: Final = frozenset({"committed_at", "pulse_at"})
_SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM embassy_local.position"  # noqa: S608 (names of this module's table)
_UPDATE: Final = (
    "UPDATE embassy_local.position SET applied_at = clock_timestamp(), "  # noqa: S608
    + ", ".join(f"{name} = %({name})s" for name in COLUMNS)
    + " WHERE incarnation = %(old_incarnation)s AND home_offset = %(old_home_offset)s AND last_end = %(old_last_end)s"
)
_INSERT: Final = (
    f"INSERT INTO embassy_local.position ({', '.join(COLUMNS)}) "  # noqa: S608
    f"VALUES ({', '.join(f'%({name})s' for name in COLUMNS)})"
)


def open_session(target: Postgres, database: str, *, role: str) -> Connection:
    """A connection that may write to the standby; raises TransportError."""
    connection = connect(target, application_name=f"data-embassy {role}", database=database, autocommit=True)
    try:
        connection.execute(_SESSION)
        connection.autocommit = False
    except BaseException:
        connection.close()
        raise
    return connection


def take_lock(connection: Connection, *, wait: Callable[[float], bool]) -> bool:
    """Become the standby's single writer; `wait` sleeps and returns True when the wait should end. False then."""
    while True:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (WRITER_LOCK,)).fetchone()
        connection.commit()
        if row is not None and row[0]:
            return True
        if wait(0.2):
            return False


def prepare(connection: Connection) -> None:
    """Make `embassy_local` (not committed)."""
    connection.execute(_TABLES)


def has_position_table(connection: Connection) -> bool:
    """True where `prepare` was committed."""
    row = connection.execute("SELECT to_regclass('embassy_local.position') IS NOT NULL").fetchone()
    return row is not None and bool(row[0])


def read_position(connection: Connection) -> StandbyPosition | None:
    """The position, None before the generation was loaded."""
    row = connection.execute(_SELECT).fetchone()
    if row is None:
        return None
    return StandbyPosition(**{name: _from_sql(name, value) for name, value in zip(COLUMNS, row, strict=True)})


def insert_position(connection: Connection, position: StandbyPosition) -> None:
    """The first position of a generation (not committed)."""
    connection.execute(_INSERT, _to_sql(position))


def update_position(connection: Connection, old: StandbyPosition, new: StandbyPosition) -> None:
    """Move the position (not committed); raises PositionMoved when it is not where we left it."""
    arguments = _to_sql(new) | {
        "old_incarnation": old.incarnation,
        "old_home_offset": old.home_offset,
        "old_last_end": str(Lsn(old.last_end)),
    }
    if connection.execute(_UPDATE, arguments).rowcount != 1:
        raise PositionMoved("another writer moved the standby's position", remedy=RESTART)


def read_schemas(connection: Connection) -> dict[bytes, ChangeSchema]:
    """Announced schemas by fingerprint."""
    rows = connection.execute("SELECT json FROM embassy_local.schemas").fetchall()
    return {schema.fingerprint: schema for schema in (ChangeSchema.parse(row[0]) for row in rows)}


def add_schemas(connection: Connection, schemas: Iterable[ChangeSchema]) -> None:
    """Keep announced schemas (not committed)."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO embassy_local.schemas VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [(schema.fingerprint, schema.json) for schema in schemas],
        )


def read_cursor(connection: Connection) -> tuple[int, int, int] | None:
    """Incarnation, home offset and lane offset up to which a snapshot was loaded."""
    row = connection.execute("SELECT incarnation, home_offset, lane_offset FROM embassy_local.load_cursor").fetchone()
    return None if row is None else (row[0], row[1], row[2])


def write_cursor(connection: Connection, incarnation: int, home_offset: int, lane_offset: int) -> None:
    """Keep how far a snapshot was loaded (not committed)."""
    connection.execute(
        "INSERT INTO embassy_local.load_cursor (incarnation, home_offset, lane_offset) VALUES (%s, %s, %s)"
        " ON CONFLICT (only_row) DO UPDATE SET incarnation = excluded.incarnation,"
        " home_offset = excluded.home_offset, lane_offset = excluded.lane_offset",
        (incarnation, home_offset, lane_offset),
    )


def read_pulse(connection: Connection) -> int | None:
    """The beat that the loaded snapshot holds."""
    row = connection.execute("SELECT to_regclass('data_embassy.pulse') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        return None
    row = connection.execute("SELECT max(beat) FROM data_embassy.pulse").fetchone()
    return None if row is None else row[0]


def read_watched(connection: Connection, position: StandbyPosition) -> str | None:
    """What the newest applied beat saw of publication and event triggers; None before the first of a generation.

    The snapshot's own row does not count: it may be older than the publication that the generation reads.
    """
    if position.pulse_at is None:
        return None
    row = connection.execute("SELECT watched FROM data_embassy.pulse").fetchone()
    return None if row is None else row[0]


def insert_lsn(connection: Connection) -> int:
    """End of the standby's own log: whatever was committed before lies before it."""
    row = connection.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
    connection.commit()
    assert row is not None
    return Lsn.parse(row[0])


def flushed_lsn(connection: Connection) -> int:
    """Up to where the standby's own log is on disk."""
    row = connection.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone()
    connection.commit()
    assert row is not None
    return Lsn.parse(row[0])


def is_transient(error: psycopg.Error) -> bool:
    """True for what goes by itself: connections lost, shutdown, deadlock, resources."""
    sqlstate = error.sqlstate
    if sqlstate is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return sqlstate[:2] in ("08", "40", "53", "58") or sqlstate[:3] == "57P" or sqlstate in ("55P03", "57014", "25P03")


def microseconds(time: dt.datetime) -> int:
    """Microseconds since 1970."""
    return (time - _EPOCH) // dt.timedelta(microseconds=1)


def _from_sql(name: str, value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return microseconds(value)
    return Lsn.parse(value) if name == "last_end" else value


def _to_sql(position: StandbyPosition) -> dict[str, Any]:
    values: Mapping[str, Any] = {field.name: getattr(position, field.name) for field in fields(StandbyPosition)}
    return {name: _value_to_sql(name, value) for name, value in values.items()}


def _value_to_sql(name: str, value: Any) -> Any:
    if name == "last_end":
        return str(Lsn(value))
    if name in _TIMES and value is not None:
        return _EPOCH + dt.timedelta(microseconds=value)
    return value
