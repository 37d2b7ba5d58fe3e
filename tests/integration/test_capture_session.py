"""Sessions of capture: who may begin one, what ends one, and what a later one finds."""

from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest

from connectors.client import ConnectClient
from connectors.plan import plan
from connectors.watch import Watcher
from data_embassy.errors import ConfigError
from deploy.local.machine import wait_until
from schemas import records
from tests.support.captured_register import CapturedRegister, make_register
from tests.support.connect_worker import ConnectWorker
from tests.support.system import PlainPostgres

PERSON = ("public", "person")
TABLES = "CREATE TABLE person (id int PRIMARY KEY, name text DEFAULT 'nobody')"


@pytest.fixture
def register(
    postgres: PlainPostgres, worker: ConnectWorker, request: pytest.FixtureRequest
) -> Iterator[CapturedRegister]:
    name = f"session_{abs(hash(request.node.name)) % 10**6}"
    made = make_register(name, worker, postgres, tables=TABLES, keys={PERSON: ("id",)})
    yield made
    made.remove()


def sessions(register: CapturedRegister) -> list[int]:
    found = [records.RecordKey.unpack(key) for key, _ in register.topic()]
    return [key.run for key in found if key.n == 1]


def is_same(register: CapturedRegister) -> bool:
    return register.assemble().rows(PERSON) == register.rows(PERSON)


def holder(register: CapturedRegister) -> int | None:
    with register.connect() as connection:
        query = "SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s"
        row = connection.execute(query, [f"slot_{register.name}"]).fetchone()
    assert row is not None
    return None if row[0] is None else int(row[0])


def again(register: CapturedRegister) -> None:
    """What a snapshot does for capture: the slot is there, and the connector is applied."""
    register.execute("SELECT pg_create_logical_replication_slot('slot_' || current_database(), 'pgoutput')")
    register.apply()
    with ConnectClient(register.worker.url) as client:
        client.restart_failed(plan(register.site, register.name).name)


@pytest.mark.clears("SlotForeign")
def test_a_slot_of_another_plugin_stops_capture_until_it_is_dropped(register: CapturedRegister) -> None:
    drop = "SELECT pg_drop_replication_slot('slot_' || current_database())"
    register.execute(drop, "SELECT pg_create_logical_replication_slot('slot_' || current_database(), 'test_decoding')")
    register.apply()
    stop = register.wait_for("FAILED").stop
    assert stop is not None
    assert stop.cause_class == "SlotForeign"
    assert "drop this one, then: embassy register snapshot NAME" in stop.remedy
    register.execute(drop)
    again(register)
    wait_until(lambda: len(sessions(register)) == 1, seconds=60, what="a session has begun")


def test_a_missing_slot_stops_capture_with_a_remedy(register: CapturedRegister) -> None:
    register.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active"
                     " AND database = current_database()")  # fmt: skip
    register.apply()
    cause = register.wait_for("FAILED").cause
    assert cause == (
        f"SlotMissing: replication slot slot_{register.name} does not exist. Remedy: take a snapshot, which makes it:"
        " embassy register snapshot NAME"
    )


def test_an_unprepared_register_stops_capture_with_a_remedy(register: CapturedRegister) -> None:
    register.execute("DROP SEQUENCE data_embassy.capture_session")
    register.apply()
    assert "embassy register prepare" in (register.wait_for("FAILED").cause or "")


def test_a_missing_publication_stops_capture_with_a_remedy(register: CapturedRegister) -> None:
    register.execute("DROP PUBLICATION data_embassy")
    register.apply()
    assert "publication data_embassy does not publish every change" in (register.wait_for("FAILED").cause or "")


def test_no_session_begins_while_another_holds_the_slot(register: CapturedRegister) -> None:
    dsn = f"{register.server.dsn(register.name)}?replication=database"
    with psycopg.connect(dsn, autocommit=True) as other:
        start = f"START_REPLICATION SLOT slot_{register.name} LOGICAL 0/0 (proto_version '1', publication_names 'x')"
        other.pgconn.send_query(start.encode())
        wait_until(lambda: holder(register) is not None, seconds=10, what="the slot is held")
        register.execute("INSERT INTO person VALUES (1, 'meanwhile')")
        register.apply()
        wait_until(lambda: "is active for PID" in register.worker.log(), seconds=60, what="Debezium found it taken")
        assert register.topic() == []
        other.pgconn.finish()
    assert is_same(register)
    assert len(sessions(register)) == 1


