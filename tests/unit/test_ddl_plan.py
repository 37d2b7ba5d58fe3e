"""The planner: one statement that is proven to be the cause, or a stop."""

from __future__ import annotations

import json
from typing import Any

import pytest

from consumers.apply.ddl.defaults import with_stored_values
from consumers.apply.ddl.plan import Nothing, Replay, Step, Stop, plan
from consumers.apply.ddl.rows import Noted, Reader, UnreadableRow
from consumers.apply.ddl.settings import plain_settings, settings_for, standby_path
from consumers.apply.ddl.tokens import split


def row(number: int, event: str, tag: str, text: str | None, **more: Any) -> dict[str, str | None]:
    details = {"objects": more.pop("objects", []), "definitions": more.pop("definitions", None), "major": 18}
    return {
        "id": str(number), "transaction": "700", "event": event, "tag": tag, "statement": text,
        "statement_of": None if text is not None else str(more.pop("of", 1)), "search_path": '"$user", public',
        "role": "clerk", "settings": json.dumps({"standard_conforming_strings": "on", "DateStyle": "ISO, MDY"}),
        "details": json.dumps(details | more),
    }  # fmt: skip


def read(*rows: dict[str, str | None]) -> list[tuple[int, Noted]]:
    reader = Reader()
    return [(10 * place, reader.read(one)) for place, one in enumerate(rows, 1)]


def steps(*rows: dict[str, str | None], first: int | None = None) -> list[Step]:
    return plan(read(*rows), lambda _schema, _name: first)


def table(name: str) -> dict[str, Any]:
    return {"identity": f"public.{name}", "schema": "public", "address": ["table", ["public", name], []]}


def test_a_single_statement_is_replayed_at_its_place() -> None:
    (step,) = steps(row(1, "ddl_command_end", "ALTER TABLE", "ALTER TABLE a ADD b text;"))
    assert step.place == 10
    assert isinstance(step.action, Replay)
    assert step.action.text == "ALTER TABLE a ADD b text"


def test_events_of_one_command_are_one_step() -> None:
    (step,) = steps(
        row(1, "table_rewrite", "ALTER TABLE", "ALTER TABLE a ALTER b TYPE bigint, DROP c"),
        row(2, "sql_drop", "ALTER TABLE", None),
        row(3, "ddl_command_end", "ALTER TABLE", None),
    )
    assert step.unit.rewrites
    assert isinstance(step.action, Replay)
    assert step.action.evaluates is not None


def test_a_string_is_split_when_each_statement_has_its_row() -> None:
    text = "CREATE TABLE a (x int); INSERT INTO a VALUES (1); CREATE TEMP TABLE t (x int); DROP TABLE b"
    found = steps(
        row(1, "ddl_command_end", "CREATE TABLE", text, objects=[table("a")]),
        row(2, "sql_drop", "DROP TABLE", None, objects=[table("b")]),
    )
    assert [one.action.text for one in found if isinstance(one.action, Replay)] == [
        "CREATE TABLE a (x int)", "DROP TABLE b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("ALTER TABLE IF EXISTS a ADD x int; ALTER TABLE IF EXISTS a ADD y int", ["ALTER TABLE"]),
        ("CREATE TABLE a (x int); SELECT f(); CREATE TABLE b (x int)", ["CREATE TABLE"] * 3),
        ("CREATE TABLE a (x int); CREATE TABLE b (x int)", ["CREATE TABLE"]),
        ("CREATE TABLE a (x int)'", ["CREATE TABLE"]),
        (" ; ", ["CREATE TABLE"]),
        pytest.param("SELECT 1;" * 2001, ["CREATE TABLE"], id="too many statements"),
        ("BEGIN; ALTER TABLE a ADD x int; COMMIT; ALTER TABLE a ADD y int", ["ALTER TABLE"]),
    ],
)
def test_what_is_not_proven_stops(text: str, tags: list[str]) -> None:
    rows = [row(n, "ddl_command_end", tag, text if n == 1 else None) for n, tag in enumerate(tags, 1)]
    assert all(isinstance(step.action, Stop) for step in steps(*rows))


