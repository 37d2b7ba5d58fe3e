"""The text of the check of deferrable constraints; that PostgreSQL takes it is tested with the apply."""

from __future__ import annotations

import pytest
from psycopg import sql

from consumers.apply.deferred import find_conflict
from consumers.apply.table import Column, DeferredConstraint, DeferredElement, GeneratedColumn, Table

EQUALS = ("pg_catalog", "=")


def constraint(*, nulls_conflict: bool = False, predicate: str | None = None) -> DeferredConstraint:
    elements = (
        DeferredElement(expression="a", operator=EQUALS, collation=None),
        DeferredElement(expression="lower(b)", operator=("public", "&&"), collation=("public", "C")),
    )
    return DeferredConstraint(name="k", elements=elements, predicate=predicate, nulls_conflict=nulls_conflict)


def table(*generated: GeneratedColumn) -> Table:
    columns = tuple(
        Column(
            name=name, type_text="text", cast=("pg_catalog", "text"), collation=None, is_generated=False,
            is_identity=False, is_identity_always=False,
        )
        for name in "ab"
    )  # fmt: skip
    return Table(schema="s", name="t", columns=columns, generated=generated, key=(), guard=(), deferred=())


def text(one: DeferredConstraint, stage: str | None = None) -> str:
    return find_conflict(table(), one, None if stage is None else sql.Identifier(stage)).as_string(None)


def test_whole_tables_are_compared_with_themselves() -> None:
    found = text(constraint())
    assert found.count('FROM ONLY "s"."t"') == 2
    assert "WHERE a.place <> b.place" in found
    assert '"a"."e0" OPERATOR("pg_catalog".=) "b"."e0" AND "a"."e1" OPERATOR("public".&&) "b"."e1"' in found
    assert 'COLLATE "public"."C"' in found


def test_staged_rows_are_compared_with_the_table() -> None:
    found = text(constraint(), "stage")
    assert found.count('FROM ONLY "s"."t"') == 1
    assert 'SELECT ctid AS stage_place, "c0" AS "a", "c1" AS "b" FROM "stage"' in found


def test_generated_columns_are_made_of_staged_ones() -> None:
    both = GeneratedColumn(name="both", type_text="text", collation=("public", "C"), expression="(a || b)")
    found = find_conflict(table(both), constraint(), sql.Identifier("stage")).as_string(None)
    assert 'SELECT r.*, CAST(((a || b)) AS text) COLLATE "public"."C" AS "both" FROM (SELECT ctid' in found


@pytest.mark.parametrize("stage", [None, "stage"])
def test_only_rows_of_the_predicate_count(stage: str | None) -> None:
    found = text(constraint(predicate="a > 1"), stage)
    assert found.count(" WHERE a > 1)") == 2


def test_nulls_conflict_only_where_they_are_not_distinct() -> None:
    assert "IS NULL" not in text(constraint())
    assert '("a"."e0" OPERATOR("pg_catalog".=) "b"."e0" OR ("a"."e0" IS NULL AND "b"."e0" IS NULL))' in text(
        constraint(nulls_conflict=True)
    )
