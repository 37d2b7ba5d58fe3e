"""A statement made from what the register's catalog said, where there is no text that could be run. Pure.

Whatever it makes is compared with the register's own description afterwards: it may be wrong, never silently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from consumers.apply.ddl.rows import Noted
from schemas.digest import quote

_DROPPED: Final = {
    "table": "TABLE", "view": "VIEW", "materialized view": "MATERIALIZED VIEW", "index": "INDEX",
    "sequence": "SEQUENCE", "function": "FUNCTION", "procedure": "PROCEDURE", "aggregate": "AGGREGATE",
    "type": "TYPE", "domain": "DOMAIN", "schema": "SCHEMA", "trigger": "TRIGGER", "rule": "RULE", "policy": "POLICY",
    "foreign table": "FOREIGN TABLE", "statistics object": "STATISTICS",
}  # fmt: skip
_PERSISTENCE: Final = {"p": "", "u": "UNLOGGED "}


def synthesize(rows: Sequence[Noted]) -> str | None:
    """One statement with the effect of these rows, None where the catalog does not tell."""
    if all(row.event == "sql_drop" for row in rows):
        return _drop(rows)
    if len(rows) != 1 or rows[0].event != "ddl_command_end":
        return None
    (row,) = rows
    described = list(zip(row.objects, row.definitions, strict=False))
    if len(row.objects) != len(row.definitions):
        return None
    if row.tag in ("CREATE TABLE", "CREATE TABLE AS", "SELECT INTO"):
        return _create_table(described)
    if len(described) != 1:
        return None
    ((only, definition),) = described
    return None if definition is None else _create_one(row.tag, only, definition)


def _drop(rows: Sequence[Noted]) -> str | None:
    named = [o for row in rows for o in row.objects if o.get("original")]
    kinds = {o.get("type") for o in named}
    if len(kinds) != 1 or not kinds <= _DROPPED.keys():
        return None
    kind = _DROPPED[str(kinds.pop())]
    if kind in ("TRIGGER", "RULE", "POLICY") and len(named) > 1:
        return None
    # What depends on them went too, and the standby has nothing else.
    return f"DROP {kind} {', '.join(str(o['identity']) for o in named)} CASCADE"


def _create_one(tag: str, described: Mapping[str, Any], definition: Mapping[str, Any]) -> str | None:
    identity = str(described.get("identity"))
    if tag == "CREATE INDEX":
        return _text(definition.get("index"))
    if tag in ("CREATE FUNCTION", "CREATE PROCEDURE"):
        return _text(definition.get("function"))
    if tag == "CREATE VIEW" and definition.get("view"):
        return f"CREATE OR REPLACE VIEW {identity}{_options(definition)} AS {definition['view']}"
    if tag == "CREATE TRIGGER":
        return _text(definition.get("trigger"))
    if tag == "CREATE RULE":
        return _text(definition.get("rule"))
    if tag == "CREATE SCHEMA":
        return f"CREATE SCHEMA {identity}"
    if tag == "CREATE TYPE" and definition.get("kind") == "e":
        return f"CREATE TYPE {identity} AS ENUM ({', '.join(map(literal, definition.get('labels', [])))})"
    return None


def _create_table(described: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]) -> str | None:
    tables = [(o, d) for o, d in described if d is not None and d.get("kind") in ("r", "p")]
    others = [d for _, d in described if d is None or d.get("kind") not in ("r", "p", "i", "I")]
    if len(tables) != 1 or others:
        return None
    ((table, definition),) = tables
    if "of_type" in definition or any("identity" in c for c in definition.get("columns", ())):
        return None
    head = f"CREATE {_PERSISTENCE.get(str(definition.get('persistence')), '')}TABLE {table['identity']}"
    key = f" PARTITION BY {definition['partition_key']}" if definition.get("partition_key") else ""
    if definition.get("partition_bound"):
        (parent,) = definition["parents"]
        return f"{head} PARTITION OF {parent} {definition['partition_bound']}{key}{_options(definition)}"
    if definition.get("parents"):
        return None
    parts = [_column(column) for column in definition.get("columns", ())]
    parts += [f"CONSTRAINT {quote(name)} {text}" for name, text in (definition.get("constraints") or {}).items()]
    return f"{head} ({', '.join(parts)}){key}{_options(definition)}"


def _column(column: Mapping[str, Any]) -> str:
    parts = [quote(column["name"]), column["type"]]
    if column.get("collation"):
        parts.append(f"COLLATE {column['collation']}")
    if column.get("generated"):
        kind = "STORED" if column["generated"] == "s" else "VIRTUAL"
        parts.append(f"GENERATED ALWAYS AS ({column['default']}) {kind}")
    elif column.get("default"):
        parts.append(f"DEFAULT {column['default']}")
    if column.get("not_null"):
        parts.append("NOT NULL")
    return " ".join(parts)


def _options(definition: Mapping[str, Any]) -> str:
    options = definition.get("options")
    if not options:
        return ""
    pairs = (option.partition("=") for option in options)
    return f" WITH ({', '.join(f'{name} = {literal(value)}' for name, _, value in pairs)})"


def _text(found: Any) -> str | None:
    return found if isinstance(found, str) else None


def literal(text: str) -> str:
    """A quoted literal, right whatever standard_conforming_strings is."""
    quoted = text.replace("'", "''")
    return f"E'{quoted.replace(chr(92), chr(92) * 2)}'" if "\\" in text else f"'{quoted}'"