@pytest.mark.parametrize(
    ("tag", "text", "kind"),
    [
        ("GRANT", "GRANT SELECT ON a TO b", Nothing),
        ("ALTER TABLE", "ALTER TABLE a OWNER TO b", Nothing),
        ("ALTER TABLE", "ALTER TABLE a SET TABLESPACE b", Nothing),
        ("ALTER TABLE", "ALTER TABLE a ADD c int, OWNER TO b", Stop),
        ("CREATE SUBSCRIPTION", "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p", Nothing),
        ("CREATE FUNCTION", "CREATE FUNCTION f() RETURNS int LANGUAGE 'C' AS 'x', 'y'", Stop),
        ("CREATE LANGUAGE", "CREATE LANGUAGE x", Stop),
        ("IMPORT FOREIGN SCHEMA", "IMPORT FOREIGN SCHEMA x FROM SERVER y INTO z", Stop),
        ("CREATE FUNCTION", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", Replay),
        ("CREATE FUNCTION", "CREATE FUNCTION f(language c) RETURNS int LANGUAGE internal AS 'x'", Stop),
        ("CREATE PROCEDURE", "CREATE PROCEDURE f() BEGIN ATOMIC SELECT 1; END", Replay),
        ("ALTER TABLE", "ALTER TABLE a FORCE ROW LEVEL SECURITY", Stop),
        ("ALTER TABLE", "ALTER TABLE a NO FORCE ROW LEVEL SECURITY", Replay),
        ("ALTER TABLE", "ALTER TABLE a NO FORCE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY", Stop),
        ("ALTER TABLE", "DO $$ BEGIN ALTER TABLE a ADD b int; END $$", Stop),
        ("CREATE TABLE", "SELECT make_partition()", Stop),
    ],
)
def test_decisions(tag: str, text: str, kind: type) -> None:
    (step,) = steps(row(1, "ddl_command_end", tag, text))
    assert isinstance(step.action, kind)


def test_marks_and_cut_texts_stop() -> None:
    assert isinstance(steps(row(1, "mark", "ALTER TABLE", "ALTER TABLE a ADD b int"))[0].action, Stop)
    cut = row(1, "ddl_command_end", "ALTER TABLE", "ALTER TABLE a ADD b int", is_cut=True)
    assert isinstance(steps(cut)[0].action, Stop)


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE a ADD b timestamptz DEFAULT CURRENT_TIMESTAMP + random() * '1 day'::interval",
        "ALTER TABLE a ADD b serial",
        "ALTER TABLE a ALTER b TYPE date USING 'now'::date",
        "ALTER TABLE a SET LOGGED",
    ],
)
def test_rows_written_from_the_moment_stop(text: str) -> None:
    found = steps(row(1, "table_rewrite", "ALTER TABLE", text), row(2, "ddl_command_end", "ALTER TABLE", None))
    assert [type(step.action) for step in found] == [Stop]


def test_create_table_as_is_made_before_its_rows() -> None:
    definition = {"kind": "r", "persistence": "p", "columns": [{"name": 'a"b', "type": "integer", "collation": None}]}
    noted = row(
        1, "ddl_command_end", "CREATE TABLE AS", "CREATE TABLE a AS SELECT random()", objects=[table("a")],
        definitions=[definition],
    )  # fmt: skip
    (step,) = steps(noted, first=3)
    assert step.place == 3
    assert isinstance(step.action, Replay)
    assert step.action.text == 'CREATE TABLE public.a ("a""b" integer)'


