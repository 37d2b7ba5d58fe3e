"""A schema change as a DBA makes it at home, and the wait until the standby shows it."""

import contextlib
import datetime as dt
import time

import psycopg
from psycopg import sql

from deploy.local.machine import wait_until

_TRIES = 10
_WAIT_SECONDS_MAX = 180.0


def add_column(home_dsn: str, table: str) -> tuple[str, sql.Identifier]:
    """Add a column to a table that people work in; the statement, and the column's name."""
    column = sql.Identifier(f"remark_{dt.datetime.now(dt.UTC):%Y%m%d_%H%M%S}")
    statement = sql.SQL("ALTER TABLE {} ADD COLUMN {} text DEFAULT 'none'").format(
        sql.Identifier(*table.split(".")), column
    )
    with psycopg.connect(home_dsn, autocommit=True) as connection:
        # Rather fail and be tried again than make the register's users queue.
        connection.execute("SET lock_timeout = '2s'")
        _try_often(connection, statement)
        return statement.as_string(connection), column


def await_column(standby_dsn: str, table: str, column: sql.Identifier) -> float:
    """Wait until the standby has the column; how long it took. Raises LocalError at a deadline."""
    began = time.monotonic()
    wait_until(
        lambda: _has_column(standby_dsn, table, column),
        seconds=_WAIT_SECONDS_MAX,
        what="the standby shows the new column",
    )
    return time.monotonic() - began


def _try_often(connection: psycopg.Connection[tuple[object, ...]], statement: sql.Composed) -> None:
    """Again while others hold the lock."""
    for attempt in range(_TRIES):
        try:
            connection.execute(statement)
        except psycopg.errors.LockNotAvailable:
            if attempt == _TRIES - 1:
                raise
        else:
            return


def _has_column(dsn: str, table: str, column: sql.Identifier) -> bool:
    query = sql.SQL("SELECT {} FROM {} LIMIT 0").format(column, sql.Identifier(*table.split(".")))
    with contextlib.suppress(psycopg.Error), psycopg.connect(dsn, connect_timeout=5) as connection:
        connection.execute(query)
        return True
    return False
