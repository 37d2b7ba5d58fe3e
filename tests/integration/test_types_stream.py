"""Every type, with its extreme values, and every shape of transaction, through the snapshot and the live stream."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
import pytest
from psycopg import sql

from deploy.local.machine import wait_until
from tests.support import shapes, type_matrix
from tests.support.passing_register import Database, PassingRegister, passing_register
from tests.support.shapes import ShapeWorkload
from tests.support.type_values import Kind

WORK_SECONDS = 6
STATES = 10
TINY = 3_000
LARGE = 5_000_000
TRUNCATED = sql.SQL(", ").join(
    sql.Identifier("shapes", name)
    for name in ("tray", "tray_page", "tray_note", "bag", "wander", "entry_1_a", "entry_1_b", "entry_rest", "counter")
)


@dataclass
class Everything:
    """A register with the type matrix and the tables of `shapes`."""

    register: PassingRegister
    kinds: list[Kind] = field(default_factory=list)


@pytest.fixture(scope="module")
def everything(system) -> Iterator[Everything]:
    kinds: list[Kind] = []

    def make(db: Database) -> None:
        kinds.extend(type_matrix.create(db))
        shapes.create(db)

    with passing_register(system, "types", make) as register:
        yield Everything(register, kinds)


def test_every_type_is_equal_after_the_snapshot_and_after_every_kind_of_change(everything):
    register, kinds = everything.register, everything.kinds
    found = register.compare()
    assert found.equal, found.differences
    assert len(found.tables) > 2 * len(kinds) > 200

    with register.connect() as db:
        with db.transaction():  # At once: as sets.
            for kind in kinds:
                type_matrix.change(db, kind)
        register.assert_equal()
        round_ = 0
        while sum(type_matrix.touch(db, kind, round_) for kind in kinds):  # Little by little: row by row.
            register.wait_arrived()
            round_ += 1
    assert round_ > 3
    register.assert_equal()

    with register.at_standby() as standby:
        standby.execute('UPDATE matrix."beside numeric" SET v = 1.000 WHERE v = 1 AND id = 3')
        different = register.compare().differences
        standby.execute('UPDATE matrix."beside numeric" SET v = 1 WHERE v = 1 AND id = 3')
    assert len(different) == 1
    assert "matrix.beside numeric: 1 rows only in the register, 1 only in the standby" in different[0]


def test_every_visible_state_is_the_register_after_one_commit(everything):
    register = everything.register
    register.wait_arrived()
    before = visible_state(register.standby_dsn)
    seen: set[int] = set()

    def look() -> None:
        seen.add(visible_state(register.standby_dsn))

    with ShapeWorkload(register.home_dsn, seed=1, writers=3) as work, long_transactions(register):
        prepare_side_by_side(register)
        deadline = time.monotonic() + WORK_SECONDS
        while time.monotonic() < deadline or len(seen) < STATES or not all(work.done.values()):
            look()
            assert time.monotonic() < deadline + 120, work.done
        tiny_transactions(register, TINY, look)
    register.assert_equal()
    look()
    with register.connect() as db:
        assert db.execute("SELECT count(*), min(amount) FROM shapes.credit").fetchone() == (2, 1)
        assert max(seen) - before == sum(work.done.values())


def test_a_state_that_is_no_commit_would_be_seen(everything):
    register = everything.register
    with ShapeWorkload(register.home_dsn, seed=3, writers=1) as work:
        wait_until(lambda: any(work.done.values()), seconds=60, what="a commit that says how the register was")
    register.assert_equal()
    with register.at_standby() as standby, standby.transaction(force_rollback=True):
        changed = standby.execute("UPDATE shapes.seat SET v = v || '!' WHERE id = (SELECT min(id) FROM shapes.seat)")
        assert changed.rowcount == 1
        with pytest.raises(AssertionError, match="seat"):
            check_state(standby)


@pytest.mark.campaign
def test_a_transaction_of_five_million_rows_beside_others(everything):
    register = everything.register
    with ShapeWorkload(register.home_dsn, seed=2, writers=2), register.connect() as db:
        with db.transaction():
            db.execute(
                "INSERT INTO shapes.bulk SELECT 9, g, 'large ' || g FROM generate_series(1, %s::integer) g", (LARGE,)
            )
            db.execute("UPDATE shapes.bulk SET v = NULL WHERE writer = 9 AND i %% 5 = %s", (0,))
            db.execute("DELETE FROM shapes.bulk WHERE writer = 9 AND i %% 7 = %s", (0,))
        tiny_transactions(register, 10_000, lambda: None)
        wait_until(lambda: visible_state(register.standby_dsn) > 0 and has_bulk(register), seconds=900, what="all rows")
    register.assert_equal()


def has_bulk(register: PassingRegister) -> bool:
    with psycopg.connect(register.standby_dsn) as standby:
        return standby.execute("SELECT FROM shapes.bulk WHERE writer = 9 LIMIT 1").fetchone() is not None


def visible_state(dsn: str) -> int:
    """Number of commits in what the standby shows now, which must be the register after exactly these."""
    with psycopg.connect(dsn, options="-c search_path=pg_catalog") as standby:
        standby.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        while True:
            try:
                # A table truncated after the snapshot was taken looks empty in it, in any PostgreSQL: so first the
                # locks, then the snapshot. Without waiting, or the two might wait for each other.
                standby.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE NOWAIT").format(TRUNCATED))
                return check_state(standby)
            except psycopg.errors.LockNotAvailable:
                standby.rollback()


def check_state(standby: Database) -> int:
    row = standby.execute("SELECT count(*), coalesce(max(n), 0), (SELECT n FROM shapes.clock) FROM shapes.journal")
    ((count, newest, clock),) = row.fetchall()
    assert count == newest == clock, "a commit is missing"
    query = "SELECT shape, digest, shapes.digest() FROM shapes.journal WHERE n = %s"
    for shape, wanted, found in standby.execute(query, (newest,)).fetchall():
        assert wanted == found, f"after {shape}: {sorted(set(wanted.split()) ^ set(found.split()))}: {wanted} {found}"
    ((debit, credit, tiny, last, partly),) = standby.execute(
        """SELECT (SELECT coalesce(sum(amount), 0) FROM shapes.debit),
           (SELECT coalesce(sum(amount), 0) FROM shapes.credit),
           (SELECT count(*) FROM shapes.tiny), (SELECT coalesce(max(i), 0) FROM shapes.tiny),
           (SELECT count(*) FROM (SELECT FROM shapes.bulk WHERE writer < 9 GROUP BY writer HAVING count(*) <> 6000))"""
    ).fetchall()
    assert debit == credit
    assert tiny == last
    assert partly == 0, "a long transaction is there in part"
    return int(newest)


def prepare_side_by_side(register: PassingRegister) -> None:
    """Prepared transactions, committed in another order than prepared; one is rolled back."""
    with register.connect() as db:
        for number in (1, 2, 3):
            db.execute("BEGIN")
            db.execute("INSERT INTO shapes.debit VALUES (%s, %s)", (number, number))
            db.execute("INSERT INTO shapes.credit VALUES (%s, %s)", (number, number))
            db.execute(f"PREPARE TRANSACTION 'beside {number}'".encode())
        for number, verb in ((3, "COMMIT"), (2, "ROLLBACK"), (1, "COMMIT")):
            db.execute(f"{verb} PREPARED 'beside {number}'".encode())


def tiny_transactions(register: PassingRegister, count: int, look: Callable[[], None]) -> None:
    """One row each, and every tenth is empty."""
    loop = f"""DO $$ BEGIN FOR i IN 1..{count} LOOP
        IF i % 10 = 0 THEN PERFORM pg_current_xact_id(); COMMIT; END IF;
        INSERT INTO shapes.tiny SELECT coalesce(max(t.i), 0) + 1, 'tiny' FROM shapes.tiny t; COMMIT; END LOOP; END $$"""
    with register.connect() as db:
        db.execute("SET synchronous_commit = off")
        before = db.execute("SELECT count(*) FROM shapes.tiny").fetchone()
        db.execute(loop.encode())
        look()
        after = db.execute("SELECT count(*) FROM shapes.tiny").fetchone()
    assert before is not None
    assert after == (before[0] + count,)


@contextmanager
def long_transactions(register: PassingRegister) -> Iterator[None]:
    """Transactions of thousands of rows that stay open beside the others; the last one is rolled back."""
    insert = """INSERT INTO shapes.bulk
                SELECT %s::integer, g, repeat('x', 200) FROM generate_series(%s::integer, %s::integer) g"""
    ending = threading.Event()
    failures: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            with register.connect(autocommit=False) as db:
                for first in range(0, 6000, 200):
                    db.execute(insert, (writer, first, first + 199))
                    ending.wait(0.1)
                if writer == 3:
                    db.rollback()
        except BaseException as failure:  # noqa: BLE001 - raised again at the end
            failures.append(failure)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in (1, 2, 3)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
