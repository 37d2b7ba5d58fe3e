"""One COPY for a run of chunks of the same table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import psycopg
from psycopg import sql

from consumers.load.errors import NEW_GENERATION, LoadDivergence, LoadFailed
from consumers.load.state import TableState
from data_embassy.postgres import Connection

# By the function of PostgreSQL that refused: its words are in the server's language.
_EXTENSION_REFUSED: Final = {
    "parse_extension_control_file": "is not installed on this server",
    "get_required_extension": "is not there, and another one needs it",
    "execute_extension_script": "may be made by a superuser only: set trusted = true in its control file here, or let a"
    " superuser make it in this database",
}
_QUOTED: Final = re.compile(r"[\"“„«]\s?([^\"“”„«»]+?)\s?[\"”“»]")


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """Turn PostgreSQL's refusals into LoadFailed; a lost connection or a full disk passes through.

    Only the class of the error is told, and which extension or constraint it is about: PostgreSQL's messages and
    contexts show values.
    """
    try:
        yield
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise LoadFailed(
            f"PostgreSQL refused {what}: {type(error).__name__} ({error.sqlstate}){_about(error.diag)}",
            remedy=f"see the embassy's PostgreSQL log, remove the cause; otherwise {NEW_GENERATION}",
        ) from None


def _about(diag: psycopg.errors.Diagnostic) -> str:
    """The extension that cannot be made here, or the constraint that a row fails."""
    how = _EXTENSION_REFUSED.get(diag.source_function or "")
    found = _QUOTED.search(diag.message_primary or "")
    if how is not None and found is not None:
        return f": extension {found[1]} {how}"
    return "" if diag.constraint_name is None else f" on {diag.constraint_name}"


class CopyRun:
    """Keeps a COPY open while chunks of the same table follow each other."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stack = ExitStack()
        self._table: TableState | None = None
        self._rows = 0
        self._cursor = connection.cursor()

    def write(self, table: TableState, data: bytes, rows: int) -> None:
        """Add a chunk."""
        with refusals(f"rows of table {table.number}"):
            if self._table is not table:
                self.end()
                self._begin(table)
            self._copy.write(data)
            self._rows += rows

    def end(self) -> None:
        """Finish the COPY, if one is open; raises LoadDivergence when PostgreSQL counts other rows."""
        if self._table is None:
            return
        table, self._table = self._table, None
        with refusals(f"rows of table {table.number}"):
            self._stack.close()
        if self._cursor.rowcount != self._rows:
            raise LoadDivergence(
                f"PostgreSQL took {self._cursor.rowcount} rows of table {table.number}, {self._rows} were sent",
                remedy=NEW_GENERATION,
            )

    def abort(self, error: BaseException) -> None:
        """Give the COPY up, if one is open: the caller rolls back."""
        if self._table is not None:
            self._table = None
            self._stack.__exit__(type(error), error, error.__traceback__)

    def _begin(self, table: TableState) -> None:
        columns: sql.Composable = sql.SQL("")
        if table.columns:  # A table may have none, or only generated ones.
            columns = sql.SQL(" ({})").format(sql.SQL(", ").join(map(sql.Identifier, table.columns)))
        command = sql.SQL("COPY {}{} FROM STDIN").format(
            sql.Identifier(table.relation_schema, table.relation_name), columns
        )
        self._copy = self._stack.enter_context(self._cursor.copy(command))
        self._table = table
        self._rows = 0
