"""Tables whose rows stay at home: what a standby held of them before goes with the change that made them so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from psycopg import sql

from consumers.apply.ddl.fires import Fires
from data_embassy.postgres import Connection

_IS_UNLOGGED: Final = """
SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relname = %s AND c.relkind = 'r' AND c.relpersistence = 'u'
"""


def empty_unlogged(connection: Connection, tables: Iterable[Fires]) -> None:
    """After a change of these tables. Rows that nobody changes any more would grow old, and nothing compares them."""
    for schema, name, _, _ in tables:
        if connection.execute(_IS_UNLOGGED, (schema, name)).fetchone() is not None:
            # Not TRUNCATE: that is refused where another unlogged table refers to it.
            connection.execute(sql.SQL("DELETE FROM ONLY {}").format(sql.Identifier(schema, name)))
