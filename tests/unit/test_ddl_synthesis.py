"""Statements made from what the register's catalog said; where it does not tell, none is made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from consumers.apply.ddl.rows import Noted, Reader
from consumers.apply.ddl.synthesis import literal, synthesize


def noted(
    tag: str, objects: Sequence[Mapping[str, Any]], definitions: Any = (), *, event: str = "ddl_command_end"
) -> Noted:
    return Reader().read(
        {
            "id": "1", "transaction": "7", "event": event, "tag": tag, "statement": "SELECT f()", "statement_of": None,
            "search_path": "public", "role": "clerk", "settings": "{}",
            "details": json.dumps({"objects": list(objects), "definitions": list(definitions), "major": 18}),
        }
    )  # fmt: skip


def made(tag: str, definition: Mapping[str, Any] | None, identity: str = "public.a") -> str | None:
    return synthesize([noted(tag, [{"identity": identity}], [definition])])


def dropped(*objects: tuple[str, str], original: bool = True) -> Noted:
    described = [{"type": kind, "identity": identity, "original": original} for kind, identity in objects]
    return noted("DROP", described, event="sql_drop")


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([dropped(("table", "public.a"), ("table", 'public."B"'))], 'DROP TABLE public.a, public."B" CASCADE'),
        ([dropped(("index", "a")), dropped(("index", "b"))], "DROP INDEX a, b CASCADE"),
        ([dropped(("trigger", "t on public.a"))], "DROP TRIGGER t on public.a CASCADE"),
        ([dropped(("trigger", "t on public.a"), ("trigger", "u on public.a"))], None),
        ([dropped(("table", "a"), ("view", "b"))], None),
        ([dropped(("default value", "for public.a.b"))], None),
        ([dropped(("table", "a"), original=False)], None),
        ([dropped(("table", "a")), noted("DROP TABLE", [])], None),
    ],
)
def test_drops(rows: list[Noted], text: str | None) -> None:
    assert synthesize(rows) == text


@pytest.mark.parametrize(
    ("tag", "definition", "text"),
    [
        ("CREATE INDEX", {"kind": "i", "index": "CREATE INDEX a ON b (c)"}, "CREATE INDEX a ON b (c)"),
        ("CREATE INDEX", {"kind": "i"}, None),
        ("CREATE FUNCTION", {"function": "CREATE OR REPLACE FUNCTION f"}, "CREATE OR REPLACE FUNCTION f"),
        ("CREATE VIEW", {"view": "SELECT 1"}, "CREATE OR REPLACE VIEW public.a AS SELECT 1"),
        ("CREATE VIEW", {"view": "SELECT 1", "options": ["security_barrier=true", "x"]},
         "CREATE OR REPLACE VIEW public.a WITH (security_barrier = 'true', x = '') AS SELECT 1"),
        ("CREATE VIEW", {"kind": "v"}, None),
        ("CREATE TRIGGER", {"trigger": "CREATE TRIGGER t"}, "CREATE TRIGGER t"),
        ("CREATE RULE", {"rule": "CREATE RULE r"}, "CREATE RULE r"),
        ("CREATE SCHEMA", {"kind": "n"}, "CREATE SCHEMA public.a"),
        ("CREATE TYPE", {"kind": "e", "labels": ["it's", "b"]}, "CREATE TYPE public.a AS ENUM ('it''s', 'b')"),
        ("CREATE TYPE", {"kind": "c"}, None),
        ("ALTER TABLE", {"kind": "r"}, None),
        ("CREATE SCHEMA", None, None),
    ],
)  # fmt: skip
def test_single_objects(tag: str, definition: dict[str, Any] | None, text: str | None) -> None:
    assert made(tag, definition) == text


def column(**more: Any) -> dict[str, Any]:
    return {"name": "c", "type": "integer"} | more


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        ({}, "CREATE TABLE public.a ()"),
        ({"persistence": "u", "columns": [column()]}, 'CREATE UNLOGGED TABLE public.a ("c" integer)'),
        ({"columns": [column(type="text", collation='"C"', default="'x'::text", not_null=True)]},
         "CREATE TABLE public.a (\"c\" text COLLATE \"C\" DEFAULT 'x'::text NOT NULL)"),
        ({"columns": [column(generated="s", default="(1 + 1)")]},
         'CREATE TABLE public.a ("c" integer GENERATED ALWAYS AS ((1 + 1)) STORED)'),
        ({"columns": [column(generated="v", default="1")]},
         'CREATE TABLE public.a ("c" integer GENERATED ALWAYS AS (1) VIRTUAL)'),
        ({"columns": [column()], "constraints": {'p"k': "PRIMARY KEY (c)"}},
         'CREATE TABLE public.a ("c" integer, CONSTRAINT "p""k" PRIMARY KEY (c))'),
        ({"columns": [column()], "options": ["fillfactor=70"]},
         "CREATE TABLE public.a (\"c\" integer) WITH (fillfactor = '70')"),
        ({"kind": "p", "columns": [column()], "partition_key": "LIST (c)"},
         'CREATE TABLE public.a ("c" integer) PARTITION BY LIST (c)'),
        ({"parents": ["public.p"], "partition_bound": "FOR VALUES IN (1)", "columns": [column()]},
         "CREATE TABLE public.a PARTITION OF public.p FOR VALUES IN (1)"),
        ({"parents": ["public.p"], "columns": [column()]}, None),
        ({"of_type": "public.t"}, None),
        ({"columns": [column(identity="a")]}, None),
        ({"kind": "f"}, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("tag", ["CREATE TABLE", "CREATE TABLE AS"])
def test_tables(tag: str, definition: dict[str, Any], text: str | None) -> None:
    assert made(tag, {"kind": "r", "persistence": "p"} | definition) == text


def test_a_table_comes_with_its_indexes_and_with_nothing_else() -> None:
    described = [{"identity": "public.a"}, {"identity": "public.a_c_key"}]
    table, index = {"kind": "r", "persistence": "p"}, {"kind": "i"}
    assert synthesize([noted("CREATE TABLE", described, [table, index])]) == "CREATE TABLE public.a ()"
    for other in (table, {"kind": "S"}, None):
        assert synthesize([noted("CREATE TABLE", described, [table, other])]) is None


def test_what_is_not_described_whole_is_not_made() -> None:
    described = [{"identity": "public.a"}, {"identity": "public.b"}]
    assert synthesize([noted("CREATE SCHEMA", described, [{}])]) is None
    assert synthesize([noted("CREATE SCHEMA", described, [{}, {}])]) is None
    assert synthesize([noted("CREATE SCHEMA", described[:1], [{}], event="table_rewrite")]) is None
    assert synthesize([noted("CREATE SCHEMA", described[:1], [{}])] * 2) is None


def test_backslashes_are_literal_under_any_setting() -> None:
    assert literal("a\\b'c") == "E'a\\\\b''c'"
