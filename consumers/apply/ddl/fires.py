"""Keeps user triggers and rules of a changed table silent, and remembers how the register has set them."""

from __future__ import annotations

from typing import Any, Final

from consumers.load.finish import silence
from data_embassy.postgres import Connection

_HAS_LIST: Final = "SELECT pg_catalog.to_regclass('embassy_local.disabled') IS NOT NULL"
_FORGET: Final = """
DELETE FROM embassy_local.disabled
 WHERE kind <> 'event trigger' AND relation_schema = %(schema)s AND relation_name = %(name)s
"""
_REMEMBER: Final = """
INSERT INTO embassy_local.disabled (kind, relation_schema, relation_name, name, enabled)
VALUES (%(kind)s, %(schema)s, %(table)s, %(name)s, %(enabled)s)
ON CONFLICT (kind, relation_schema, relation_name, name) DO UPDATE SET enabled = excluded.enabled
"""
_ORPHANS: Final = """
DELETE FROM embassy_local.disabled d
 WHERE d.kind <> 'event trigger'
   AND NOT EXISTS (
       SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = d.relation_schema AND c.relname = d.relation_name
          AND (EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = d.name)
               OR EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename = d.name)))
"""


Fires = tuple[str, str, list[list[Any]], bool]
"""Schema and name of a table; [[kind, name, enabled], ...] as in the register; whether these are all of the table."""


def keep_silent(connection: Connection, tables: list[Fires]) -> None:
    """After a change of these tables or of triggers on them."""
    row = connection.execute(_HAS_LIST).fetchone()
    if row is None or not row[0]:
        return
    for schema, name, fires, are_all in tables:
        if are_all:
            connection.execute(_FORGET, {"schema": schema, "name": name})
        for kind, fired, enabled in fires:
            arguments = {"kind": kind, "schema": schema, "table": name, "name": fired, "enabled": enabled}
            connection.execute(_REMEMBER, arguments)
    silence(connection)
    connection.execute(_ORPHANS)
