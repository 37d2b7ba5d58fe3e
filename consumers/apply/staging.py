"""Staging tables: temporary, one per session, table and purpose, emptied and used again.

They are not made anew for each group because that would bloat the catalog.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pyarrow as pa
from psycopg import Cursor, RawCursor, sql

from consumers.apply.images import to_csv
from consumers.apply.statements import copy_into
from consumers.apply.table import Table
from data_embassy import failpoint
from data_embassy.postgres import Connection

Create = Callable[[Table, sql.Identifier], sql.Composed]

_TEMPORARY: Final = "pg_temp"


class Staging:
    """The staging tables of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._names: dict[tuple[str, str, str], sql.Identifier] = {}

    def forget(self) -> None:
        """Shapes may have changed, or a rollback took tables away: make them anew at next use."""
        self._names.clear()

    def empty(self, table: Table, purpose: str, create: Create) -> sql.Identifier:
        """The empty staging table of this purpose."""
        place = (table.schema, table.name, purpose)
        name = self._names.get(place)
        if name is not None:
            self._connection.execute(sql.SQL("TRUNCATE {}").format(name))
            return name
        name = sql.Identifier(_TEMPORARY, f"stage_{len(self._names)}")
        # What was made under this name before `forget` may or may not have survived.
        self._connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))
        self._connection.execute(create(table, name))
        self._names[place] = name
        return name


def copy_columns(connection: Connection, name: sql.Identifier, columns: Sequence[tuple[str, pa.Array]]) -> int:
    """COPY named columns of texts into a table; returns the number of rows that arrived."""
    failpoint.hit("before_copy")
    with connection.cursor() as cursor:
        with cursor.copy(copy_into(name, [column for column, _ in columns])) as copy:
            copy.write(memoryview(to_csv([values for _, values in columns])))
        failpoint.hit("after_copy")
        return cursor.rowcount


def raw_cursor(connection: Connection) -> Cursor[tuple[Any, ...]]:
    """A cursor whose parameters are $1, $2 ...: per cent signs in names need no care."""
    return RawCursor(connection)


@contextmanager
def hash_joins(connection: Connection) -> Iterator[None]:
    """For statements that compare whole tables: nested loops would read the table once for each row."""
    connection.execute("SET LOCAL enable_hashjoin = on")
    yield
    connection.execute("SET LOCAL enable_hashjoin = off")
