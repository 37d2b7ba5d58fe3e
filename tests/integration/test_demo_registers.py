"""The reference registers: the same from the same seed, and in order whatever their writers do at once."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from data_embassy.config import Terms
from data_embassy.config.contract import read_contract
from deploy.local.machine import wait_until
from deploy.registers import pgbench
from deploy.registers.catalogue import REGISTERS
from tests.support.preflight_register import candidate
from tests.support.reference_register import Filled, damage, database, generated
from tests.support.system import PlainPostgres

SNAPSHOTS = 20
EXTENSIONS = """
SELECT DISTINCT e.extname::text
FROM pg_depend uses
JOIN pg_depend member ON (member.classid, member.objid) = (uses.refclassid, uses.refobjid) AND member.deptype = 'e'
JOIN pg_extension e ON e.oid = member.refobjid
JOIN pg_class c ON uses.classid = 'pg_class'::regclass AND c.oid = uses.objid
WHERE c.relnamespace = %s::regnamespace
ORDER BY 1
"""
TABLES = """
SELECT relnamespace::regnamespace::text, relname::text, relpersistence = 'u'
FROM pg_class WHERE relkind = 'r' AND relnamespace = %s::regnamespace
"""
each_register = pytest.mark.parametrize("name", REGISTERS)


@pytest.fixture
def empty(postgres: PlainPostgres) -> Iterator[str]:
    with database(postgres) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def untouched(postgres: PlainPostgres) -> Iterator[str]:
    """A database that is empty again after each test."""
    with database(postgres) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def filled(postgres: PlainPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with candidate(postgres, tmp_path_factory.mktemp("registers")) as one:
        yield Filled(one)


@each_register
def test_seed_decides_every_row(filled, untouched, name):
    filled.make(name)
    first = filled.first[name]
    with psycopg.connect(untouched, autocommit=True) as connection:
        assert generated(connection, name, seed=1) == first
        other = generated(connection, name, seed=2)
    assert other.keys() == first.keys()
    assert other != first


@each_register
def test_checks_hold_under_concurrent_writers(filled, name):
    register, dsn = REGISTERS[name], filled.make(name)
    every = {action.__name__ for action in register.actions}
    assert len(every) == len(register.actions) >= 5
    with (
        register.workload(dsn, seed=3, writers=4, rate=0) as workload,
        psycopg.connect(dsn, autocommit=True) as connection,
    ):
        snapshots, deadline = 0, time.monotonic() + 60
        while (missing := every - workload.counters().actions.keys()) or snapshots < SNAPSHOTS:
            assert register.violations(connection) == {}
            snapshots += 1
            assert time.monotonic() < deadline, f"never happened: {missing}; {workload.counters()}"
        done = workload.stop()
        assert register.violations(connection) == {}
    assert done.rows >= done.transactions > len(every)


@each_register
def test_each_check_finds_damage(filled, name):
    register, broken = REGISTERS[name], damage(name)
    assert broken.keys() == register.checks.keys()
    with psycopg.connect(filled.make(name), autocommit=True) as connection:
        assert register.violations(connection) == {}
        for check, statement in broken.items():
            with connection.transaction(force_rollback=True):
                connection.execute("SET LOCAL session_replication_role = replica")
                connection.execute(statement.encode())
                assert register.violations(connection).get(check, 0) > 0, check


@each_register
def test_contract_speaks_of_what_is_there(filled, name, tmp_path):
    terms = terms_of(REGISTERS[name].contract.read_text(), tmp_path)
    assert terms.institution
    assert 0 < (terms.rpo_seconds or 0) < (terms.rto_seconds or 0)
    with psycopg.connect(filled.make(name), autocommit=True) as connection:
        used = connection.execute(EXTENSIONS, (name,)).fetchall()
        tables = connection.execute(TABLES, (name,)).fetchall()
    assert sorted(terms.expected_extensions or ()) == [extension for (extension,) in used]
    assert {(schema, table) for schema, table, stays in tables if stays} == {
        (str(schema), str(table)) for schema, table, _ in tables if terms.exclusion(str(schema), str(table))
    }


def terms_of(text: str, folder: Path) -> Terms:
    """What a site reads in it, once it has a lane."""
    problems: list[str] = []
    path = folder / "contract.toml"
    path.write_text(f'lane = "{0:016x}"\n{text}')
    register = read_contract(path, folder, problems, is_home=False, name="register")
    assert problems == []
    return register.terms


def test_nothing_stands_in_the_way_of_replicating_them(filled):
    for name in REGISTERS:
        filled.make(name)
    filled.candidate.prepare()
    report = filled.candidate.check()
    assert report.is_prepared
    assert [finding for finding in report.findings if finding.severity == "stop"] == []


def test_writers_survive_a_lost_connection(filled):
    dsn = filled.make("population")
    with REGISTERS["population"].workload(dsn, seed=3, writers=2, rate=50) as workload:
        disconnect(dsn, "population workload", lambda: workload.counters().disconnected >= 2)
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
