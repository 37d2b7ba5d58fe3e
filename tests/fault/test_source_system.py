"""A register is meddled with on the whole system: both sites name the cause, others go on, the remedy heals it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql

from deploy.local import registers
from deploy.local.compare import compare
from deploy.local.system import LocalSystem
from pipelines.stops import StopFiles
from tests.support.scenario import wait_for

NOTICED_SECONDS = 10
NAMES = ("meddled", "calm")
TABLES = "CREATE TABLE person (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text)"
OURS = "FROM pg_replication_slots WHERE slot_name = 'data_embassy_meddled'"
WAIT_FREE = (
    f"DO $$ BEGIN FOR i IN 1..500 LOOP EXIT WHEN NOT (SELECT active {OURS}); PERFORM pg_sleep(0.01); END LOOP; END $$"
)
NEW_SLOT = (
    f"SELECT pg_terminate_backend(active_pid) {OURS} AND active",
    WAIT_FREE,
    "SELECT pg_drop_replication_slot('data_embassy_meddled')",
    "INSERT INTO person (name) VALUES ('never decoded')",
    "SELECT pg_create_logical_replication_slot('data_embassy_meddled', 'pgoutput')",
)
CASES = {
    "SessionGap": NEW_SLOT,
    "PublicationChanged": (
        "DROP PUBLICATION data_embassy",
        "INSERT INTO person (name) VALUES ('never published')",
        "CREATE PUBLICATION data_embassy FOR ALL TABLES WITH (publish_generated_columns = stored)",
    ),
    "EventTriggerChanged": ("ALTER EVENT TRIGGER data_embassy_ddl_command_end DISABLE",),
}


@dataclass(frozen=True)
class Pair:
    """A register that is meddled with and one that is not."""

    system: LocalSystem

    def execute(self, name: str, *statements: str) -> None:
        with psycopg.connect(self.system.database_dsn(name), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def cause(self, name: str) -> str | None:
        answer = json.loads(registers.command(self.system.layout, "embassy", "status", "--json"))
        found: str | None = next(one["cause"] for one in answer["registers"] if one["register"] == name)
        return found

    def home_cause(self, name: str) -> str | None:
        stop = StopFiles(self.system.layout.site("home") / "state", "source").read(name)
        return None if stop is None else stop.cause

    def heal(self) -> None:
        registers.prepare(self.system.layout, "meddled")
        registers.command(self.system.layout, "home", "register", "snapshot", "meddled")
        wait_for(lambda: self.cause("meddled") is None and self.home_cause("meddled") is None, "healed")

    def assert_equal(self, name: str) -> None:
        dsns = self.system.env()["registers"][name]
        found = compare(name, dsns["home_dsn"], dsns["standby_dsn"], deadline_seconds=120)
        assert found.equal, found.differences


@contextmanager
def pair(system: LocalSystem) -> Iterator[Pair]:
    with psycopg.connect(system.env()["home_postgres"], autocommit=True) as connection:
        for name in NAMES:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    made = Pair(system)
    for name in NAMES:
        made.execute(name, TABLES, "INSERT INTO person (name) SELECT 'x' FROM generate_series(1, 100)")
        system.add_register(name)
    yield made


@pytest.mark.campaign
@pytest.mark.last
def test_each_is_named_at_both_sites_and_healed_by_its_remedy(system: LocalSystem) -> None:
    with pair(system) as both:
        wait_for(lambda: all(both.cause(name) is None for name in NAMES), "both are live")
        both.assert_equal("meddled")
        for cause, statements in CASES.items():
            both.execute("meddled", *statements)
            at = time.monotonic()
            took = wait_for(lambda: both.cause("meddled") == cause, lambda: f"{cause}: {both.cause('meddled')}")  # noqa: B023
            print(f"{cause} after {time.monotonic() - at:.1f} s, at home {both.home_cause('meddled')}")  # noqa: T201
            assert took < NOTICED_SECONDS
            both.execute("calm", "INSERT INTO person (name) VALUES ('goes on')")
            both.assert_equal("calm")
            both.heal()
            both.assert_equal("meddled")
            both.assert_equal("calm")