@pytest.mark.parametrize(
    ("tag", "text", "becomes"),
    [
        ("CREATE INDEX", "CREATE INDEX CONCURRENTLY concurrently ON a (b) TABLESPACE x WHERE b > 1",
         "CREATE INDEX  concurrently ON a (b)  WHERE b > 1"),
        ("DROP INDEX", "DROP INDEX", "DROP INDEX"),
        ("DROP INDEX", "DROP INDEX /* x */ CONCURRENTLY IF EXISTS a", "DROP INDEX /* x */  IF EXISTS a"),
        ("ALTER TABLE", "ALTER TABLE a DETACH PARTITION b CONCURRENTLY", "ALTER TABLE a DETACH PARTITION b "),
        ("ALTER TABLE", "ALTER TABLE a DETACH PARTITION b FINALIZE", "ALTER TABLE a DETACH PARTITION b "),
        ("ALTER TABLE", "ALTER TABLE a DETACH PARTITION concurrently", "ALTER TABLE a DETACH PARTITION concurrently"),
        ("REFRESH MATERIALIZED VIEW", "REFRESH MATERIALIZED VIEW CONCURRENTLY a", "REFRESH MATERIALIZED VIEW  a"),
        ("CREATE SCHEMA", "CREATE SCHEMA AUTHORIZATION clerk", "CREATE SCHEMA  clerk"),
        ("CREATE SCHEMA", "CREATE SCHEMA a", "CREATE SCHEMA a"),
        ("CREATE TABLE", "CREATE TABLE a (tablespace b)", "CREATE TABLE a (tablespace b)"),
        ("CREATE SCHEMA", "CREATE SCHEMA s AUTHORIZATION clerk CREATE TABLE t (a int)",
         "CREATE SCHEMA s  CREATE TABLE t (a int)"),
        ("CREATE TABLE", "CREATE TABLE a (b int PRIMARY KEY USING INDEX TABLESPACE x) TABLESPACE y",
         "CREATE TABLE a (b int PRIMARY KEY ) "),
    ],
)  # fmt: skip
def test_what_names_home_is_taken_out(tag: str, text: str, becomes: str) -> None:
    (step,) = steps(row(1, "ddl_command_end", tag, text))
    assert isinstance(step.action, Replay)
    assert step.action.text == becomes


def test_rows_of_a_command_without_an_end_are_a_unit_of_their_own() -> None:
    text = "ALTER TABLE a ALTER b TYPE bigint; DROP TABLE c"
    found = steps(
        row(1, "table_rewrite", "ALTER TABLE", text),
        row(2, "sql_drop", "DROP TABLE", None, objects=[table("c")]),
    )
    assert [(one.place, type(one.action)) for one in found] == [(10, Stop), (20, Replay)]


def test_what_an_extension_does_is_one_step_behind_its_rows() -> None:
    text = "ALTER EXTENSION x UPDATE"
    (step,) = steps(
        row(1, "sql_drop", "DROP FUNCTION", text),
        row(2, "ddl_command_end", "ALTER FUNCTION", None),
        row(3, "ddl_command_end", "ALTER EXTENSION", None),
    )
    assert (step.place, len(step.unit.rows)) == (30, 3)
    assert isinstance(step.action, Replay)
    assert step.action.text == text


@pytest.mark.parametrize(
    ("event", "tag", "text", "schema"),
    [
        ("ddl_command_end", "CREATE TABLE", "CREATE TABLE embassy_local.a (b int)", "embassy_local"),
        ("sql_drop", "DROP TABLE", "DROP TABLE data_embassy.ddl", "data_embassy"),
    ],
)
def test_what_belongs_to_the_sites_themselves_stops(event: str, tag: str, text: str, schema: str) -> None:
    (step,) = steps(row(1, event, tag, text, objects=[table("a") | {"schema": schema}]))
    assert isinstance(step.action, Stop)


def test_a_statement_may_lack_what_the_catalog_cannot_tell() -> None:
    (step,) = steps(
        row(1, "ddl_command_end", "CREATE CAST", "SELECT 1; CREATE CAST (a AS b) WITHOUT FUNCTION; SELECT 2")
    )
    assert isinstance(step.action, Replay)
    assert step.action.text == "CREATE CAST (a AS b) WITHOUT FUNCTION"


def test_types_are_told_apart_in_a_string_of_many() -> None:
    text = "BEGIN; CREATE TYPE s.\"My t\" AS ENUM ('a'); CREATE TYPE other AS RANGE (subtype = date); SELECT 1; COMMIT"
    address = ["type", ['s."My t"'], []], ["type", ["public.other"], []]
    first, second = steps(
        row(1, "ddl_command_end", "CREATE TYPE", text, objects=[{"address": address[0]}]),
        row(2, "ddl_command_end", "CREATE TYPE", None, objects=[{"address": address[1]}]),
    )
    assert isinstance(first.action, Replay)
    assert isinstance(second.action, Replay)
    assert first.action.text == "CREATE TYPE s.\"My t\" AS ENUM ('a')"
    assert second.action.text == "CREATE TYPE other AS RANGE (subtype = date)"
    (unknown,) = steps(row(1, "ddl_command_end", "CREATE TYPE", text, objects=[{"address": ["type", ["s.t"], []]}]))
    assert isinstance(unknown.action, Stop)


