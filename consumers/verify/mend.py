"""Rows sent again: a range of a table is emptied and filled anew, at its place in commit order (DESIGN 9).

Home read the rows under a lock that kept writers out, so at this place they are what the range holds. All ranges of a
table are emptied before the first is filled: no row meets another that is to go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

import psycopg

from consumers.refusals import NEW_GENERATION, RepairRefused
from data_embassy.postgres import Connection
from schemas.digest import quote
from schemas.ranges import KeyColumn, KeyRange, condition

_EMPTIES: Final = "1"


def mend(connection: Connection, rows: Sequence[Mapping[str, str | None]]) -> None:
    """Carry out rows of `data_embassy.repair` inside the caller's transaction; raises RepairRefused."""
    try:
        for row in rows:
            _mend(connection, row)
    except (KeyError, ValueError, TypeError, IndexError):
        raise RepairRefused("rows that were sent again cannot be read", remedy=NEW_GENERATION) from None
    except psycopg.errors.IntegrityError as error:
        # Not chained: PostgreSQL's text quotes values.
        raise RepairRefused(
            f"rows that were sent again meet others here (SQLSTATE {error.sqlstate}): more differs than was found",
            remedy=NEW_GENERATION,
        ) from None


def _mend(connection: Connection, row: Mapping[str, str | None]) -> None:
    table = f"{quote(_text(row, 'relation_schema'))}.{quote(_text(row, 'relation_name'))}"
    if _text(row, "part") == _EMPTIES:
        key = [KeyColumn(name, type_text) for name, type_text in json.loads(_text(row, "key"))]
        within = KeyRange.parse([_bound(row["range_from"]), _bound(row["range_to"])])
        where = condition(key, within)
        connection.execute(f"DELETE FROM ONLY {table} AS t{f' WHERE {where}' if where else ''}".encode())  # noqa: S608
    data = _text(row, "rows")
    if data:
        columns = ", ".join(quote(name) for name in json.loads(_text(row, "columns")))
        with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN".encode()) as copy:
            copy.write(data.encode())


def _bound(text: str | None) -> object:
    return None if text is None else json.loads(text)


def _text(row: Mapping[str, str | None], name: str) -> str:
    value = row[name]
    if value is None:
        raise ValueError("a field is missing")
    return value
