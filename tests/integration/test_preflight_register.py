"""`register check` on real servers: a clean register, one before its preparation, one with everything awkward in it."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from connectors.preflight import Report
from connectors.prepare import undo_sql
from tests.support.preflight_register import Candidate, candidate, find
from tests.support.system import PlainPostgres

CLEAN = """
CREATE TABLE person (id integer PRIMARY KEY, name text NOT NULL, born date, document bytea);
INSERT INTO person SELECT i, 'name ' || i FROM generate_series(1, 100) i;
CREATE TABLE place (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, person integer REFERENCES person);
"""
AWKWARD = """
CREATE EXTENSION citext; CREATE EXTENSION pageinspect;
CREATE TABLE keyless (a integer, large text);
ALTER TABLE keyless ALTER large SET STORAGE EXTERNAL;
INSERT INTO keyless SELECT i, repeat('x', 20000) FROM generate_series(1, 50) i;
CREATE TABLE virtual_full (id integer PRIMARY KEY, b integer GENERATED ALWAYS AS (id + 1) VIRTUAL);
ALTER TABLE virtual_full REPLICA IDENTITY FULL;
CREATE TABLE virtual_keyless (a integer, b integer GENERATED ALWAYS AS (a + 1) VIRTUAL);
CREATE UNLOGGED TABLE not_logged (id integer PRIMARY KEY);
CREATE TABLE wide_key (id text PRIMARY KEY); ALTER TABLE wide_key ALTER id SET STORAGE EXTERNAL;
CREATE TABLE long_key (id text PRIMARY KEY); INSERT INTO long_key SELECT repeat(md5(i::text), 20) FROM
 generate_series(1, 100) i;
CREATE TABLE short_key (id varchar(20) PRIMARY KEY, other text);
CREATE TABLE odd_types (id integer PRIMARY KEY, role regrole, number oid, tree pg_node_tree, words citext,
  classes regclass[]);
CREATE DOMAIN named AS regtype; CREATE TYPE pair AS (a named, b integer); ALTER TABLE odd_types ADD pairs pair[];
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE by_enum (m mood, id integer) PARTITION BY HASH (m);
CREATE TABLE "Ümlaut ""x"" y" (id integer PRIMARY KEY); ALTER TABLE "Ümlaut ""x"" y" ENABLE ROW LEVEL SECURITY;
CREATE TABLE forced (id integer PRIMARY KEY); ALTER TABLE forced ENABLE ROW LEVEL SECURITY;
ALTER TABLE forced FORCE ROW LEVEL SECURITY;
CREATE TABLE parent (id integer PRIMARY KEY); CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER acts BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION act();
ALTER TABLE parent ENABLE ALWAYS TRIGGER acts;
CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER theirs ON ddl_command_end EXECUTE FUNCTION note();
CREATE FUNCTION safe(integer) RETURNS integer LANGUAGE sql LEAKPROOF AS 'SELECT 1';
CREATE FOREIGN DATA WRAPPER elsewhere; CREATE SERVER there FOREIGN DATA WRAPPER elsewhere;
CREATE FOREIGN TABLE far (id integer) SERVER there;
CREATE DOMAIN born AS date CONSTRAINT past CHECK (VALUE <= CURRENT_DATE);
CREATE DOMAIN positive AS integer; ALTER DOMAIN positive ADD CONSTRAINT above CHECK (VALUE > 0) NOT VALID;
CREATE FUNCTION agreed(integer) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true';
CREATE TABLE checked (id integer PRIMARY KEY CONSTRAINT fine CHECK (id > 0), until timestamptz
  CONSTRAINT "In future" CHECK (until > now()), CONSTRAINT agrees CHECK (agreed(id)), who name
  CONSTRAINT own CHECK (who = current_user));
