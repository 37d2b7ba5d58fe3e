"""The settings of a session that applies changes."""

from __future__ import annotations

from typing import Final

from psycopg import sql

from data_embassy.postgres import PINNED_SETTINGS, Connection

_PREPARED_MAX: Final = 2000
"""Prepared statements kept per connection: about four for each table that changes when idle."""

_APPLY_SETTINGS: Final[dict[str, str]] = {
    # Foreign keys and ordinary triggers already had their effect in the register.
    "session_replication_role": "replica",
    # The standby is read-only for everyone else.
    "default_transaction_read_only": "off",
    # A policy that hid rows would make counts wrong without an error.
    "row_security": "off",
    "client_encoding": "UTF8",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "temp_buffers": "64MB",
    "jit": "off",
    # Staged rows find their targets by the key's index, whatever the statistics of a fresh standby say.
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}


def prepare_session(connection: Connection) -> None:
    """Make the connection ready for `Applier`; commits. Needs SET on session_replication_role.

    temp_buffers must be set before the session touches a temporary table: call this first.
    """
    names = PINNED_SETTINGS | _APPLY_SETTINGS
    calls = sql.SQL(", ").join(
        sql.SQL("pg_catalog.set_config({}, {}, false)").format(name, value) for name, value in names.items()
    )
    connection.execute(sql.SQL("SELECT {}").format(calls))
    if not connection.autocommit:
        connection.commit()
    connection.prepared_max = _PREPARED_MAX
