"""Why changes could not be applied exactly. Messages name tables, constraints and counts, never values."""

from __future__ import annotations

from typing import Final

import psycopg

from data_embassy.errors import ApplyError, DataEmbassyError, StreamError, TransportError

_NEW_GENERATION: Final = "embassy register snapshot NAME"
_VERIFY: Final = "embassy register verify NAME, then embassy register snapshot NAME"


class Divergence(ApplyError):
    """The standby is not what the stream says it was before these changes."""

    def __init__(self, table: str, what: str) -> None:
        super().__init__(f"the standby's table {table} differs from the register's: {what}", remedy=_VERIFY)
        self.table = table


class TableMissing(ApplyError):
    """The stream changes a table that the standby does not have."""

    def __init__(self, table: str) -> None:
        super().__init__(f"the standby has no table {table}", remedy=_NEW_GENERATION)
        self.table = table


class ShapeMismatch(ApplyError):
    """The columns of a change are not the columns of the standby's table."""

    def __init__(self, table: str, *, missing: int, surplus: int) -> None:
        super().__init__(
            f"the columns of {table} differ: {missing} of the register's are missing in the standby, "
            f"{surplus} of the standby's are missing in the stream",
            remedy=_NEW_GENERATION,
        )
        self.table = table


class UnidentifiedRow(ApplyError):
    """A change names no row that could be located."""

    def __init__(self, table: str, why: str) -> None:
        super().__init__(
            f"a row of {table} cannot be identified: {why}",
            remedy="give the table a usable replica identity (embassy register check NAME), then: " + _NEW_GENERATION,
        )
        self.table = table


class Refused(ApplyError):
    """The standby's PostgreSQL refused a statement."""

    def __init__(self, table: str, *, sqlstate: str, name: str) -> None:
        super().__init__(
            f"PostgreSQL refused changes of {table}: {name} (SQLSTATE {sqlstate})",
            remedy="see the standby's server log; when the cause is mended, start the receiver again",
        )
        self.table = table
        self.sqlstate = sqlstate


class UnknownShape(StreamError):
    """A change has a schema that was not announced."""

    def __init__(self) -> None:
        super().__init__("a change has a schema that was not announced before it", remedy=_NEW_GENERATION)


class BrokenFrame(StreamError):
    """The changes of a transaction are not what its frame says."""

    def __init__(self, transaction: int, what: str) -> None:
        super().__init__(f"transaction {transaction} is broken: {what}", remedy=_NEW_GENERATION)
        self.transaction = transaction


class DamagedChange(StreamError):
    """A change record cannot be decoded."""

    def __init__(self, table: str, what: str) -> None:
        super().__init__(f"a change of {table} is damaged: {what}", remedy=_NEW_GENERATION)
        self.table = table


_INTEGRITY_CLASS: Final = "23"
# 08 connection, 40 rollback (deadlock, serialization), 53 resources, 55P03 lock timeout, 57P shutdown: worth retrying.
_TRANSIENT: Final = ("08", "40", "53", "55P03", "57P")


def translate(error: psycopg.Error, table: str) -> DataEmbassyError:
    """The error to raise instead of PostgreSQL's own, whose text may hold values of rows."""
    sqlstate = error.sqlstate
    if sqlstate is None or sqlstate.startswith(_TRANSIENT):
        return TransportError(
            f"the connection to the standby failed ({type(error).__name__}, SQLSTATE {sqlstate or 'none'})",
            remedy="check the standby's PostgreSQL; the receiver tries again by itself",
        )
    if sqlstate.startswith(_INTEGRITY_CLASS):
        if error.diag.table_name is not None:
            table = f"{error.diag.schema_name}.{error.diag.table_name}"
        constraint = error.diag.constraint_name or error.diag.column_name or "unnamed"
        return Divergence(table, f"{type(error).__name__} on {constraint}")
    return Refused(table, sqlstate=sqlstate, name=type(error).__name__)
