"""What reaches the home topic is what PostgreSQL holds: every type as its text, every name, every kind of change."""

from collections import Counter
from collections.abc import Iterator

import pytest

from deploy.local.machine import wait_until
from tests.support.captured_register import CapturedRegister, make_register
from tests.support.connect_worker import ConnectWorker
from tests.support.system import PlainPostgres

ODD = ('od.d "schema"', 'Ta.ble "x"')
KEYS = {("public", "person"): ("id",), ("public", "document"): ("id", "part"), ("public", "spatial_ref_sys"): ("srid",)}
TABLES = '''
    CREATE TYPE mood AS ENUM ('sad', 'it''s "ok"');
    CREATE DOMAIN positive AS int CHECK (value > 0);
    CREATE TYPE pair AS (a int, b text);
    CREATE TABLE person (id int PRIMARY KEY, name text DEFAULT 'nobody', born date, active boolean DEFAULT true);
    CREATE TABLE document (id int, part int, status text, body text, raw bytea, tags text[], PRIMARY KEY (id, part));
    ALTER TABLE document ALTER body SET STORAGE EXTERNAL, ALTER raw SET STORAGE EXTERNAL,
        ALTER tags SET STORAGE EXTERNAL;
    CREATE TABLE spatial_ref_sys (srid int PRIMARY KEY, proj text);
    CREATE TABLE log (at timestamptz, line text, big text);
    ALTER TABLE log ALTER big SET STORAGE EXTERNAL;
    ALTER TABLE log REPLICA IDENTITY FULL;
    CREATE SCHEMA "od.d ""schema""";
    CREATE TABLE "od.d ""schema"""."Ta.ble ""x""" ("a.b" int, "A.B" text, "c""d" text, "früh" text);
    ALTER TABLE "od.d ""schema"""."Ta.ble ""x""" REPLICA IDENTITY FULL;
    CREATE TABLE nothing ();
    ALTER TABLE nothing REPLICA IDENTITY FULL;
    CREATE TABLE every_type (
        n int, b boolean, c "char", f4 float4, f8 float8, num numeric, mon money, by bytea, ch char(5), vc varchar(9),
        d date, t time, tz timetz, ts timestamp, tstz timestamptz, iv interval, u uuid, j json, jb jsonb,
        bi bit(5), vb varbit, ip inet, ci cidr, mac macaddr, pt point, bx box, po polygon, ci2 circle, ln line,
        ir int4range, nmr nummultirange, tv tsvector, tq tsquery, e mood, dom positive, comp pair, lsn pg_lsn,
        reg regclass, ia int[], ta text[], na numeric[], iva interval[], ea mood[], tsa timestamptz[], ca pair[],
        nm name, o oid, x8 xid8, jp jsonpath);
    ALTER TABLE every_type REPLICA IDENTITY FULL;
'''


@pytest.fixture(scope="module")
def register(postgres: PlainPostgres, worker: ConnectWorker) -> Iterator[CapturedRegister]:
    made = make_register("exact", worker, postgres, tables=TABLES, keys=KEYS)
    made.apply()
    made.wait_for("RUNNING")
    yield made
    made.remove()


def test_every_type_arrives_as_postgresql_text(register: CapturedRegister) -> None:
    register.execute(
        "INSERT INTO every_type DEFAULT VALUES",
        "INSERT INTO every_type VALUES (-1, true, 'x', '1e20', '1e-05', 'NaN', '-12.34', '\\x00ff', 'ab', 'cd',"
        " 'infinity', '24:00', '12:34:56.7+03', 'infinity', '-infinity', '-1 year 2 mons -3 days 04:05:06.789',"
        " '00000000-0000-0000-0000-0000000000ff', '{\"a\" : 1}', '{\"b\": 1, \"a\": \"\u00e9\"}', B'10110',"
        " B'0010', '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '(1.5,-2)', '(2,2),(1,1)', '((0,0),(1,1),(1,0))',"
        " '<(0,0),1.5>', '{1,2,3}', '[1,5)', '{[1.0,2.00),(3,)}', '''a'':1A b:2', 'a & b', 'it''s \"ok\"', 7,"
        ' \'(1,"x, ""y""")\', \'16/B374D848\', \'person\', \'{{1,2},{3,NULL}}\', \'{NULL,"NULL","a,b",""}\','
        " '{NaN,1.00}', '{\"1 day -00:00:01\"}', '{sad}', '{infinity,\"0044-03-15 BC\"}', '{\"(1,x)\"}', 'n',"
        " 4294967295, '18446744073709551615', '$.a[*] ? (@ > 1)')",
        "INSERT INTO every_type (f4, f8, num, d, ts, tstz, iv, mon, t, by, ia) VALUES ('-0', 'Infinity', '1.00',"
        " '4713-01-01 BC', '294276-12-31 23:59:59.999999', '294276-12-31', 'infinity', '1234567.89', '00:00:00.000001',"
        " '', '[2:3]={1,2}')",
        "INSERT INTO every_type (f4, f8, num, iv, tstz) VALUES ('NaN', '-Infinity', '-Infinity', '-178000000 years',"
        " '2024-02-29 23:30:00.5-08'), ('0.1', '0.1', '1e-10', '0', '4713-11-24 00:00:00+00 BC')",
    )
    assembled = register.assemble()
    assert assembled.rows(("public", "every_type")) == register.rows(("public", "every_type"))


