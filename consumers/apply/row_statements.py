"""SQL for single rows of one table; parameters are $1, $2 ... Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from psycopg import sql

from consumers.apply.statements import collate, image, operator, overriding, qualified, raw, target
from consumers.apply.table import Column, KeyColumn, Table

_AND: Final = sql.SQL(" AND ")
_COMMA: Final = sql.SQL(", ")


def _column(table: Table, position: int) -> sql.Identifier:
    return sql.Identifier(table.columns[position].name)


def insert_row(table: Table) -> sql.Composed:
    """Insert one row; parameters in the order of `writable`. Their types are the columns', so nothing is truncated."""
    values = _COMMA.join(raw(f"${n + 1}") for n in range(len(table.writable)))
    return sql.SQL("INSERT INTO {} ({}) {}VALUES ({})").format(
        target(table), _COMMA.join(_column(table, p) for p in table.writable), overriding(table), values
    )


def _parameter(number: int, column: Column) -> sql.Composed:
    return sql.SQL("CAST({} AS {})").format(raw(f"${number}"), qualified(column.cast))


def _key_equals(table: Table, first: int) -> sql.Composed:
    def equal(n: int, column: KeyColumn) -> sql.Composed:
        return sql.SQL("t.{}{} {} {}").format(
            _column(table, column.position),
            collate(column.collation),
            operator(column.equals),
            _parameter(first + n, table.columns[column.position]),
        )

    return _AND.join(equal(n, column) for n, column in enumerate(table.key))


def update_row(table: Table, unchanged: Sequence[int]) -> sql.Composed:
    """Update one row: parameters are the settable columns that are not unchanged, then the old key."""
    chosen = [p for p in table.settable if p not in unchanged]
    where = _key_equals(table, len(chosen) + 1)
    if not chosen:
        return sql.SQL("SELECT FROM ONLY {} AS t WHERE {}").format(target(table), where)
    sets = _COMMA.join(sql.SQL("{} = {}").format(_column(table, p), raw(f"${n + 1}")) for n, p in enumerate(chosen))
    return sql.SQL("UPDATE ONLY {} AS t SET {} WHERE {}").format(target(table), sets, where)


def delete_row(table: Table) -> sql.Composed:
    """Delete one row by its key."""
    return sql.SQL("DELETE FROM ONLY {} AS t WHERE {}").format(target(table), _key_equals(table, 1))


def delete_image(table: Table) -> sql.Composed:
    """Delete one of the rows that equal a whole image; parameters in the order of `writable`."""
    wanted = image(
        sql.SQL("CAST({} AS {})").format(raw(f"${n + 1}"), raw(table.columns[p].type_text))
        for n, p in enumerate(table.writable)
    )
    row = image(sql.Identifier("t", table.columns[p].name) for p in table.writable)
    return sql.SQL(
        "DELETE FROM ONLY {target} WHERE ctid = (SELECT t.ctid FROM ONLY {target} AS t "
        'WHERE {row} COLLATE "C" = {image} COLLATE "C" LIMIT 1)'
    ).format(target=target(table), row=row, image=wanted)
