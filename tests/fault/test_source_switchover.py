"""The register moves to its physical standby, or to a restored backup: capture goes on exactly, or says why not."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from consumers.marker import check_marker
from consumers.refusals import TimelineForked
from data_embassy import causes
from deploy.local.machine import wait_until
from schemas import records
from tests.support.captured_register import CapturedRegister, make_register
from tests.support.connect_worker import ConnectWorker
from tests.support.prepared_register import prepared_register
from tests.support.source_server import Server, source_server
from tests.support.watched_source import NOTICED_SECONDS, beat_of, begin_generation, pulsing_live

PERSON = ("public", "person")
TABLES = "CREATE TABLE person (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text)"


def make(name: str, worker: ConnectWorker, server: Server, *, is_failover: bool = True) -> CapturedRegister:
    """A register whose slot is made as a snapshot makes it."""
    register = make_register(name, worker, server.plain, tables=TABLES, keys={PERSON: ("id",)})
    if is_failover:
        register.execute(
            "SELECT pg_drop_replication_slot('slot_' || current_database())",
            "SELECT pg_create_logical_replication_slot('slot_' || current_database(), 'pgoutput', failover => true)",
            "TRUNCATE data_embassy.pulse",
            "INSERT INTO data_embassy.pulse VALUES (1, 0)",
        )
    return register


@contextmanager
def writing(*registers: CapturedRegister) -> Iterator[None]:
    """Writers on every register until the end, or until their server goes."""
    ended = threading.Event()

    def write(register: CapturedRegister) -> None:
        try:
            with psycopg.connect(register.server.dsn(register.name), autocommit=True) as connection:
                while not ended.wait(0.02):
                    connection.execute("INSERT INTO person (name) SELECT 'x' FROM generate_series(1, 10)")
                    connection.execute("UPDATE person SET name = name || 'y' WHERE id % 7 = 0 AND length(name) < 50")
                    connection.execute("DELETE FROM person WHERE id % 11 = 0")
        except psycopg.OperationalError:
            return

    threads = [threading.Thread(target=write, args=(register,)) for register in registers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(30)


def check_markers(register: CapturedRegister) -> list[int]:
    """Timelines of the sessions, each marker judged as the embassy judges it."""
    last_end, first, timelines = 0, None, []
    for _, value in register.topic():
        if value[2:10] not in records.FROZEN_NAMES:
            continue
        name, body = records.decode(value)
        if name == "End":
            last_end = max(last_end, body["commit_lsn"])
        elif name == "Session":
            if first is not None:
                check_marker(
                    body, last_end=last_end, system_identifier=first["system_identifier"],
                    timeline=timelines[-1], is_before_point=False,
                )  # fmt: skip
            first = first or body
            timelines.append(body["timeline"])
    return timelines


def is_equal(register: CapturedRegister) -> bool:
    return register.assemble().rows(PERSON) == register.rows(PERSON)


@pytest.mark.clears("RegisterInRecovery")
def test_streaming_goes_on_behind_a_planned_switchover(worker: ConnectWorker) -> None:
    with source_server() as primary:
        synced = make("synced", worker, primary)
        unsynced = make("unsynced", worker, primary, is_failover=False)
        standby = primary.stand_by("standby_one")
        try:
            primary.execute("ALTER SYSTEM SET synchronized_standby_slots = 'standby_one'", "SELECT pg_reload_conf()")
            for register in (synced, unsynced):
                register.apply()
            with writing(synced, unsynced):
                assert is_synced_after(synced, standby)
                # The address of the standby is given too early: it names that, and nothing is lost.
                early = replace(synced, server=standby.plain)
                early.apply()
                cause = early.wait_for("FAILED").stop
                assert cause is not None
                assert cause.cause_class == "RegisterInRecovery"
                synced.apply()
                synced.wait_for("RUNNING")
                primary.end("fast")
            standby.become_primary()
            moved = [replace(register, server=standby.plain) for register in (synced, unsynced)]
            with writing(*moved):
                for register in moved:
                    register.apply()
                moved[0].wait_for("RUNNING")
                assert check_rows(moved[0], at_least=1)
                stop = moved[1].wait_for("FAILED").stop
                assert stop is not None
                assert stop.cause_class == "SlotMissing"
                assert "embassy register snapshot" in stop.remedy
            assert is_equal(moved[0])
            assert check_markers(moved[0])[-1] == 2
            for register in moved:
                register.remove()
        finally:
            standby.end("immediate")


def is_synced_after(register: CapturedRegister, standby: Server) -> bool:
    """Beats move the slot on until the standby has a lasting copy of it."""

    def is_synced() -> bool:
        register.beat()
        return standby.is_synced(f"slot_{register.name}")

    wait_until(is_synced, seconds=90, what="the slot is synced")
    return True


def check_rows(register: CapturedRegister, *, at_least: int) -> bool:
    """The topic reaches the newest beat."""
    return register.assemble().seen["transactions"] >= at_least


@pytest.mark.campaign
def test_a_failover_that_lost_commits_is_refused(worker: ConnectWorker) -> None:
    with source_server() as primary:
        register = make("forked", worker, primary)
        standby = primary.stand_by("standby_one")
        try:
            register.apply()
            with writing(register):
                assert is_synced_after(register, standby)
            assert is_equal(register)
            standby.end("fast")
            with writing(register):
                time.sleep(1)
            assert is_equal(register)
            primary.end("immediate")
            standby.start()
            standby.become_primary()
            moved = replace(register, server=standby.plain)
            before = moved.end_offset()
            moved.apply()
            wait_until(lambda: moved.end_offset() > before, seconds=60, what="the new session's marker")
            with pytest.raises(TimelineForked, match="left timeline 1"):
                check_markers(moved)
            moved.remove()
        finally:
            standby.end("immediate")


@pytest.mark.campaign
def test_a_restored_backup_is_known_by_its_clock(tmp_path: Path) -> None:
    with source_server() as first, prepared_register(first.plain, tmp_path) as register:
        name = register.register.name
        site = replace(register.site, state=tmp_path / "state")
        register.run("SELECT pg_create_logical_replication_slot('data_embassy_' || current_database(), 'pgoutput')")
        begin_generation(site, name, 1)
        with pulsing_live(site) as live:
            wait_until(lambda: beat_of(register) > 1, seconds=20, what="two beats")
            backup = first.back_up("backup")
            beat = beat_of(register)
            wait_until(lambda: beat_of(register) > beat + 2, seconds=20, what="more beats than in the backup")
            try:
                backup.start()
                source = register.register.source
                assert source is not None
                pulse = replace(source.pulse, port=backup.plain.port)
                live.contract(replace(register.register, source=replace(source, pulse=pulse)))
                wait_until(lambda: live.stop(name) is not None, seconds=NOTICED_SECONDS, what="it is noticed")
            finally:
                backup.end("immediate")
        stop = live.stop(name)
        assert stop is not None
        assert stop.cause == "RegisterWentBack"
        assert stop.remedy == causes.DIFFERING.replace("NAME", name)