def test_null_is_neither_a_default_nor_empty(register: CapturedRegister) -> None:
    register.execute(
        "INSERT INTO person VALUES (1, NULL, NULL, NULL), (2, '', '2000-01-01', false)",
        "INSERT INTO person (id) VALUES (3)",
        "UPDATE person SET name = NULL WHERE id = 3",
    )
    rows = register.assemble().rows(("public", "person"))
    assert {("1", None, None, None), ("2", "", "2000-01-01", "f"), ("3", None, None, "t")} <= set(rows)
    assert rows == register.rows(("public", "person"))


def test_names_pass_unchanged(register: CapturedRegister) -> None:
    register.execute(
        'INSERT INTO "od.d ""schema"""."Ta.ble ""x""" VALUES (1, \'upper\', \'quote\', \'umlaut\')',
        'UPDATE "od.d ""schema"""."Ta.ble ""x""" SET "a.b" = 2',
        "INSERT INTO spatial_ref_sys VALUES (4326, 'tables that Debezium leaves out are captured too')",
        "INSERT INTO nothing DEFAULT VALUES",
    )
    assembled = register.assemble()
    assert assembled.columns[ODD] == ("a.b", "A.B", 'c"d', "früh")
    assert assembled.rows(ODD) == Counter({("2", "upper", "quote", "umlaut"): 1})
    assert assembled.rows(("public", "spatial_ref_sys")) == register.rows(("public", "spatial_ref_sys"))
    assert assembled.rows(("public", "nothing")) == Counter({(): 1})


def test_unchanged_large_values_are_marked_and_resolved(register: CapturedRegister) -> None:
    large = "(SELECT string_agg(md5(g::text), '') FROM generate_series(1, 2000) g)"
    register.execute(
        f"INSERT INTO document SELECT 1, 1, 'new', {large}, decode({large}, 'hex'), ARRAY[{large}]",
        "UPDATE document SET status = 'seen'",
        "UPDATE document SET part = 2",
        f"INSERT INTO log SELECT now(), 'a', {large}",
        "UPDATE log SET line = 'b'",
    )
    assembled = register.assemble()
    assert assembled.seen["unchanged"] == 2
    for relation in (("public", "document"), ("public", "log")):
        assert assembled.rows(relation) == register.rows(relation)


def test_ddl_between_changes_changes_the_shape(register: CapturedRegister) -> None:
    register.execute(
        "CREATE TABLE grown (id int PRIMARY KEY, a text)",
        "INSERT INTO grown VALUES (1, 'x')",
        "ALTER TABLE grown ADD COLUMN b int DEFAULT 5",
        "ALTER TABLE grown RENAME a TO renamed",
        "INSERT INTO grown VALUES (2, 'y', NULL)",
        "ALTER TABLE grown DROP COLUMN renamed",
        "TRUNCATE grown",
        "INSERT INTO grown VALUES (3, 7)",
    )
    register.keys[("public", "grown")] = ("id",)
    assembled = register.assemble()
    assert assembled.columns[("public", "grown")] == ("id", "b")
    assert assembled.rows(("public", "grown")) == Counter({("3", "7"): 1})


def test_a_transaction_of_many_tables_keeps_its_order(register: CapturedRegister) -> None:
    with register.connect() as connection:
        connection.execute("INSERT INTO person SELECT g, 'p' || g FROM generate_series(1000, 1299) g")
        with connection.transaction(force_rollback=True):
            connection.execute("INSERT INTO person VALUES (9999, 'rolled back')")
        connection.execute("UPDATE person SET id = id + 5000 WHERE id BETWEEN 1000 AND 1099")
        connection.execute("INSERT INTO log SELECT now(), 'l' || g FROM generate_series(1, 50) g")
        connection.execute("DELETE FROM log WHERE line LIKE 'l1%'")
        connection.execute("DELETE FROM person WHERE id BETWEEN 1100 AND 1150")
    assembled = register.assemble()
    for relation in (("public", "person"), ("public", "log")):
        assert assembled.rows(relation) == register.rows(relation)


def test_logical_messages_of_applications_are_no_part_of_the_stream(register: CapturedRegister) -> None:
    register.execute(
        "SELECT pg_logical_emit_message(true, 'app', 'transactional')",
        "SELECT pg_logical_emit_message(false, 'app', 'at once')",
    )
    register.assemble()
    assert register.status().is_running


def test_the_slot_follows_what_the_broker_acknowledged(register: CapturedRegister) -> None:
    last_end = register.assemble().last_end

    def has_moved() -> bool:
        register.beat()
        with register.connect() as connection:
            query = (
                "SELECT confirmed_flush_lsn - '0/0'::pg_lsn FROM pg_replication_slots WHERE slot_name = 'slot_exact'"
            )
            row = connection.execute(query).fetchone()
        assert row is not None
        return bool(row[0] >= last_end)

    wait_until(has_moved, seconds=30, what="the slot moved")


def test_a_second_start_is_a_new_session_without_a_gap(register: CapturedRegister) -> None:
    before = register.assemble()
    register.remove()
    register.execute("INSERT INTO person VALUES (777, 'while nobody listened')")
    register.apply()
    register.wait_for("RUNNING")
    after = register.assemble()
    assert after.run == before.run + 1
    assert after.rows(("public", "person")) == register.rows(("public", "person"))


def test_neither_rows_nor_passwords_are_logged(register: CapturedRegister, worker: ConnectWorker) -> None:
    register.execute("INSERT INTO person VALUES (888, 'a very private name')")
    assert ("888", "a very private name", None, "t") in register.assemble().rows(("public", "person"))
    assert "begins" in worker.log()
    assert "a very private name" not in worker.log()
    assert "capture-password" not in worker.log()
