"""The check of deferrable constraints, which PostgreSQL does not enforce under the replica role. Pure."""

from __future__ import annotations

from typing import Final

from psycopg import sql

from consumers.apply.statements import collate, operator, raw, target
from consumers.apply.table import DeferredConstraint, QualifiedName, Table

_AND: Final = sql.SQL(" AND ")
_COMMA: Final = sql.SQL(", ")
_EMPTY: Final = sql.SQL("")


def find_conflict(table: Table, constraint: DeferredConstraint, stage: sql.Identifier | None) -> sql.Composed:
    """One row when rows of the table break a deferrable constraint.

    With `stage`, only its rows are compared with the table's: each must match nothing but itself.
    """

    def elements(source: sql.Composable, columns: sql.Composable) -> sql.Composed:
        cells = _COMMA.join(
            sql.SQL("({}){} AS {}").format(raw(e.expression), collate(e.collation), sql.Identifier(f"e{n}"))
            for n, e in enumerate(constraint.elements)
        )
        condition = sql.SQL(" WHERE {}").format(raw(constraint.predicate)) if constraint.predicate else _EMPTY
        return sql.SQL("(SELECT {}, {} FROM {}{})").format(columns, cells, source, condition)

    def conflict(left: str, right: str) -> sql.Composed:
        def pair(n: int, conflicts: QualifiedName) -> sql.Composed:
            a, b = sql.Identifier(left, f"e{n}"), sql.Identifier(right, f"e{n}")
            test = sql.SQL("{} {} {}").format(a, operator(conflicts), b)
            if constraint.nulls_conflict:
                test = sql.SQL("({} OR ({} IS NULL AND {} IS NULL))").format(test, a, b)
            return test

        return _AND.join(pair(n, element.operator) for n, element in enumerate(constraint.elements))

    whole = elements(sql.SQL("ONLY {}").format(target(table)), sql.SQL("ctid AS place"))
    if stage is None:
        return sql.SQL("SELECT FROM {} AS a JOIN {} AS b ON {} WHERE a.place <> b.place LIMIT 1").format(
            whole, whole, conflict("a", "b")
        )
    touched = elements(_staged_rows(table, stage), sql.SQL("stage_place"))
    return sql.SQL(
        "SELECT FROM {} AS a JOIN {} AS b ON {} GROUP BY a.stage_place "
        "HAVING count(*) > max(CASE WHEN {} THEN 1 ELSE 0 END) LIMIT 1"
    ).format(touched, whole, conflict("a", "b"), conflict("a", "a"))


def _staged_rows(table: Table, stage: sql.Identifier) -> sql.Composed:
    """Staged rows under the names of their table's columns, with those that the table generates."""
    names = _COMMA.join(
        sql.SQL("{} AS {}").format(sql.Identifier(f"c{p}"), sql.Identifier(table.columns[p].name))
        for p in range(len(table.columns))
    )
    rows = sql.SQL("(SELECT ctid AS stage_place, {} FROM {}) AS r").format(names, stage)
    staged = {column.name for column in table.columns}
    generated = [
        sql.SQL(", CAST(({}) AS {}){} AS {}").format(
            raw(column.expression), raw(column.type_text), collate(column.collation), sql.Identifier(column.name)
        )
        for column in table.generated
        if column.name not in staged
    ]
    if not generated:
        return rows
    return sql.SQL("(SELECT r.*{} FROM {}) AS g").format(sql.SQL("").join(generated), rows)
