"""Histories of a register, applied as sets, row by row and transaction by transaction, leave an equal standby."""

# ruff: noqa: E501 (a history reads as one table)

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.support.register_pair import RegisterPair, Transaction, connect, register_pair
from tests.support.system import PlainPostgres

BIG = "repeat('0123456789', 50)"
SETS, ROWS = 0, 10**9


@dataclass(frozen=True)
class History:
    """Tables and what happened to them: one tuple of statements per transaction."""

    tables: tuple[str, ...]
    transactions: tuple[tuple[str, ...], ...]
    version: int = 15


HISTORIES = {
    "numeric_key_changes_scale": History(
        ("CREATE TABLE t (k numeric PRIMARY KEY, v text)",),
        (
            ("INSERT INTO t VALUES (1.0, 'a'), (2, 'b'), (3.10, 'c')",),
            ("UPDATE t SET k = 1.00 WHERE k = 1", "UPDATE t SET v = 'x' WHERE k = 1.000"),
            ("DELETE FROM t WHERE k = 3.1", "INSERT INTO t VALUES (3.100, 'again')"),
            ("UPDATE t SET k = 2.00 WHERE k = 2.0",),
            ("DELETE FROM t WHERE k = 2",),
        ),
    ),
    "keys_without_canonical_text": History(
        (
            "CREATE EXTENSION citext",
            "CREATE TABLE c (k citext PRIMARY KEY, v int)",
            "CREATE TABLE p (k char(8) PRIMARY KEY, v int)",
            "CREATE TABLE i (k interval PRIMARY KEY, v int)",
            "CREATE TABLE f (k float8 PRIMARY KEY, v int)",
            "CREATE TABLE a (k numeric[], j int, PRIMARY KEY (j, k))",
            "CREATE TABLE r (k int4range PRIMARY KEY, v int)",
        ),
        (
            (
                "INSERT INTO c VALUES ('Anna', 1), ('BERT', 2)",
                "INSERT INTO p VALUES ('x', 1), ('y ', 2)",
                "INSERT INTO i VALUES ('1 day', 1), ('1 mon', 2)",
                "INSERT INTO f VALUES (0, 1), ('NaN', 2), (1e300, 3)",
                "INSERT INTO a VALUES ('{1.0,2}', 1)",
                "INSERT INTO r VALUES ('[1,3]', 1)",
            ),
            (
                "UPDATE c SET k = 'ANNA', v = 5 WHERE k = 'anna'",
                "UPDATE p SET v = 7 WHERE k = 'x'",
                "UPDATE i SET k = '24 hours' WHERE k = '1 day'",
                "UPDATE f SET k = '-0' WHERE k = 0",
                "UPDATE a SET k = '{1.00,2.0}'",
                "UPDATE r SET k = '[1,9]'",
            ),
            (
                "DELETE FROM c WHERE k = 'bert'",
                "INSERT INTO c VALUES ('Bert', 3)",
                "UPDATE i SET v = 9 WHERE k = '1 day'",
                "DELETE FROM f WHERE k = 0",
                "INSERT INTO f VALUES (0, 4)",
                "UPDATE f SET v = 8 WHERE k = 'NaN'",
                "UPDATE r SET v = 2",
            ),
        ),
    ),
    "collation_that_ignores_case": History(
        (
            "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
            "CREATE TABLE t (k text COLLATE ci PRIMARY KEY, v text COLLATE ci)",
            "CREATE TABLE x (k text COLLATE ci NOT NULL, v int)",
            'CREATE UNIQUE INDEX x_k ON x (k COLLATE "C")',
            "ALTER TABLE x REPLICA IDENTITY USING INDEX x_k",
        ),
        (
            ("INSERT INTO t SELECT 'key' || g, 'v' FROM generate_series(1, 50) g", "INSERT INTO x VALUES ('a', 1), ('A', 2)"),
            ("UPDATE t SET k = upper(k) WHERE k < 'KEY20'", "UPDATE x SET v = 3 WHERE v = 2"),
            ("DELETE FROM t WHERE k = 'key1'", "INSERT INTO t VALUES ('Key1', 'w')", "DELETE FROM x WHERE v = 1"),
            ("UPDATE t SET v = 'V'", "UPDATE x SET k = 'a', v = 4"),
        ),
    ),
    "names_of_every_kind": History(
        (
            'CREATE SCHEMA "Ämt %s"',
            """CREATE TYPE "Ämt %s"."Größe %" AS ENUM ('klein "', 'groß,')""",
            """CREATE TABLE "Ämt %s"."T ""q"" {x}" ("%" int, "a"".b" text, "select" "Ämt %s"."Größe %",
               c0 int, kind int, pattern int, t int, s int, "$1" int, PRIMARY KEY ("%", "a"".b"))""",
        ),
        (
            (
                """INSERT INTO "Ämt %s"."T ""q"" {x}" VALUES (1, 'a', 'groß,', 1, 2, 3, 4, 5, 6)""",
                """INSERT INTO "Ämt %s"."T ""q"" {x}" VALUES (2, 'b', 'klein "', 1, 2, 3, 4, 5, 6)""",
            ),
            ("""UPDATE "Ämt %s"."T ""q"" {x}" SET kind = 7, "$1" = 8, "select" = 'klein "'""",),
            ("""UPDATE "Ämt %s"."T ""q"" {x}" SET "a"".b" = 'c' WHERE "%" = 2""",),
            ("""DELETE FROM "Ämt %s"."T ""q"" {x}" WHERE "%" = 1""",),
        ),
    ),
    "second_unique_value_wanders": History(
        ("CREATE TABLE t (id int PRIMARY KEY, code text UNIQUE, v int)",),
        (
            ("INSERT INTO t SELECT g, 'code' || g, 0 FROM generate_series(1, 60) g",),
            ("UPDATE t SET code = NULL WHERE id = 1", "UPDATE t SET code = 'code1' WHERE id = 2"),
            ("UPDATE t SET code = 'code2' WHERE id = 1", "UPDATE t SET v = v + 1"),
            ("DELETE FROM t WHERE id = 3", "INSERT INTO t VALUES (100, 'code3', 1)"),
            ("UPDATE t SET code = 'other' WHERE id = 100", "INSERT INTO t VALUES (3, 'code3', 9)"),
            ("DELETE FROM t WHERE id = 4", "UPDATE t SET code = 'code4' WHERE id = 5"),
        ),
    ),
    "partial_and_expression_indexes": History(
        (
            "CREATE TABLE t (id int PRIMARY KEY, mail text, live bool, doc text)",
            "CREATE UNIQUE INDEX ON t (lower(mail)) WHERE live",
            "CREATE UNIQUE INDEX ON t (doc) NULLS NOT DISTINCT",
        ),
        (
            (f"INSERT INTO t SELECT g, 'Mail' || g, true, g || {BIG} FROM generate_series(1, 50) g",),
            ("UPDATE t SET live = false WHERE id = 1", "UPDATE t SET mail = 'MAIL1' WHERE id = 2"),
            ("UPDATE t SET mail = 'x' WHERE id = 2", "UPDATE t SET live = true WHERE id = 1"),
            ("UPDATE t SET doc = NULL WHERE id = 3",),
            ("UPDATE t SET doc = 'd' WHERE id = 3", "UPDATE t SET doc = NULL, mail = 'n' WHERE id = 4"),
        ),
    ),
    "exclusion_constraint": History(
        (
            "CREATE EXTENSION btree_gist",
            ("CREATE TABLE t (id int PRIMARY KEY, room int, during int4range, "
            "EXCLUDE USING gist (room WITH =, during WITH &&))"),
        ),
        (
            ("INSERT INTO t SELECT g, g % 3, int4range(g * 10, g * 10 + 30) FROM generate_series(1, 60) g",),
            ("UPDATE t SET during = int4range(1000, 2000) WHERE id = 1", "UPDATE t SET room = 7 WHERE id = 4"),
            ("UPDATE t SET during = int4range(10, 40) WHERE id = 4", "UPDATE t SET room = 1 WHERE id = 4"),
            ("DELETE FROM t WHERE id = 5", "INSERT INTO t VALUES (500, 2, int4range(50, 80))"),
        ),
    ),
    "deferrable_unique_swaps": History(
        ("CREATE TABLE t (id int PRIMARY KEY, place int UNIQUE DEFERRABLE INITIALLY DEFERRED, v text)",),
        (
            ("INSERT INTO t SELECT g, g, 'v' FROM generate_series(1, 50) g",),
            ("UPDATE t SET place = 51 - place",),
            ("UPDATE t SET place = 2 WHERE id = 50", "UPDATE t SET place = 1 WHERE id = 49"),
            ("INSERT INTO t VALUES (60, 7, 'x')", "UPDATE t SET place = 60 WHERE place = 7 AND id <> 60"),
            ("UPDATE t SET place = NULL WHERE id < 10",),
        ),
    ),
    "deferrable_exclusion": History(
        (
            ("CREATE TABLE t (id int PRIMARY KEY, during int4range, doc text, "
            "EXCLUDE USING gist (during WITH &&) WHERE (id > 0) DEFERRABLE INITIALLY DEFERRED)"),
        ),
        (
            (f"INSERT INTO t SELECT g, int4range(g * 10, g * 10 + 10), {BIG} FROM generate_series(1, 50) g",),
            ("UPDATE t SET during = int4range(lower(during) + 5, upper(during) + 5)",),
            ("UPDATE t SET id = -id WHERE id = 7", "INSERT INTO t VALUES (70, int4range(76, 80), 'x')"),
        ),
    ),
    "deferrable_exclusion_of_generated": History(
        (
            ("CREATE TABLE t (id int PRIMARY KEY, a int, room text, during int4range GENERATED ALWAYS AS "
            '(int4range(a, a + 10)) STORED, door text COLLATE "C" GENERATED ALWAYS AS (upper(room)) STORED, '
            "EXCLUDE USING gist (during WITH &&) WHERE (door > 'M') DEFERRABLE INITIALLY DEFERRED)"),
        ),
        (
            ("INSERT INTO t SELECT g, g * 10, chr(97 + g % 26) FROM generate_series(1, 50) g",),
            ("UPDATE t SET a = a + 5", "UPDATE t SET a = 520 - a"),
            ("UPDATE t SET a = 65 WHERE id = 20", "UPDATE t SET room = 'b' WHERE id IN (19, 20)", "DELETE FROM t WHERE id = 7"),
        ),
    ),
    "deferrable_primary_key": History(
        (
            "CREATE TABLE t (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v text)",
            "ALTER TABLE t REPLICA IDENTITY FULL",
        ),
        (
            ("INSERT INTO t SELECT g, 'v' FROM generate_series(1, 50) g",),
            ("UPDATE t SET id = id + 1",),
            ("UPDATE t SET id = 53 - id", "DELETE FROM t WHERE id > 40"),
        ),
    ),
    "rows_that_look_alike": History(
        (
            "CREATE TABLE t (a int, b json, c point, d text)",
            "ALTER TABLE t REPLICA IDENTITY FULL",
        ),
        (
            ("""INSERT INTO t SELECT g % 3, '{"a": 1}', '(1,2)', 'x' FROM generate_series(1, 60) g""",),
            ("DELETE FROM t WHERE ctid IN (SELECT ctid FROM t WHERE a = 1 LIMIT 2)",),
            ("UPDATE t SET a = 1 WHERE ctid IN (SELECT ctid FROM t WHERE a = 2 LIMIT 3)",),
            ("""INSERT INTO t VALUES (NULL, NULL, NULL, ''), (NULL, NULL, NULL, NULL)""",),
            ("UPDATE t SET b = '[1]' WHERE d = ''", "DELETE FROM t WHERE d IS NULL"),
            ("UPDATE t SET d = 'y' WHERE a = 1", "UPDATE t SET d = 'z' WHERE a = 1", "DELETE FROM t WHERE a = 0"),
        ),
    ),
    "whole_rows_of_odd_types": History(
        (
            "CREATE TABLE t (a bool, b char(5), c inet, d bytea, e numeric(8,3), f timestamptz, g text[], h interval)",
            "ALTER TABLE t REPLICA IDENTITY FULL",
        ),
        (
            (
                """INSERT INTO t SELECT g % 2 = 0, 'x', '10.0.0.1', '\\x00ff', 1.5, '2024-01-01', '{a,NULL,"b c"}', '1 day'
                   FROM generate_series(1, 50) g""",
            ),
            ("DELETE FROM t WHERE ctid IN (SELECT ctid FROM t LIMIT 5)",),
            ("UPDATE t SET b = ' y', f = 'infinity' WHERE a",),
            ("UPDATE t SET c = '::1/64' WHERE NOT a", "DELETE FROM t WHERE a"),
        ),
    ),
    "large_values_stay": History(
        ("CREATE TABLE t (id int PRIMARY KEY, doc text, other text, v int)",),
        (
            (f"INSERT INTO t SELECT g, g || {BIG}, g || {BIG}, 0 FROM generate_series(1, 50) g",),
            ("UPDATE t SET v = 1", "UPDATE t SET v = 2, doc = 'small' WHERE id = 3", "UPDATE t SET v = 3 WHERE id = 3"),
            ("UPDATE t SET id = 1000 WHERE id = 1", "UPDATE t SET v = 9 WHERE id = 1000"),
            (f"UPDATE t SET other = 'new' || {BIG} WHERE id = 1000", "UPDATE t SET id = 1 WHERE id = 1000"),
        ),
    ),
    "keys_swap_and_rotate_with_large_values": History(
        ("CREATE TABLE t (id int PRIMARY KEY, doc text, code text UNIQUE)",),
        (
            (f"INSERT INTO t SELECT g, g || {BIG}, 'c' || g || {BIG} FROM generate_series(1, 50) g",),
            (
                "UPDATE t SET id = -1 WHERE id = 1",
                "UPDATE t SET id = 1 WHERE id = 2",
                "UPDATE t SET id = 2 WHERE id = -1",
            ),
            (
                "UPDATE t SET id = -id WHERE id <= 5",
                "UPDATE t SET id = (-id % 5) + 1 WHERE id < 0",
                "DELETE FROM t WHERE id = 3",
            ),
            ("UPDATE t SET id = 3 WHERE id = 50", "UPDATE t SET doc = 'x' WHERE id = 3"),
            ("UPDATE t SET id = id + 100",),
            ("DELETE FROM t WHERE id = 110", "UPDATE t SET id = 110 WHERE id = 111"),
        ),
    ),
    "one_row_a_thousand_times": History(
        ("CREATE TABLE t (id int PRIMARY KEY, v int, doc text)",),
        (
            (f"INSERT INTO t VALUES (1, 0, {BIG}), (2, 0, NULL)",),
            ("DO $$ BEGIN FOR i IN 1..1000 LOOP UPDATE t SET v = i WHERE id = 1; END LOOP; END $$",),
            ("DO $$ BEGIN FOR i IN 1..50 LOOP DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (2, i); END LOOP; END $$",),
        ),
    ),
    "come_and_gone": History(
        ("CREATE TABLE t (id int PRIMARY KEY, v text)",),
        (
            ("INSERT INTO t SELECT g, 'v' FROM generate_series(1, 60) g", "DELETE FROM t WHERE id > 50"),
            ("INSERT INTO t VALUES (99, 'a')", "UPDATE t SET v = 'b' WHERE id = 99", "DELETE FROM t WHERE id = 99"),
            ("DELETE FROM t WHERE id = 1", "INSERT INTO t VALUES (1, 'back')", "UPDATE t SET v = 'x' WHERE id = 1"),
            ("DELETE FROM t WHERE id = 2", "INSERT INTO t VALUES (2, 'back')", "DELETE FROM t WHERE id = 2"),
        ),
    ),
    "truncates": History(
        (
            "CREATE TABLE a (id int PRIMARY KEY, v int)",
            "CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a)",
            "CREATE TABLE c (v int)",
        ),
        (
            ("INSERT INTO a SELECT g, 0 FROM generate_series(1, 50) g", "INSERT INTO b SELECT g, g FROM generate_series(1, 50) g"),
            ("INSERT INTO c VALUES (1)", "TRUNCATE c", "INSERT INTO c VALUES (2)"),
            ("UPDATE a SET v = 1", "TRUNCATE a, b", "INSERT INTO a VALUES (1, 5)", "INSERT INTO b VALUES (9, 1)"),
            ("TRUNCATE a CASCADE",),
            ("INSERT INTO a VALUES (2, 5)", "TRUNCATE b", "TRUNCATE a CASCADE", "INSERT INTO a VALUES (3, 5)"),
            ("TRUNCATE c", "TRUNCATE c"),
        ),
    ),
    "identity_columns": History(
        (
            "CREATE TABLE k (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text)",
            "CREATE TABLE n (id int PRIMARY KEY, seq int GENERATED ALWAYS AS IDENTITY, v text)",
            "CREATE TABLE d (id int GENERATED BY DEFAULT AS IDENTITY, v text UNIQUE NOT NULL)",
            "ALTER TABLE d REPLICA IDENTITY FULL",
        ),
        (
            ("INSERT INTO k (v) SELECT 'v' FROM generate_series(1, 50)", "INSERT INTO d (v) SELECT g FROM generate_series(1, 50) g"),
            ("INSERT INTO n (id, v) SELECT g, 'v' FROM generate_series(1, 50) g",),
            ("UPDATE k SET v = 'w' WHERE id < 20", "UPDATE n SET v = 'w' WHERE id < 20", "UPDATE d SET id = id + 100"),
            ("UPDATE k SET id = DEFAULT WHERE id = 1", "UPDATE n SET seq = DEFAULT WHERE id < 5", "UPDATE d SET v = 'x' WHERE id = 101"),
            ("INSERT INTO k (id, v) OVERRIDING SYSTEM VALUE VALUES (1, 'back')", "DELETE FROM d WHERE v = 'x'"),
        ),
    ),
    "generated_columns": History(
        (
            "CREATE TABLE t (id int PRIMARY KEY, a int, b int GENERATED ALWAYS AS (a * 2) STORED UNIQUE)",
            "CREATE TABLE k (a int, b int)",
        ),
        (
            ("INSERT INTO t (id, a) SELECT g, g FROM generate_series(1, 50) g",),
            ("UPDATE t SET a = 100 WHERE id = 1", "UPDATE t SET a = 1 WHERE id = 2", "UPDATE t SET a = 2 WHERE id = 1"),
            ("DELETE FROM t WHERE id = 3",),
        ),
    ),
    "generated_key": History(
        ("CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * 2) STORED PRIMARY KEY, v text)",),
        (
            ("INSERT INTO t (a, v) SELECT g, 'v' FROM generate_series(1, 50) g",),
            ("UPDATE t SET v = 'w' WHERE a < 9", "UPDATE t SET a = 99 WHERE a = 3", "DELETE FROM t WHERE a = 4"),
        ),
        version=18,
    ),
    "virtual_columns_and_temporal_keys": History(
        (
            "CREATE EXTENSION btree_gist",
            ("CREATE TABLE t (id int, during int4range, v text, w int GENERATED ALWAYS AS (id + 1) VIRTUAL, "
            "PRIMARY KEY (id, during WITHOUT OVERLAPS))"),
        ),
        (
            ("INSERT INTO t SELECT g % 5, int4range(g, g + 5), 'v' FROM generate_series(1, 50) g",),
            ("UPDATE t SET v = 'w' WHERE id = 1", "UPDATE t SET during = int4range(lower(during), lower(during) + 2) WHERE id = 2"),
            ("DELETE FROM t WHERE id = 3 AND lower(during) < 20", "INSERT INTO t VALUES (3, int4range(0, 9), 'x')"),
        ),
        version=18,
    ),
    "leaves_of_partitions": History(
        (
            "CREATE TABLE t (id int, region text, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region)",
            "CREATE TABLE t_north PARTITION OF t FOR VALUES IN ('north')",
            "CREATE TABLE t_south PARTITION OF t FOR VALUES IN ('south') PARTITION BY RANGE (id)",
            "CREATE TABLE t_south_1 PARTITION OF t_south FOR VALUES FROM (0) TO (100)",
            "CREATE TABLE t_rest PARTITION OF t DEFAULT",
        ),
        (
            (f"INSERT INTO t SELECT g, (ARRAY['north', 'south', 'x'])[g % 3 + 1], {BIG} FROM generate_series(1, 90) g",),
            ("UPDATE t SET region = 'south' WHERE region = 'north' AND id < 30", "UPDATE t SET v = 'w' WHERE id % 2 = 0"),
            ("DELETE FROM t WHERE region = 'x' AND id < 20", "TRUNCATE t_north"),
        ),
    ),
    "parents_and_children": History(
        (
            "CREATE TABLE p (id int PRIMARY KEY, v text)",
            "CREATE TABLE c (extra int, PRIMARY KEY (id)) INHERITS (p)",
        ),
        (
            ("INSERT INTO p SELECT g, 'p' FROM generate_series(1, 50) g", "INSERT INTO c SELECT g, 'c', 1 FROM generate_series(1, 50) g"),
            ("UPDATE p SET v = 'w' WHERE id < 10", "DELETE FROM ONLY p WHERE id = 20"),
            ("TRUNCATE ONLY p",),
        ),
    ),
    "text_of_every_kind": History(
        ("CREATE TABLE t (id int PRIMARY KEY, a text, b text)", "CREATE TABLE one (a text)"),
        (
            (
                r"""INSERT INTO t SELECT row_number() OVER (), x, y FROM unnest(ARRAY['', NULL, E'\\.', E'a\n\\.\nb', '"', 'a"b',
                   E'a\r\nb', E'\r', E'\n', E'\\N', 'NULL', ' x ', E'\t', ',', '''', 'é😀', E'\x01', 'ﷺ', '{}', '$1', '%s']) x,
                   unnest(ARRAY['', NULL, E'\\.', E'\n']) y""",
                r"INSERT INTO one VALUES (''), (NULL), (E'\\.'), (E'\n\\.\n'), ('x')",
            ),
            ("UPDATE t SET a = b, b = a", r"INSERT INTO one SELECT NULL FROM generate_series(1, 50)"),
            ("DELETE FROM t WHERE a IS NULL",),
        ),
    ),
    "full_identity_beside_a_key": History(
        (
            "CREATE TABLE t (id int PRIMARY KEY, doc text, v int)",
            "ALTER TABLE t REPLICA IDENTITY FULL",
            "CREATE TABLE u (code text NOT NULL UNIQUE, v int)",
            "ALTER TABLE u REPLICA IDENTITY FULL",
        ),
        (
            (f"INSERT INTO t SELECT g, {BIG}, 0 FROM generate_series(1, 50) g", "INSERT INTO u SELECT g, 0 FROM generate_series(1, 50) g"),
            ("UPDATE t SET v = 1", "UPDATE t SET id = id + 100 WHERE id < 5", "UPDATE u SET code = 'c' || code WHERE v = 0"),
            ("UPDATE u SET code = '1' WHERE code = 'c2'", "UPDATE u SET code = 'c2' WHERE code = 'c1'", "DELETE FROM t WHERE id = 101"),
        ),
    ),
    "identity_is_another_index": History(
        (
            "CREATE TABLE t (id int PRIMARY KEY, code text NOT NULL, doc text)",
            'CREATE UNIQUE INDEX t_code ON t (code COLLATE "C")',
            "ALTER TABLE t REPLICA IDENTITY USING INDEX t_code",
        ),
        (
            (f"INSERT INTO t SELECT g, 'c' || g, {BIG} FROM generate_series(1, 50) g",),
            ("UPDATE t SET id = id + 100 WHERE id = 50", "UPDATE t SET id = -id WHERE id < 5"),
            ("UPDATE t SET code = 'x' WHERE id = 6", "UPDATE t SET id = 1 WHERE id = -2", "DELETE FROM t WHERE code = 'c7'"),
        ),
    ),
    "domains_and_composites": History(
        (
            "CREATE DOMAIN code AS char(6) NOT NULL CHECK (value <> 'bad')",
            "CREATE DOMAIN inner_code AS code",
            "CREATE TYPE address AS (street text, number numeric(6,2))",
            "CREATE TABLE t (id inner_code PRIMARY KEY, doc code, home address, tags inner_code[])",
        ),
        (
            ("INSERT INTO t SELECT g, 'x', ROW('a,\"b', g)::address, ARRAY['a','b']::inner_code[] FROM generate_series(1, 50) g",),
            ("UPDATE t SET doc = 'y' WHERE id < '3'", "UPDATE t SET id = 'n' || id::text WHERE id < '2'", "DELETE FROM t WHERE id = '7'"),
        ),
    ),
    "values_at_the_edges_of_types": History(
        (
            ("CREATE TABLE t (id uuid PRIMARY KEY, a numeric, b float8, c timestamptz, d date, e interval, f bytea, g jsonb, "
            'h bit(3), i varbit, j tsvector, k money, l int8multirange, m macaddr, n "char", o float4, p time)'),
        ),
        (
            (
                """INSERT INTO t SELECT gen_random_uuid(), 'NaN', '-0', '-infinity', '4713-01-01 BC', '-1 year 2 mons -3 days',
                   '\\xdeadbeef', '{"a": [1.10, null]}', '101', '1', 'a:1 b:2A', '-12.34', '{[1,3),[5,9)}', '08:00:2b:01:02:03',
                   'x', 1e-40, '24:00' FROM generate_series(1, 50)""",
                "INSERT INTO t (id, a, b) VALUES (gen_random_uuid(), 1e-300, 1.7976931348623157e308)",
            ),
            ("UPDATE t SET a = 1.0 WHERE b = 0", "UPDATE t SET c = '294276-12-31 23:59:59.999999', e = NULL WHERE a = 1"),
            ("DELETE FROM t WHERE a = 1",),
        ),
    ),
}  # fmt: skip


