"""The schema change that waits for an operator, kept in the standby so that the operator can be shown it."""

from __future__ import annotations

from typing import Final

from consumers.apply.ddl.decisions import Pending
from data_embassy.postgres import Connection

_TABLE: Final = """
CREATE SCHEMA IF NOT EXISTS embassy_local;
CREATE TABLE IF NOT EXISTS embassy_local.ddl_pending (
    id bigint PRIMARY KEY, digest text NOT NULL, tag text NOT NULL, statement text NOT NULL, reason text NOT NULL
)
"""

_HAS_TABLE: Final = "SELECT pg_catalog.to_regclass('embassy_local.ddl_pending') IS NOT NULL"


def keep(connection: Connection, pending: Pending) -> None:
    """Keep what waits, in a transaction of its own; the caller rolled back."""
    with connection.transaction():
        connection.execute(_TABLE)
        connection.execute("DELETE FROM embassy_local.ddl_pending")
        connection.execute(
            "INSERT INTO embassy_local.ddl_pending VALUES (%s, %s, %s, %s, %s)",
            (pending.id, pending.digest, pending.tag, pending.text, pending.reason),
        )


def clear(connection: Connection) -> None:
    """Nothing waits any more (inside the caller's transaction)."""
    row = connection.execute(_HAS_TABLE).fetchone()
    if row is not None and row[0]:
        connection.execute("DELETE FROM embassy_local.ddl_pending")


def read(connection: Connection) -> Pending | None:
    """What waited last; it may have been decided since."""
    row = connection.execute(_HAS_TABLE).fetchone()
    if row is None or not row[0]:
        return None
    found = connection.execute("SELECT id, digest, tag, statement, reason FROM embassy_local.ddl_pending").fetchone()
    return None if found is None else Pending(*found)
