"""Invariants at a standby: whole transactions keep them at every commit, and an auditor sees when they are torn."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from deploy.local.auditor import Auditor
from deploy.local.machine import wait_until
from tests.support.reference_register import damage
from tests.support.streamed_register import Stream, StreamedRegister, streamed_register

WRITERS, RATE = 3, 60.0
TRANSACTIONS = 80
POSITIONS = 20
WAIT_SECONDS_MAX = 120
torn = pytest.mark.parametrize("name", ["treasury", "population", "land"])


@pytest.fixture
def register(postgres, name) -> Iterator[StreamedRegister]:
    with streamed_register(postgres, name) as one:
        yield one


def follow(register: StreamedRegister, auditor: Auditor, *, is_assembled: bool) -> Stream:
    """Let people work until both have seen enough."""

    def is_enough() -> bool:
        is_seen = auditor.audit().positions >= POSITIONS
        return stream.applied >= TRANSACTIONS and (is_seen if is_assembled else auditor.audit().broken > 0)

    with (
        register.streaming(is_assembled=is_assembled) as stream,
        register.reference.workload(register.home_dsn, seed=5, writers=WRITERS, rate=RATE),
    ):
        until(is_enough, "enough was applied and seen")
    return stream


@torn
def test_whole_transactions_keep_every_invariant_and_torn_ones_are_seen(register):
    checks = len(register.reference.checks)
    with Auditor(register.reference, register.standby_dsn, share=0.5) as auditor:
        stream = follow(register, auditor, is_assembled=True)
    found = auditor.audit()
    assert found.violations == ()
    assert found.evaluations >= found.positions * checks >= POSITIONS * checks
    assert stream.commits == stream.applied
    assert register.differences() == []

    with Auditor(register.reference, register.standby_dsn, share=0.5) as auditor:
        stream = follow(register, auditor, is_assembled=False)
    found = auditor.audit()
    assert stream.commits > 2 * stream.applied
    assert found.broken > 0
    assert {one.check for one in found.violations} <= register.reference.checks.keys()
    # In the end nothing is missing: only who looks at every commit knows.
    assert register.differences() == []


@pytest.mark.parametrize("name", ["treasury"])
def test_an_auditor_outlives_its_session_and_says_where_it_saw_what(register):
    check, statement = next(iter(damage("treasury").items()))
    with (
        psycopg.connect(register.standby_dsn, autocommit=True) as standby,
        Auditor(register.reference, register.standby_dsn) as auditor,
    ):
        until(lambda: auditor.audit().evaluations > 0, "evaluated")
        standby.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'auditor' AND datname = current_database()"
        )
        until(lambda: auditor.audit().interrupted > 0, "interrupted")
        before = auditor.audit().evaluations
        until(lambda: auditor.audit().evaluations > before, "goes on")
        assert auditor.audit().violations == ()
        standby.execute("SET session_replication_role = replica")
        standby.execute(statement.encode())
        until(lambda: bool(auditor.audit().violations), "seen")
        row = standby.execute("SELECT last_end::text FROM embassy_local.position").fetchone()
    assert check in {one.check for one in auditor.audit().violations}
    assert row is not None
    assert {str(one.commit) for one in auditor.audit().violations} == {row[0]}


def until(condition: Callable[[], bool], what: str) -> None:
    wait_until(condition, seconds=WAIT_SECONDS_MAX, what=what)