def one_by_one(all_: list[Transaction]) -> list[list[Transaction]]:
    return [[transaction] for transaction in all_]


def at_once(all_: list[Transaction]) -> list[list[Transaction]]:
    return [all_]


@pytest.mark.parametrize(
    ("limit", "cut"),
    [(SETS, at_once), (ROWS, at_once), pytest.param(SETS, one_by_one, marks=pytest.mark.campaign)],
)
@pytest.mark.parametrize("name", HISTORIES)
def test_history_leaves_equal_standby(
    postgres: PlainPostgres, name: str, limit: int, cut: Callable[[list[Transaction]], list[list[Transaction]]]
) -> None:
    history = HISTORIES[name]
    if "icu" in str(history.tables) and not _has_icu(postgres):
        pytest.skip("this PostgreSQL is built without ICU")
    if _version(postgres) < history.version:
        pytest.skip(f"needs PostgreSQL {history.version}")
    with register_pair(postgres.dsn, *history.tables) as pair:
        _run(pair, history)
        pair.apply(row_path_count_max=limit, cut=cut)
        pair.assert_equal()


def _version(postgres: PlainPostgres) -> int:
    with connect(postgres.dsn()) as connection:
        return connection.info.server_version // 10000


def _has_icu(postgres: PlainPostgres) -> bool:
    with connect(postgres.dsn()) as connection:
        row = connection.execute("SELECT count(*) FROM pg_collation WHERE collprovider = 'i' AND collname = 'de-x-icu'")
        return row.fetchone() == (1,)


def _run(pair: RegisterPair, history: History) -> None:
    for statements in history.transactions:
        pair.run(*statements)