@pytest.mark.clears("SlotTaken")
def test_of_two_connectors_one_captures_and_the_other_follows(register: CapturedRegister) -> None:
    register.apply()
    assert is_same(register)
    wanted = plan(register.site, register.name)
    with ConnectClient(register.worker.url) as client:
        client.put(f"{wanted.name}.second", wanted.config)
        register.execute("INSERT INTO person SELECT g, 'x' FROM generate_series(1, 100) g")
        assert is_same(register)
        assert len(sessions(register)) == 1
        register.remove()
        # The first may capture for a moment longer.
        wait_until(lambda: len(sessions(register)) == 2, seconds=60, what="the second connector captures")
        register.execute("UPDATE person SET name = 'y'")
        assert is_same(register)
        client.remove(f"{wanted.name}.second")
    first, second = sessions(register)
    assert second > first


@pytest.mark.clears("RegisterUnreachable", "CaptureFailed")
def test_a_lost_connection_ends_the_session_and_the_watcher_begins_another(register: CapturedRegister) -> None:
    register.apply()
    assert is_same(register)
    with register.connect() as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", [holder(register)])
        connection.execute("INSERT INTO person VALUES (5, 'committed while nobody listens')")
    assert "the replication connection to the register failed" in (register.wait_for("FAILED").cause or "")
    with ConnectClient(register.worker.url) as client:
        watcher = Watcher([register.name], client, register.worker.folder / "health")

        def runs_again() -> bool:
            watcher.step()
            return register.status().is_running

        wait_until(runs_again, seconds=60, what="the watcher restarted the task")
    assert is_same(register)
    assert len(sessions(register)) == 2


def test_changes_are_read_as_they_were_written_and_not_by_todays_catalog(register: CapturedRegister) -> None:
    register.execute(
        "CREATE TABLE gone (id int PRIMARY KEY, secret text)",
        "INSERT INTO gone VALUES (1, 'x')",
        "DROP TABLE gone",
        "CREATE TABLE strict (id int PRIMARY KEY, old text)",
        "INSERT INTO strict VALUES (1, NULL)",
        "UPDATE strict SET old = 'set'",
        "ALTER TABLE strict ALTER old SET NOT NULL, ALTER old SET DEFAULT 'late'",
        "ALTER TABLE strict RENAME old TO new",
        "ALTER TABLE strict DROP CONSTRAINT strict_pkey, ADD PRIMARY KEY (new)",
        "ALTER TABLE strict RENAME TO renamed",
    )
    register.keys.update({("public", "gone"): ("id",), ("public", "strict"): ("id",), ("public", "renamed"): ("new",)})
    register.apply()
    assembled = register.assemble()
    assert assembled.rows(("public", "gone")) == Counter({("1", "x"): 1})
    assert assembled.rows(("public", "strict")) == Counter({("1", "set"): 1})
    assert assembled.columns[("public", "strict")] == ("id", "old")


@pytest.mark.clears("RecordTooLarge")
def test_a_record_of_60_mib_passes_and_a_larger_one_stops(register: CapturedRegister) -> None:
    register.execute("ALTER TABLE person ALTER name SET STORAGE EXTERNAL")
    register.apply()
    register.execute("INSERT INTO person VALUES (1, repeat('x', 60 << 20))")
    assert is_same(register)
    register.execute("INSERT INTO person VALUES (2, repeat('x', (64 << 20) + 1))")
    stop = register.wait_for("FAILED").stop
    assert stop is not None
    assert stop.cause_class == "RecordTooLarge"
    assert "larger than 64 MiB" in stop.reason
    # The remedy: a smaller row, and a slot behind the large one; what passed meanwhile comes with the snapshot.
    register.execute(
        "DELETE FROM person WHERE id = 2", "SELECT pg_drop_replication_slot('slot_' || current_database())"
    )
    before = len(sessions(register))
    again(register)
    wait_until(lambda: len(sessions(register)) > before, seconds=60, what="another session has begun")


@pytest.mark.clears("SettingRefused")
def test_a_configuration_that_would_drop_rows_is_refused(register: CapturedRegister) -> None:
    wanted = plan(register.site, register.name)
    with ConnectClient(register.worker.url) as client, pytest.raises(ConfigError, match=r"skipped\.operations=t"):
        client.put(wanted.name, wanted.config | {"skipped.operations": "t"})
    register.apply()
    register.execute("INSERT INTO person VALUES (1, 'goes on')")
    assert is_same(register)
