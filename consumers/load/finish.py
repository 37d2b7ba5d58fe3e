"""What follows the rows: silence what would fire, set sequences, compare digests."""

from __future__ import annotations

import json
from typing import Any, Final

from psycopg import sql

from consumers.load.errors import NEW_GENERATION, LoadDivergence
from consumers.load.state import TableState
from data_embassy.postgres import Connection
from schemas.digest import digest_sql

_FIRES: Final = """
INSERT INTO embassy_local.disabled (kind, relation_schema, relation_name, name, enabled)
SELECT 'trigger', n.nspname, c.relname, t.tgname, t.tgenabled
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT t.tgisinternal AND t.tgenabled IN ('A', 'R') AND n.nspname <> 'embassy_local'
UNION ALL
SELECT 'rule', n.nspname, c.relname, r.rulename, r.ev_enabled
  FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE r.rulename <> '_RETURN' AND r.ev_enabled IN ('A', 'R') AND n.nspname <> 'embassy_local'
UNION ALL
SELECT 'event trigger', '', '', evtname, evtenabled FROM pg_event_trigger WHERE evtenabled IN ('A', 'R')
ON CONFLICT (kind, relation_schema, relation_name, name) DO UPDATE SET enabled = excluded.enabled
RETURNING kind, relation_schema, relation_name, name
"""


def silence(connection: Connection) -> int:
    """Disable triggers, rules and event triggers that would fire under replica role; remember how they were set."""
    found = connection.execute(_FIRES).fetchall()
    for kind, relation_schema, relation_name, name in found:
        if kind == "event trigger":
            command = sql.SQL("ALTER EVENT TRIGGER {} DISABLE").format(sql.Identifier(name))
        else:
            verb = sql.SQL("TRIGGER" if kind == "trigger" else "RULE")
            command = sql.SQL("ALTER TABLE {} DISABLE {} {}").format(
                sql.Identifier(relation_schema, relation_name), verb, sql.Identifier(name)
            )
        connection.execute(command)
    return len(found)


def empty_sql(table: TableState) -> sql.Composed:
    """Command that removes all rows of a table; free for a table that was just made."""
    return sql.SQL("DELETE FROM ONLY {}").format(sql.Identifier(table.relation_schema, table.relation_name))


def set_sequences(connection: Connection, sequences: str) -> None:
    """Give the sequences the state that SnapshotEnd states."""
    for sequence in json.loads(sequences):
        connection.execute(
            "SELECT setval(format('%%I.%%I', %s::text, %s::text)::regclass, %s, %s)",
            (sequence["schema"], sequence["name"], sequence["last_value"], sequence["is_called"]),
        )


def check_table(connection: Connection, table: TableState, record: dict[str, Any], *, is_same_major: bool) -> None:
    """Compare a loaded table with its SnapshotTableEnd; raises LoadDivergence."""
    if (table.chunks, table.rows) != (record["chunks"], record["rows"]):
        raise LoadDivergence(
            f"table {table.number} of the snapshot: {table.chunks} chunks and {table.rows} rows arrived, "
            f"{record['chunks']} and {record['rows']} were sent",
            remedy=NEW_GENERATION,
        )
    row = connection.execute(digest_sql(table.relation_schema, table.relation_name, table.columns)).fetchone()
    assert row is not None
    if row[0] != record["rows"]:
        raise LoadDivergence(
            f"table {table.number} of the snapshot holds {row[0]} rows, {record['rows']} were sent",
            remedy=NEW_GENERATION,
        )
    # Neither hashes nor all text output are promised to be the same in another major version.
    if is_same_major and record["digest"] and row[1] != record["digest"]:
        raise LoadDivergence(
            f"table {table.number} of the snapshot has another digest here than at home", remedy=NEW_GENERATION
        )
