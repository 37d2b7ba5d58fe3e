"""What a schema change came out as, against what the register described."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import psycopg

from consumers.apply.ddl import definition as definitions
from consumers.apply.ddl.execution import NotReplayable
from consumers.apply.ddl.fires import Fires
from consumers.apply.ddl.plan import Unit
from data_embassy.postgres import Connection
from schemas.shared import DDL_DEFINITION

_DEFINITION: Final = DDL_DEFINITION.replace("$1", "$1::oid").replace("$2", "$2::oid")
_ADDRESS: Final = (
    "SELECT classid::pg_catalog.int8, objid::pg_catalog.int8"
    " FROM pg_catalog.pg_get_object_address($1::text, $2::text[], $3::text[])"
)
_RELATION: Final = (
    "SELECT c.tableoid::pg_catalog.int8, c.oid::pg_catalog.int8 FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2"
)
_UNMAPPED: Final = frozenset({"composite type", "index", "sequence", "view", "materialized view"})
"""Relations that PostgreSQL names in an address and does not find by it, at least not their columns."""


class Outcome:
    """Reads the standby's catalog behind a change."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._major = connection.info.server_version // 10_000

    def check(self, unit: Unit) -> Mapping[str, str]:
        """Stored values of new columns that came out differently; raises NotReplayable for anything else that did."""
        values: dict[str, str] = {}
        row = unit.main
        for described, home in zip(row.objects, row.definitions, strict=False):
            address = described.get("address")
            if home is None or not address:
                continue
            here = self._definition(address)
            if here is None:
                raise NotReplayable(f"no such {address[0]} came out of it")
            found = definitions.differences(home, here, is_same_major=row.major == self._major)
            if found:
                raise NotReplayable(f"the {address[0]} came out differently: {', '.join(found)}")
            values |= definitions.missing_values(home, here)
        return values

    def _definition(self, address: Sequence[Any]) -> dict[str, Any] | None:
        try:
            cursor = psycopg.RawCursor(self._connection)
            is_relation = address[0].split(" column")[0] in _UNMAPPED
            query, arguments = (_RELATION, address[1][:2]) if is_relation else (_ADDRESS, address)
            found = cursor.execute(query, arguments).fetchone()
            if found is None:
                return None
            row = cursor.execute(_DEFINITION, found).fetchone()
        except (psycopg.errors.UndefinedObject, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction):
            return None
        if row is None or row[0] is None:
            return None
        answer = row[0] if isinstance(row[0], dict) else json.loads(row[0])
        assert isinstance(answer, dict)
        return answer


def tables_of(unit: Unit) -> Iterator[Fires]:
    """Tables and triggers of the unit, with what fires on them in the register."""
    row = unit.main
    for described, home in zip(row.objects, row.definitions, strict=False):
        kind, names = (described.get("address") or [None, []])[:2]
        if home is None:
            continue
        if kind in ("table", "view", "foreign table", "table column") and len(names) >= 2:
            yield names[0], names[1], home.get("fires") or [], True
        elif kind in ("trigger", "rule") and len(names) == 3:
            yield names[0], names[1], home.get("fires") or [], False
