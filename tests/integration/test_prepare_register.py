"""The DBA's script on real servers: identities, the log of schema changes, the clock, least privilege."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from connectors.prepare import prepare_sql
from deploy.local.machine import LOOPBACK, as_database_user, free_ports, give_to_database_user, is_root
from tests.support.prepared_register import PreparedRegister, prepared_register
from tests.support.system import PlainPostgres

OLDEST = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(scope="module")
def postgres_15() -> Iterator[PlainPostgres]:
    if not OLDEST.exists():
        pytest.skip("PostgreSQL 15 is not installed here")
    folder = Path(tempfile.mkdtemp(prefix="embassy-test-postgres-15-"))
    if is_root():
        folder.chmod(0o711)
    data = folder / "data"
    data.mkdir(mode=0o700)
    give_to_database_user(data)
    (port,) = free_ports(1)
    prefix = as_database_user([data])
    subprocess.run(
        [*prefix, str(OLDEST / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8",
         "--no-sync"],
        check=True, capture_output=True, cwd="/",
    )  # fmt: skip
    options = f"-p {port} -h {LOOPBACK} -k '' -c wal_level=logical -c fsync=off -c max_prepared_transactions=5"
    control = [*prefix, str(OLDEST / "pg_ctl"), "-D", str(data), "-w", "-o", options, "-l", str(data / "log")]
    subprocess.run([*control, "start"], check=True, capture_output=True, cwd="/")
    try:
        yield PlainPostgres(host=LOOPBACK, port=port, user="postgres", password="unused")
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd="/")
        shutil.rmtree(folder)


SCHEMA = """
CREATE TABLE keyed (id integer PRIMARY KEY, a text);
CREATE TABLE keyless (a integer);
CREATE TABLE nothing (id integer PRIMARY KEY);
ALTER TABLE nothing REPLICA IDENTITY NOTHING;
CREATE TABLE deferrable_key (id integer PRIMARY KEY DEFERRABLE);
CREATE TABLE lost_index (id integer NOT NULL UNIQUE);
ALTER TABLE lost_index REPLICA IDENTITY USING INDEX lost_index_id_key;
ALTER TABLE lost_index DROP CONSTRAINT lost_index_id_key;
CREATE TABLE by_index (id integer NOT NULL UNIQUE);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_id_key;
CREATE TABLE root (id integer) PARTITION BY RANGE (id);
CREATE TABLE leaf PARTITION OF root FOR VALUES FROM (0) TO (10);
CREATE TABLE stored (a integer, b integer GENERATED ALWAYS AS (a + 1) STORED);
CREATE UNLOGGED TABLE not_logged (a integer);
"""


@pytest.fixture(params=["newest", "oldest"])
def register(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PreparedRegister]:
    server = request.getfixturevalue("postgres" if request.param == "newest" else "postgres_15")
    with prepared_register(server, tmp_path, schema=SCHEMA) as one:
        yield one


def identities(register: PreparedRegister) -> dict[str, str]:
    return dict(
        register.query(
            "SELECT relname::text, relreplident::text FROM pg_class "
            "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
    )


def noted(register: PreparedRegister) -> list[tuple[str, str, str | None]]:
    return [
        (row[0], row[1], row[2])
        for row in register.query("SELECT event, tag, object_identity FROM data_embassy.ddl ORDER BY id")
    ]


def test_tables_without_usable_identity_get_full(register: PreparedRegister):
    assert identities(register) == {
        "keyed": "d", "keyless": "f", "nothing": "f", "deferrable_key": "f", "lost_index": "f", "by_index": "i",
        "leaf": "f", "stored": "f", "not_logged": "d",
    }  # fmt: skip


def test_every_published_table_can_be_updated_and_deleted(register: PreparedRegister):
    register.run(
        "INSERT INTO stored VALUES (1); UPDATE stored SET a = 2; DELETE FROM stored;"
        "INSERT INTO root VALUES (1); UPDATE root SET id = 2; DELETE FROM root;"
        "INSERT INTO deferrable_key VALUES (1); UPDATE deferrable_key SET id = 2; DELETE FROM deferrable_key;"
    )


def test_running_it_again_changes_and_notes_nothing(register: PreparedRegister):
    before = register.query("SELECT data_embassy.catalog_fingerprint(), data_embassy.watched()")
    register.run(prepare_sql(register.register))
    assert register.query("SELECT data_embassy.catalog_fingerprint(), data_embassy.watched()") == before
    assert noted(register) == []


def test_new_tables_and_partitions_get_full_at_once(register: PreparedRegister):
    register.run(
        "CREATE TABLE t1 (a integer); INSERT INTO t1 VALUES (1); UPDATE t1 SET a = 2; DELETE FROM t1;"
        "CREATE TABLE t2 AS SELECT 1 AS a; UPDATE t2 SET a = 2;"
        "SELECT 1 AS a INTO t3; UPDATE t3 SET a = 2;"
        "CREATE TABLE t4 PARTITION OF root FOR VALUES FROM (10) TO (20); INSERT INTO root VALUES (11);"
        "UPDATE root SET id = 12 WHERE id = 11"
    )
    assert {name: identity for name, identity in identities(register).items() if name.startswith("t")} == {
        "t1": "f", "t2": "f", "t3": "f", "t4": "f",
    }  # fmt: skip


@pytest.mark.parametrize(
    "script",
    [
        "ALTER TABLE keyed DROP CONSTRAINT keyed_pkey",
        "ALTER TABLE by_index DROP CONSTRAINT by_index_id_key",
        "ALTER TABLE not_logged SET LOGGED",
        "ALTER TABLE keyless REPLICA IDENTITY NOTHING",
    ],
)
def test_a_table_that_loses_its_identity_gets_full(register: PreparedRegister, script: str):
    register.run(script)
    assert register.query("SELECT * FROM data_embassy.unidentified()") == []


def test_rollback_takes_the_note_along(register: PreparedRegister):
    register.run("BEGIN; CREATE TABLE gone (a integer); ROLLBACK")
    assert noted(register) == []


def test_each_change_is_noted_with_who_and_how(register: PreparedRegister):
    with register.connect() as connection:
        connection.execute("SET search_path = public, pg_temp; SET TimeZone = 'Asia/Tokyo'")
        connection.execute("ALTER TABLE keyed ADD COLUMN at timestamptz DEFAULT '2026-01-01 00:00'")
    (row,) = register.query(
        "SELECT tag, schema_name, object_identity, statement, search_path, role, session_role, settings, details "
        "FROM data_embassy.ddl WHERE event = 'ddl_command_end'"
    )
    assert row[:7] == (
        "ALTER TABLE", "public", "public.keyed",
        "ALTER TABLE keyed ADD COLUMN at timestamptz DEFAULT '2026-01-01 00:00'",
        "public, pg_temp", "postgres", "postgres",
    )  # fmt: skip
    assert json.loads(row[7])["TimeZone"] == "Asia/Tokyo"
    assert json.loads(row[8])["objects"][0]["tag"] == "ALTER TABLE"


def test_a_string_of_statements_is_kept_once(register: PreparedRegister):
    register.run("CREATE TABLE t1 (a integer); CREATE TABLE t2 (a integer); CREATE TABLE t3 (a integer)")
    rows = register.query("SELECT id, statement IS NULL, statement_of FROM data_embassy.ddl ORDER BY id")
    first = rows[0][0]
    assert [row[1:] for row in rows] == [(False, None), (True, first), (True, first)]


def test_drops_and_rewrites_are_noted(register: PreparedRegister):
    register.run("DROP TABLE keyless")
    register.run("ALTER TABLE keyed ALTER a TYPE bigint USING 0")
    assert noted(register) == [
        ("sql_drop", "DROP TABLE", "public.keyless"),
        ("table_rewrite", "ALTER TABLE", "public.keyed"),
        ("ddl_command_end", "ALTER TABLE", "public.keyed"),
    ]


def test_temporary_objects_are_ignored(register: PreparedRegister):
    register.run(
        "CREATE TEMP TABLE tt (a integer); CREATE INDEX ON tt (a); ALTER TABLE tt ADD b integer DEFAULT random();"
        "CREATE TEMP VIEW tv AS SELECT 1; DROP TABLE tt; CREATE TEMP TABLE t3 ON COMMIT DROP AS SELECT 1"
    )
    assert noted(register) == []


def test_concurrent_index_commands_pass(register: PreparedRegister):
    register.run("CREATE INDEX CONCURRENTLY idx ON keyed (a)")
    register.run("DROP INDEX CONCURRENTLY idx")
    assert noted(register) == [
        ("ddl_command_end", "CREATE INDEX", "public.idx"), ("sql_drop", "DROP INDEX", "public.idx")
    ]  # fmt: skip


def test_an_ordinary_user_is_noted_and_can_write_no_note(register: PreparedRegister):
    register.run(
        "DO $$ BEGIN IF to_regrole('clerk') IS NULL THEN CREATE ROLE clerk; END IF; END $$;"
        "GRANT CREATE ON SCHEMA public TO clerk; TRUNCATE data_embassy.ddl"
    )
    with register.connect(user="clerk") as connection:
        connection.execute("CREATE TABLE public.theirs (a integer); UPDATE public.theirs SET a = 1")
        connection.execute("SELECT data_embassy.note_ddl('mark', 'x', 'y', 'z', '{}')")
        connection.execute("SELECT data_embassy.note_ddl('ddl_command_end', 'x', 'y', 'z', '{}')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO data_embassy.inside VALUES (pg_backend_pid())")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT data_embassy.beat()")
    assert noted(register) == [("ddl_command_end", "CREATE TABLE", "public.theirs")]
    assert register.query("SELECT role FROM data_embassy.ddl") == [("clerk",)]
    register.run("DROP OWNED BY clerk")


def test_what_cannot_be_noted_leaves_a_mark_and_the_statement_passes(register: PreparedRegister):
    register.run("ALTER TABLE data_embassy.ddl ADD CONSTRAINT broken CHECK (event = 'mark') NOT VALID")
    register.run("TRUNCATE data_embassy.ddl")
    register.run("CREATE TABLE t1 (a integer)")
    assert noted(register) == [("mark", "CREATE TABLE", None)]
    (details,) = register.query("SELECT details FROM data_embassy.ddl")
    assert json.loads(details[0])["sqlstate"] == "23514"


def test_not_even_a_mark_is_possible_and_the_statement_passes(register: PreparedRegister):
    register.run("ALTER TABLE data_embassy.ddl RENAME TO hidden")
    register.run("CREATE TABLE t1 (a integer)")
    assert register.query("SELECT to_regclass('t1') IS NOT NULL") == [(True,)]


def test_hostile_operators_in_the_search_path_are_not_called(register: PreparedRegister):
    register.run(
        "CREATE SCHEMA evil; CREATE FUNCTION evil.current_setting(text) RETURNS text LANGUAGE plpgsql AS "
        "'BEGIN RAISE EXCEPTION ''called''; END';"
    )
    register.run("TRUNCATE data_embassy.ddl")
    with register.connect() as connection:
        connection.execute("SET search_path = evil, pg_catalog, public")
        connection.execute("CREATE TABLE public.t1 (a integer)")
    assert noted(register) == [("ddl_command_end", "CREATE TABLE", "public.t1")]


def test_the_beat_counts(register: PreparedRegister):
    with register.connect(user="data_embassy_pulse") as connection:
        beats = [connection.execute("SELECT new_beat FROM data_embassy.beat()").fetchone() for _ in range(3)]
    assert beats == [(1,), (2,), (3,)]
    ((beat, is_now, sequences, watched),) = register.query(
        "SELECT beat, at > now() - interval '1 minute', sequences, watched FROM data_embassy.pulse"
    )
    assert (beat, is_now) == (3, True)
    assert {"schema": "data_embassy", "name": "capture_session", "last_value": 1, "is_called": False} in json.loads(
        sequences
    )
    assert [trigger["enabled"] for trigger in json.loads(watched)["event_triggers"]] == ["A", "A", "A"]


def test_a_sequence_that_was_only_set_shows_its_value(register: PreparedRegister):
    register.run("CREATE SEQUENCE s; SELECT setval('s', 77, false)")
    ((state,),) = register.query("SELECT data_embassy.sequence_state()")
    assert {"schema": "public", "name": "s", "last_value": 77, "is_called": False} in state


@pytest.mark.parametrize(
    ("script", "column"),
    [
        ("SET session_replication_role = replica; ALTER EVENT TRIGGER data_embassy_sql_drop DISABLE", "watched"),
        ("DROP PUBLICATION data_embassy; CREATE PUBLICATION data_embassy FOR ALL TABLES", "watched"),
        ("ALTER PUBLICATION data_embassy SET (publish = 'insert')", "watched"),
        ("ALTER TABLE keyed ADD COLUMN b integer", "catalog"),
        ("CREATE INDEX ON keyed (a)", "catalog"),
        ("ALTER TABLE keyed REPLICA IDENTITY FULL", "catalog"),
    ],
)
def test_tampering_shows_in_the_beat(register: PreparedRegister, script: str, column: str):
    def beat() -> object:
        register.query("SELECT data_embassy.beat()")
        return register.query(f"SELECT {column} FROM data_embassy.pulse")

    first = beat()
    assert beat() == first
    register.run(script)
    assert beat() != first


def test_roles_have_little_rights(register: PreparedRegister):
    assert register.query(
        "SELECT rolname::text, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles "
        "WHERE rolname LIKE 'data\\_embassy%' ORDER BY 1"
    ) == [
        ("data_embassy_capture", False, False, False, True, True),
        ("data_embassy_pulse", False, False, False, False, False),
    ]
    with register.connect(user="data_embassy_capture") as connection:
        connection.execute("SELECT * FROM public.keyed")
        connection.execute("SELECT nextval('data_embassy.capture_session')")
        for forbidden in (
            "INSERT INTO public.keyed VALUES (1)",
            "DELETE FROM data_embassy.pulse",
            "CREATE TABLE public.x ()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden.encode())
    with register.connect(user="data_embassy_pulse") as connection:
        for forbidden in (
            "SELECT * FROM public.keyed",
            "SELECT * FROM data_embassy.pulse",
            "TRUNCATE data_embassy.ddl",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden.encode())


def test_keyless_tables_with_virtual_columns_are_refused(postgres: PlainPostgres, tmp_path: Path):
    schema = "CREATE TABLE virtual (a integer, b integer GENERATED ALWAYS AS (a + 1) VIRTUAL)"
    with (
        pytest.raises(psycopg.errors.RaiseException, match=r"public\.virtual"),
        prepared_register(postgres, tmp_path, schema=schema),
    ):
        pass


def test_a_later_keyless_table_with_virtual_columns_leaves_a_mark(postgres: PlainPostgres, tmp_path: Path):
    with prepared_register(postgres, tmp_path) as register:
        register.run("CREATE TABLE virtual (a integer, b integer GENERATED ALWAYS AS (a + 1) VIRTUAL)")
        assert noted(register) == [("mark", "CREATE TABLE", None)]


def test_a_foreign_publication_of_this_name_is_refused(postgres: PlainPostgres, tmp_path: Path):
    with (
        pytest.raises(psycopg.errors.RaiseException, match="not FOR ALL TABLES"),
        prepared_register(postgres, tmp_path, schema="CREATE PUBLICATION data_embassy"),
    ):
        pass
