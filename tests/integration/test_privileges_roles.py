"""Each right of docs/privileges.md is needed: without it something fails that the service does; with it, it works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from connectors.prepare import undo_sql
from data_embassy.config import Postgres
from data_embassy.errors import TransportError
from data_embassy.postgres import connect
from deploy.local.standbys import make_standby_role
from tests.support.preflight_register import Candidate, candidate
from tests.support.system import PlainPostgres

SCHEMA = """
CREATE TABLE person (id integer PRIMARY KEY);
CREATE TABLE secret (id integer PRIMARY KEY);
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
"""


@pytest.fixture(scope="module")
def register(postgres: PlainPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Candidate]:
    with candidate(postgres, tmp_path_factory.mktemp("privileges"), schema=SCHEMA) as one:
        one.prepare()
        yield one


def _as(who: str) -> Callable[[Candidate, str], None]:
    def act(register: Candidate, statement: str) -> None:
        source = register.register.source
        assert source is not None
        with connect(getattr(source, who), application_name="test", autocommit=True) as connection:
            connection.execute(statement.encode())

    return act


def _replicate(register: Candidate, statement: str) -> None:
    source = register.register.source
    assert source is not None
    with connect(source.capture, application_name="test", autocommit=True, replication=True) as connection:
        connection.execute(statement.encode())


CAPTURE, PULSE = _as("capture"), _as("pulse")
ASK = (
    "SELECT data_embassy.ask(gen_random_uuid(), 1, 1, NULL, NULL, NULL),"
    " data_embassy.lock_for_repair('public', 'person')"
)


@pytest.mark.parametrize(
    ("taken", "act", "statement"),
    [
        ("ALTER ROLE {c} NOLOGIN", CAPTURE, "SELECT 1"),
        ("ALTER ROLE {c} NOREPLICATION", _replicate, "CREATE_REPLICATION_SLOT x TEMPORARY LOGICAL pgoutput"),
        ("ALTER ROLE {c} NOBYPASSRLS", CAPTURE, "SELECT * FROM public.secret"),
        ("REVOKE pg_read_all_data FROM {c}", CAPTURE, "SELECT * FROM public.person"),
        ("REVOKE pg_monitor FROM {c}", CAPTURE, "SELECT pg_catalog.pg_ls_waldir()"),
        ("REVOKE USAGE ON SEQUENCE data_embassy.capture_session FROM {c}", CAPTURE,
         "SELECT nextval('data_embassy.capture_session')"),
        ("REVOKE EXECUTE ON FUNCTION data_embassy.sequence_state FROM {c}", CAPTURE,
         "SELECT data_embassy.sequence_state()"),
        ("REVOKE EXECUTE ON FUNCTION data_embassy.unidentified FROM {c}", CAPTURE,
         "SELECT data_embassy.unidentified()"),
        ("REVOKE EXECUTE ON FUNCTION data_embassy.ask FROM {c}", CAPTURE,
         ASK),
        ("REVOKE EXECUTE ON FUNCTION data_embassy.lock_for_repair FROM {c}", CAPTURE, ASK),
        ("ALTER ROLE {p} NOLOGIN", PULSE, "SELECT 1"),
        ("REVOKE EXECUTE ON FUNCTION data_embassy.beat FROM {p}", PULSE, "SELECT data_embassy.beat()"),
        ("REVOKE EXECUTE ON FUNCTION data_embassy.watched FROM {p}", PULSE, "SELECT data_embassy.watched()"),
        ("REVOKE USAGE ON SCHEMA data_embassy FROM PUBLIC", PULSE, "SELECT data_embassy.beat()"),
    ],
)  # fmt: skip
def test_home_works_with_a_right_and_not_without_it(
    register: Candidate, taken: str, act: Callable[[Candidate, str], None], statement: str
):
    act(register, statement)
    register.run(taken.format(c=f"{register.name}_capture", p=f"{register.name}_pulse"))
    try:
        with pytest.raises((psycopg.errors.InsufficientPrivilege, TransportError)):
            act(register, statement)
    finally:
        register.prepare()
    act(register, statement)


@pytest.mark.parametrize(
    ("act", "statement"),
    [
        (CAPTURE, "INSERT INTO public.person VALUES (1)"),
        (CAPTURE, "UPDATE data_embassy.pulse SET beat = 0"),
        (CAPTURE, "INSERT INTO data_embassy.checkpoint (id, attempt, part) VALUES (gen_random_uuid(), 1, 1)"),
        (CAPTURE, "DELETE FROM data_embassy.ddl"),
        (CAPTURE, "SELECT data_embassy.beat()"),
        (CAPTURE, "SELECT data_embassy.give_identity()"),
        (CAPTURE, "CREATE TABLE public.mine (a integer)"),
        (CAPTURE, "CREATE ROLE mine"),
        (CAPTURE, "ALTER PUBLICATION data_embassy SET (publish = 'insert')"),
        (CAPTURE, "ALTER EVENT TRIGGER data_embassy_sql_drop DISABLE"),
        (CAPTURE, "SELECT pg_read_file('postgresql.conf')"),
        (PULSE, "SELECT * FROM public.person"),
        (PULSE, "UPDATE data_embassy.pulse SET beat = 0"),
        (PULSE, "SELECT data_embassy.give_identity()"),
        (PULSE, "SELECT data_embassy.ask(gen_random_uuid(), 1, 1, NULL, NULL, NULL)"),
        (PULSE, "INSERT INTO data_embassy.inside VALUES (1)"),
    ],
)
def test_home_may_do_nothing_else(register: Candidate, act: Callable[[Candidate, str], None], statement: str):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        act(register, statement)


def test_after_undo_the_roles_are_gone(postgres: PlainPostgres, tmp_path: Path):
    with candidate(postgres, tmp_path) as one:
        one.prepare()
        one.run(undo_sql(one.register))
        with pytest.raises(TransportError):
            CAPTURE(one, "SELECT 1")


@pytest.fixture(scope="module")
def standby(postgres: PlainPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        make_standby_role(connection, "standby_owner", "secret-standby")
        try:
            yield Postgres(host=postgres.host, port=postgres.port, database="postgres", user="standby_owner",
                           password=None)  # fmt: skip
        finally:
            connection.execute("DROP DATABASE IF EXISTS standby_privileges")
            connection.execute("DROP OWNED BY standby_owner")
            connection.execute("DROP ROLE standby_owner")


@pytest.mark.parametrize(
    ("taken", "given", "statement"),
    [
        ("ALTER ROLE standby_owner NOCREATEDB", "ALTER ROLE standby_owner CREATEDB",
         "CREATE DATABASE standby_privileges"),
        ("ALTER ROLE standby_owner NOCREATEROLE", "ALTER ROLE standby_owner CREATEROLE", "CREATE ROLE of_a_policy"),
        ("REVOKE SET ON PARAMETER session_replication_role FROM standby_owner",
         "GRANT SET ON PARAMETER session_replication_role TO standby_owner", "SET session_replication_role = replica"),
        ("ALTER ROLE standby_owner NOBYPASSRLS", "ALTER ROLE standby_owner BYPASSRLS",
         ("SET row_security = off; CREATE TEMP TABLE forced (a integer); ALTER TABLE forced ENABLE ROW LEVEL SECURITY;"
         "ALTER TABLE forced FORCE ROW LEVEL SECURITY; SELECT * FROM forced")),
    ],
)  # fmt: skip
def test_the_embassy_works_with_a_right_and_not_without_it(
    postgres: PlainPostgres, standby: Postgres, taken: str, given: str, statement: str
):
    def act() -> None:
        with psycopg.connect(
            host=standby.host, port=standby.port, user=standby.user, password="secret-standby", dbname="postgres",
            autocommit=True,
        ) as connection:  # fmt: skip
            for part in statement.split(";"):
                connection.execute(part.encode())
            if "of_a_policy" in statement:
                connection.execute("DROP ROLE of_a_policy")

    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(taken.encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            act()
        connection.execute(given.encode())
    act()


def test_the_embassy_ends_sessions_of_readers_only_by_its_right(postgres: PlainPostgres, standby: Postgres):
    end = "SET SESSION AUTHORIZATION standby_owner; SELECT pg_terminate_backend({}); RESET SESSION AUTHORIZATION"
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'reader'")
        try:
            with psycopg.connect(postgres.dsn().replace("postgres:" + postgres.password, "reader:reader")) as reader:
                connection.execute("REVOKE pg_signal_backend FROM standby_owner")
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(end.format(reader.info.backend_pid).encode())
                connection.execute("RESET SESSION AUTHORIZATION")
                connection.execute("GRANT pg_signal_backend TO standby_owner")
                connection.execute(end.format(reader.info.backend_pid).encode())
                with pytest.raises(psycopg.OperationalError):
                    reader.execute("SELECT 1")
        finally:
            connection.execute("DROP ROLE reader")


def test_the_embassy_role_is_no_superuser(postgres: PlainPostgres, standby: Postgres):
    query = sql.SQL("SELECT rolsuper, rolreplication FROM pg_roles WHERE rolname = {}").format(
        sql.Literal(standby.user)
    )
    with psycopg.connect(postgres.dsn()) as connection:
        assert connection.execute(query).fetchone() == (False, False)
