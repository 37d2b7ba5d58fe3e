"""Rows that by contract stay at home are never sealed, whoever let them be captured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from data_embassy.config import Register
from data_embassy.errors import StreamError
from data_embassy.postgres import Connection
from schemas.records import ChangeSchema, decode

_TABLES: Final = b"""
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= 16384
   AND n.nspname NOT IN ('information_schema', 'pg_catalog', 'embassy_local', 'data_embassy')
"""


class ExcludedRows(StreamError):
    """A table that the contract excludes is not unlogged at the register: its rows are captured."""

    def __init__(self, message: str, *, register: str) -> None:
        # Which table it is only the preflight says: logs and stops name none.
        super().__init__(
            message,
            remedy=f"embassy register check {register} names it. If its rows may cross: take it out of the contract,"
            f" then: embassy register resume {register}. If not: ALTER TABLE ... SET UNLOGGED, then the same; where"
            " rows of it stand in the home topic already, begin the register anew:"
            f" embassy register remove {register} --yes",
        )


def refuse_excluded(register: Register, schemas: Iterable[bytes]) -> None:
    """Raise ExcludedRows when a record among those that announce schemas is of such a table.

    Every session of capture announces a table's schema before the first of its rows.
    """
    if not register.terms.excluded:
        return
    for value in schemas:
        shape = ChangeSchema.parse(decode(value)[1]["json"])
        if register.terms.exclusion(shape.relation_schema, shape.relation_name) is not None:
            raise ExcludedRows(
                "rows of a table that the contract excludes stand in the home topic, not yet sealed",
                register=register.name,
            )


def look_for_excluded(register: Register, connection: Connection) -> ExcludedRows | None:
    """What is wrong when the register has such a table now, whether it holds rows or not."""
    found = connection.execute(_TABLES).fetchall() if register.terms.excluded else []
    if all(register.terms.exclusion(*name) is None for name in found):
        return None
    return ExcludedRows("a table that the contract excludes is not unlogged at the register", register=register.name)
