"""The reference registers: the same from the same seed, and in order whatever their writers do at once."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from deploy.local.compare import compare_databases
from deploy.local.machine import wait_until
from deploy.registers import pgbench, population
from tests.support.system import PlainPostgres


@contextmanager
def database(postgres: PlainPostgres) -> Iterator[str]:
    name = f"register_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
        yield postgres.dsn(name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty(postgres) -> Iterator[str]:
    with database(postgres) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def register(postgres) -> Iterator[str]:
    with database(postgres) as dsn:
        generate(dsn, 1)
        yield dsn


def generate(dsn: str, seed: int) -> dict[str, int]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return population.generate(connection, scale=0.02, seed=seed)


def violations(dsn: str) -> dict[str, int]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return population.violations(connection)


def test_seed_decides_every_row(postgres, empty):
    with database(postgres) as second:
        assert generate(empty, 7) == generate(second, 7)
        assert rows_that_differ(empty, second) == []


def rows_that_differ(first: str, second: str) -> list[object]:
    with psycopg.connect(first) as one, psycopg.connect(second) as other:
        return [table for table in compare_databases(one, other) if not table.equal]


def test_checks_hold_under_concurrent_writers(register):
    with population.Workload(register, 3, 4, 0) as workload:
        wait_until(lambda: len(workload.counters().actions) == 21, seconds=60, what="every action has happened")
        assert violations(register) == {}
        done = workload.stop()
    assert violations(register) == {}
    assert done.rows > done.transactions > 100


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        (
            """UPDATE population.person SET personal_code = '39901010000'
               WHERE personal_code = (SELECT max(personal_code) FROM population.person)""",
            "check_digits_agree",
        ),
        ("UPDATE population.person SET birth_date = birth_date - 1", "codes_tell_birth_and_sex"),
        ("UPDATE population.parentage SET child_code = parent_code, parent_code = child_code", "parents_are_older"),
        ("DELETE FROM population.residence", "the_living_reside_somewhere"),
        ("DELETE FROM population.person", "links_lead_somewhere"),
        ('INSERT INTO population.import_staging ("Zeile #") VALUES (1)', "staging_is_empty"),
    ],
)
def test_check_finds_damage(register, damage, check):
    with psycopg.connect(register) as connection, connection.transaction(force_rollback=True):
        connection.execute("SET session_replication_role = replica")
        connection.execute(damage.encode())
        assert population.violations(connection)[check] > 0


def test_writers_survive_a_lost_connection(register):
    with population.Workload(register, 3, 2, 50) as workload:
        disconnect(register, "population workload", lambda: workload.counters().disconnected >= 2)
        before = workload.counters().transactions
        wait_until(lambda: workload.counters().transactions > before, seconds=20, what="they write again")


def test_pgbench_runs_and_comes_back(empty):
    pgbench.initialise(empty, scale=1)
    with pgbench.Pgbench(empty, seed=1, clients=2, rate=50) as workload:
        wait_until(lambda: workload.counters().transactions > 0, seconds=20, what="pgbench works")
        disconnect(empty, "pgbench", lambda: workload.counters().restarts > 0)
        before = workload.counters().transactions
        wait_until(lambda: workload.counters().transactions > before, seconds=20, what="it works again")


def disconnect(dsn: str, application: str, noticed: Callable[[], bool]) -> None:
    """End the sessions of an application until it notices."""
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
    with psycopg.connect(dsn, autocommit=True) as connection:

        def cut() -> bool:
            connection.execute(query, (application,))
            return noticed()

        wait_until(cut, seconds=20, what=f"{application} loses its connections")
