"""Whether everything that a statement called gives the same again: asked of the standby's catalog."""

from __future__ import annotations

from typing import Final

from consumers.apply.ddl.text import Evaluated
from data_embassy.postgres import Connection

_ONLY_SETTINGS: Final = (
    "to_char", "to_date", "to_timestamp", "to_number", "date_trunc", "date_part", "extract", "timezone", "format",
    "concat", "concat_ws", "to_json", "to_jsonb", "row_to_json", "json_build_object", "jsonb_build_object",
    "json_build_array", "jsonb_build_array", "array_to_string", "array_to_json", "timestamptz", "timestamp", "date",
    "time", "timetz", "text", "quote_literal", "quote_nullable", "make_timestamptz", "numeric", "varchar", "bpchar",
)  # fmt: skip
"""Functions of PostgreSQL that are not immutable only because settings decide, and those are the statement's own."""

_CHANGING: Final = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_proc p
     WHERE p.proname = ANY (%(functions)s) AND p.provolatile <> 'i'
       AND NOT (p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND p.proname = ANY (%(allowed)s))
) OR EXISTS (
    SELECT FROM pg_catalog.pg_type t
     WHERE t.typname = ANY (%(names)s) AND t.typtype = 'd' AND pg_catalog.strpos(t.typdefault, '(') > 0
) OR EXISTS (
    SELECT FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
     WHERE o.oprname = ANY (%(operators)s) AND o.oid >= 16384 AND p.provolatile <> 'i'
) OR EXISTS (
    SELECT FROM pg_catalog.pg_cast c JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc
     WHERE c.oid >= 16384 AND p.provolatile <> 'i'
)
"""


def may_change(connection: Connection, evaluated: Evaluated) -> bool:
    """True when something that was called may answer otherwise the second time."""
    row = connection.execute(
        _CHANGING,
        {
            "functions": list(evaluated.functions),
            "names": list(evaluated.names),
            "operators": list(evaluated.operators),
            "allowed": list(_ONLY_SETTINGS),
        },
    ).fetchone()
    assert row is not None
    return bool(row[0])