@pytest.mark.parametrize(("tag", "text", "is_alone"), [
    ("CREATE TYPE", "CREATE TYPE t AS ENUM ('a')", True), ("CREATE TYPE", "CREATE TYPE t AS (value int)", False),
    ("ALTER TYPE", "ALTER TYPE t ADD VALUE IF NOT EXISTS 'b'", True), ("ALTER TYPE", "ALTER TYPE t RENAME TO u", False),
    ("ALTER TABLE", "ALTER TABLE t ADD value int", False),
])  # fmt: skip
def test_no_savepoint_lies_around_new_values_of_an_enum(tag: str, text: str, is_alone: bool) -> None:
    (step,) = steps(row(1, "ddl_command_end", tag, text))
    assert isinstance(step.action, Replay)
    assert step.action.is_alone is is_alone


@pytest.mark.parametrize(("text", "may_lack_role"), [
    ("COMMENT ON POLICY p ON t IS 'x'", True), ("COMMENT ON TABLE policy IS 'x'", False),
])  # fmt: skip
def test_a_comment_on_a_policy_may_lack_its_role(text: str, may_lack_role: bool) -> None:
    (step,) = steps(row(1, "ddl_command_end", "COMMENT", text))
    assert isinstance(step.action, Replay)
    assert step.action.may_lack_role is may_lack_role


def test_tables_that_got_full_identity_are_named_once() -> None:
    (step,) = steps(
        row(1, "table_rewrite", "ALTER TABLE", "ALTER TABLE a ALTER b TYPE bigint", identity={"full": ["public.a"]}),
        row(2, "ddl_command_end", "ALTER TABLE", None, identity={"full": ["public.a", "public.b"]}),
    )
    assert step.unit.full == ("public.a", "public.b")


@pytest.mark.parametrize("text", [
    "ALTER TABLE ONLY", "ALTER TABLE 1 ADD a int DEFAULT 1", "ALTER TABLE t ADD a int DEFAULT, ADD b int",
    "ALTER TABLE t ADD a int DEFAULT 1, ADD a int DEFAULT 2", "ALTER TABLE t ADD COLUMN",
])  # fmt: skip
def test_a_default_that_is_not_found_once_is_not_given_a_value(text: str) -> None:
    (statement,) = split(text)
    assert with_stored_values(statement, {"a": "1"}) is None


def test_stored_values_come_before_the_default() -> None:
    text = 'ALTER TABLE ONLY s."T" ADD COLUMN IF NOT EXISTS a timestamptz DEFAULT now() NOT NULL, ADD b int'
    (statement,) = split(text)
    assert with_stored_values(statement, {"a": "2026-01-01 00:00:00+00"}) == (
        (
            "ALTER TABLE ONLY s.\"T\" ADD COLUMN IF NOT EXISTS a timestamptz DEFAULT '2026-01-01 00:00:00+00' NOT NULL,"
            " ADD b int"
        ),
        ['ALTER TABLE s."T" ALTER COLUMN "a" SET DEFAULT now()'],
    )
    assert with_stored_values(statement, {"b": "1"}) is None


def test_search_path_is_that_of_the_role_with_staging_last() -> None:
    assert standby_path('"$user", public', 'cle"rk') == '"cle""rk", "public", "pg_temp"'
    assert standby_path("pg_temp, Public", "x") == '"pg_temp", "public"'
    assert standby_path("'My schema', '", "x") == '"pg_temp"'
    assert standby_path("'My schema'", "x") == '"My schema", "pg_temp"'


def test_a_statement_runs_under_the_settings_of_its_session() -> None:
    found = settings_for({"DateStyle": "German", "work_mem": "1GB", "enable_hashjoin": "off"}, "a", "clerk")
    assert found == plain_settings() | {"DateStyle": "German", "search_path": '"a", "pg_temp"'}
    assert found["check_function_bodies"] == "off"
    assert found["enable_hashjoin"] == "on"


@pytest.mark.parametrize("missing", ["details", "id", "event"])
def test_rows_of_another_form_are_refused(missing: str) -> None:
    with pytest.raises(UnreadableRow):
        Reader().read(row(1, "ddl_command_end", "ALTER TABLE", "x") | {missing: None})