ALTER TABLE checked ADD CONSTRAINT new_rule CHECK (id < 100) NOT VALID;
CREATE SCHEMA embassy_local;
SELECT lo_create(0);
ANALYZE;
"""


@pytest.fixture(scope="module")
def clean(postgres: PlainPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Candidate]:
    with candidate(postgres, tmp_path_factory.mktemp("clean"), schema=CLEAN) as one:
        one.prepare()
        yield one


@pytest.fixture(scope="module")
def awkward(postgres: PlainPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Report]:
    with candidate(postgres, tmp_path_factory.mktemp("awkward"), schema=AWKWARD) as one:
        one.make_roles()
        yield one.check()


def test_a_clean_register_has_nothing_to_stop_for(clean: Candidate):
    report = clean.check()
    assert [f for f in report.findings if f.severity == "stop"] == []
    assert report.is_ready
    assert report.is_prepared


def test_checks_that_may_fail_at_the_embassy_are_named(awkward: Report):
    found = {finding.object: finding for finding in awkward.findings if finding.check == "checks"}
    assert {about: finding.severity for about, finding in found.items()} == {
        "domain public.born, CHECK past": "warn",
        "domain public.positive, CHECK above": "warn",
        'table public.checked, CHECK "In future"': "warn",
        "table public.checked, CHECK agrees": "warn",
        "table public.checked, CHECK own": "warn",
        "table public.checked, CHECK new_rule": "info",
    }
    assert "calls now:" in found['table public.checked, CHECK "In future"'].reason
    assert "date, the time or the user" in found["domain public.born, CHECK past"].reason
    assert "calls agreed" in found["table public.checked, CHECK agrees"].reason
    remedy = found["domain public.positive, CHECK above"].remedy
    assert remedy.endswith("ALTER DOMAIN public.positive VALIDATE CONSTRAINT above")


def test_a_check_that_is_not_valid_lets_old_rows_pass_at_the_register_alone(postgres: PlainPostgres, tmp_path: Path):
    """The behaviour that the findings warn of."""
    schema = """
    CREATE DOMAIN positive AS integer; CREATE TABLE old (id integer PRIMARY KEY, v positive, other integer);
    INSERT INTO old VALUES (1, -5, 0); ALTER DOMAIN positive ADD CONSTRAINT above CHECK (VALUE > 0) NOT VALID;
    """
    with candidate(postgres, tmp_path, schema=schema) as one:
        one.run("UPDATE old SET other = 1")
        with pytest.raises(psycopg.errors.CheckViolation):
            one.run("SET session_replication_role = replica; UPDATE old SET v = '-5', other = 2")


def test_the_command_says_it_in_json_and_in_words(clean: Candidate):
    done = clean.command("check", clean.name, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["register"], answer["ready"]) == (clean.name, True)
    assert {"check", "severity", "object", "reason", "remedy"} == set(answer["findings"][0])
    words = clean.command("check", clean.name).stdout
    assert f"register {clean.name}: ready (0 to stop for" in words
    assert "secret-" not in words + done.stdout


@pytest.mark.parametrize(
    "trait",
    [
        ("stop", "preparation", "database", "not prepared", "--print-sql"),
        ("info", "identity", "table public.keyless", "REPLICA IDENTITY FULL", "primary key"),
        ("warn", "identity_cost", "table public.keyless", "more WAL per UPDATE", "primary key"),
        ("stop", "identity", "table public.virtual_full", "UPDATE and DELETE on it would fail", "IDENTITY DEFAULT"),
        ("stop", "identity", "table public.virtual_keyless", "no key", "primary key"),
        ("warn", "not_carried", "table public.not_logged", "unlogged", "SET LOGGED"),
        ("warn", "not_carried", "foreign table public.far", "live elsewhere", "register of its own"),
        ("warn", "wide_keys", "column public.wide_key.id", "EXTERNAL", "shorter key"),
        ("stop", "large_objects", "large objects", "1 large objects", "lo_get"),
        ("stop", "partitions", "table public.by_enum", "oid", "partition by list"),
        ("info", "shape", 'table public."Ümlaut ""x"" y"', "row security", ""),
        ("warn", "shape", "table public.forced", "BYPASSRLS", "BYPASSRLS"),
        ("info", "shape", "table public.child", "inherits", ""),
        ("info", "triggers", "trigger acts on public.parent", "ENABLE ALWAYS", ""),
        ("stop", "types", "column public.odd_types.role", "regrole", "TYPE text"),
        ("warn", "types", "column public.odd_types.classes", "regclass", "TYPE text"),
        ("warn", "types", "column public.odd_types.pairs", "regtype", "TYPE text"),
        ("info", "types", "column public.odd_types.number", "oid", ""),
        ("stop", "types", "column public.odd_types.tree", "cannot read that text", "type text"),
        ("info", "extensions", "extension citext 1.8", "in this version", ""),
        ("warn", "extensions", "extension pageinspect 1.13", "only a superuser", "trusted = true"),
        ("stop", "superuser_only", "event trigger theirs", "only a superuser", "make it again"),
        ("stop", "superuser_only", "function public.safe(integer)", "LEAKPROOF", "trusted = true"),
        ("stop", "superuser_only", "foreign-data wrapper elsewhere", "only a superuser", "drop it"),
        ("stop", "server", "schema embassy_local", "reserved", "DROP SCHEMA"),
    ],
)
def test_each_awkward_trait_is_found(awkward: Report, trait: tuple[str, str, str, str, str]):
    severity, check, about, reason, remedy = trait
    finding = find(awkward, check, about)
    assert finding.severity == severity
    assert reason in finding.reason
    assert remedy in finding.remedy
    assert finding.remedy


def test_what_is_ordinary_is_not_mentioned(awkward: Report):
    mentioned = " ".join(f.object for f in awkward.findings)
    assert "short_key" not in mentioned
    assert "odd_types.words" not in mentioned
    assert "odd_types.id" not in mentioned


def test_widths_come_from_statistics_once_they_can_be_read(postgres: PlainPostgres, tmp_path: Path):
    schema = (
        "CREATE TABLE long_key (id text PRIMARY KEY);"
        "INSERT INTO long_key SELECT md5(i::text) || repeat(md5(i::text), 10) FROM generate_series(1, 100) i; ANALYZE"
    )
    with candidate(postgres, tmp_path, schema=schema) as one:
        one.prepare()
        assert find(one.check(), "wide_keys", "column public.long_key.id").severity == "warn"


@pytest.mark.parametrize(
    "change",
    [
        ("DROP PUBLICATION data_embassy", "publication", "publication data_embassy", "stop", None),
        ("ALTER PUBLICATION data_embassy SET (publish = 'insert')", "publication", "publication data_embassy", "stop",
         None),
        ("ALTER EVENT TRIGGER data_embassy_sql_drop DISABLE", "event_triggers", "event trigger data_embassy_sql_drop",
         "stop", None),
        ("DROP EVENT TRIGGER data_embassy_ddl_command_end", "event_triggers",
         "event trigger data_embassy_ddl_command_end", "stop", None),
        ("CREATE OR REPLACE FUNCTION data_embassy.watched() RETURNS jsonb LANGUAGE sql AS 'SELECT ''[]''::jsonb'",
         "schema", "function data_embassy.watched", "stop", None),
        ("ALTER FUNCTION data_embassy.beat() SECURITY INVOKER", "schema", "function data_embassy.beat", "stop", None),
        ("ALTER FUNCTION data_embassy.beat() OWNER TO {name}_pulse", "schema", "function data_embassy.beat", "stop",
         ("ALTER FUNCTION data_embassy.beat() OWNER TO postgres;"
             " GRANT EXECUTE ON FUNCTION data_embassy.beat() TO {name}_pulse")),  # It went with the ownership.
        ("CREATE FUNCTION data_embassy.more() RETURNS void LANGUAGE sql AS ''", "schema",
         "function data_embassy.more", "warn", "DROP FUNCTION data_embassy.more()"),
        ("ALTER TABLE data_embassy.checkpoint ADD more integer", "schema", "table data_embassy.checkpoint", "stop",
         "ALTER TABLE data_embassy.checkpoint DROP more"),
        ("ALTER TABLE data_embassy.pulse SET UNLOGGED", "schema", "table data_embassy.pulse", "stop",
         "ALTER TABLE data_embassy.pulse SET LOGGED"),
        ("GRANT INSERT ON data_embassy.ddl TO PUBLIC", "schema", "table data_embassy.ddl", "warn", None),
        ("ALTER ROLE {name}_capture NOBYPASSRLS", "roles", "role {name}_capture", "stop", None),
        ("REVOKE pg_monitor FROM {name}_capture", "roles", "role {name}_capture", "stop", None),
        ("ALTER ROLE {name}_capture SUPERUSER", "roles", "role {name}_capture", "stop", None),
        ("GRANT pg_write_all_data TO {name}_pulse", "roles", "role {name}_pulse", "warn",
         "REVOKE pg_write_all_data FROM {name}_pulse"),
        ("ALTER ROLE {name}_capture CONNECTION LIMIT 3", "roles", "role {name}_capture", "warn",
         "ALTER ROLE {name}_capture CONNECTION LIMIT -1"),
        ("ALTER ROLE {name}_pulse PASSWORD 'another'", "connection", "role {name}_pulse", "stop",
         "ALTER ROLE {name}_pulse PASSWORD 'secret-pulse'"),
        ("ALTER ROLE {name}_pulse IN DATABASE {name} SET default_transaction_read_only = on", "roles",
         "role {name}_pulse", "stop",
         "ALTER ROLE {name}_pulse IN DATABASE {name} RESET default_transaction_read_only"),
        ("ALTER ROLE {name}_capture IN DATABASE {name} SET DateStyle = 'German'", "role_settings",
         "role {name}_capture", "warn", None),
        ("ALTER DATABASE {name} SET event_triggers = off", "server", "event_triggers", "stop",
         "SET event_triggers = on; ALTER DATABASE {name} RESET event_triggers"),
        ("SET event_triggers = off; CREATE TABLE keyless (a integer)", "identity", "table public.keyless", "stop",
         None),
        ("SELECT pg_create_logical_replication_slot('data_embassy_{name}', 'test_decoding')", "slots",
         "slot data_embassy_{name}", "stop", "SELECT pg_drop_replication_slot('data_embassy_{name}')"),
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_found_and_its_remedy_clears_it(
    tampered: Candidate, change: tuple[str, str, str, str, str | None]
):
    script, check, about, severity, remedy = change
    tampered.run(script.format(name=tampered.name))
    found = find(tampered.check(), check, about.format(name=tampered.name))
    assert found.severity == severity
    if remedy is None:
        assert "prepar" in found.remedy or severity == "warn"
        tampered.prepare()
    else:
        tampered.run(remedy.format(name=tampered.name))
    assert not [
        f for f in tampered.check().findings if (f.check, f.object, f.severity) == (check, found.object, severity)
    ]


@pytest.fixture(scope="module")
def tampered(postgres: PlainPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Candidate]:
    with candidate(postgres, tmp_path_factory.mktemp("tampered")) as one:
        one.prepare()
        yield one


def test_before_the_preparation_it_says_what_that_would_do(postgres: PlainPostgres, tmp_path: Path):
    with candidate(postgres, tmp_path, schema="CREATE TABLE keyless (a integer)") as one:
        nobody = one.command("check", one.name)
        assert nobody.returncode == 3
        assert "--print-sql" in nobody.stdout
        one.run(f"CREATE ROLE {one.name}_pulse LOGIN PASSWORD 'secret-pulse'")
        done = one.command("check", one.name, "--user", f"{one.name}_pulse", "--password-file", str(tmp_path / "pulse"),
                           "--json")  # fmt: skip
    assert done.returncode == 1, done.stderr
    findings = json.loads(done.stdout)["findings"]
    assert [f["check"] for f in findings if f["severity"] == "stop"] == ["preparation"]
    assert "gives tables without a usable key REPLICA IDENTITY FULL" in findings[0]["reason"]


def test_the_check_changes_nothing(clean: Candidate):
    state = "SELECT data_embassy.catalog_fingerprint(), (SELECT count(*) FROM data_embassy.ddl), pg_current_wal_lsn()"
    before = clean.query(state)
    clean.check()
    assert clean.query(state)[0][:2] == before[0][:2]


def test_a_long_transaction_is_named(clean: Candidate, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("connectors.preflight.activity._LONG_SECONDS", 0)
    with psycopg.connect(clean.server.dsn(clean.name), application_name="payroll") as connection:
        connection.execute("SELECT pg_current_xact_id()")
        pid = connection.info.backend_pid
        assert "application payroll" in find(clean.check(), "transactions", f"transaction of pid {pid}").reason


UNDO = """
CREATE TABLE nothing (id integer PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING;
CREATE TABLE keyless (a integer);
CREATE TABLE full_before (id integer PRIMARY KEY); ALTER TABLE full_before REPLICA IDENTITY FULL;
"""
STATE = """
SELECT 'identity ' || relname || ' ' || relreplident::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
   AND relkind = 'r'
UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname !~ '^pg_'
UNION ALL SELECT 'publication ' || pubname FROM pg_publication
UNION ALL SELECT 'event trigger ' || evtname FROM pg_event_trigger
UNION ALL SELECT 'slot ' || slot_name FROM pg_replication_slots WHERE database = current_database()
UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE rolname LIKE current_database() || '%'
UNION ALL SELECT 'setting ' || setconfig::text FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
   WHERE datname = current_database()
UNION ALL SELECT 'rights ' || coalesce(datacl::text, '') FROM pg_database WHERE datname = current_database()
 ORDER BY 1
"""


def test_undo_leaves_the_database_as_it_was(postgres: PlainPostgres, tmp_path: Path):
    with candidate(postgres, tmp_path, schema=UNDO) as one:
        before = one.query(STATE)
        one.prepare()
        one.run("CREATE TABLE later (a integer)")
        one.query(f"SELECT pg_create_logical_replication_slot('{one.register.source.slot}', 'pgoutput')")  # type: ignore[union-attr]
        assert len(one.query(STATE)) > len(before) + 5
        script = one.command("prepare", one.name, "--print-sql", "--undo").stdout
        for _ in range(2):  # The second time there is nothing left to do.
            one.run(script)
        after = [row for row in one.query(STATE) if row[0] != "identity later d"]
        # Every database's rights name its owner and PUBLIC once they were ever changed: the same rights, spelt out.
        spelt = [row for row in after if row[0].startswith("rights ")]
        assert [row for row in after if row not in spelt] == [row for row in before if not row[0].startswith("rights")]
        assert one.name not in str(spelt)


def test_undo_keeps_roles_that_another_database_needs(postgres: PlainPostgres, tmp_path: Path):
    with candidate(postgres, tmp_path) as one:
        one.prepare()
        with psycopg.connect(postgres.dsn(), autocommit=True) as other:
            other.execute(f"GRANT CONNECT ON DATABASE postgres TO {one.name}_capture".encode())
            one.run(undo_sql(one.register))
            assert [row[0] for row in one.query(STATE) if row[0].startswith("role ")] == [f"role {one.name}_capture"]
            other.execute(f"REVOKE CONNECT ON DATABASE postgres FROM {one.name}_capture".encode())
