"""One process beats in every register; one that is away does not hold up the others and comes back."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from prometheus_client import REGISTRY

from data_embassy.config import Site
from deploy.local.machine import wait_until
from pipelines.pulse import run_pulse
from pipelines.pulse.slot import read_slot
from tests.support.prepared_register import PreparedRegister, prepared_register
from tests.support.system import PlainPostgres


@pytest.fixture
def register(postgres: PlainPostgres, tmp_path: Path) -> Iterator[PreparedRegister]:
    with prepared_register(postgres, tmp_path) as one:
        yield one


@contextmanager
def pulsing(site: Site, **arguments) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=run_pulse, args=(site,), kwargs={"stop": stop, "look": lambda: site} | arguments)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def beats(register: PreparedRegister) -> int:
    return int(register.query("SELECT beat FROM data_embassy.pulse")[0][0])


def test_it_beats_once_a_second_and_counts(register: PreparedRegister):
    name = register.register.name
    with pulsing(register.site):
        wait_until(lambda: beats(register) >= 3, seconds=20, what="three beats")
    ((count, seconds),) = register.query(
        "SELECT beat, extract(epoch FROM clock_timestamp() - at)::float8 FROM data_embassy.pulse"
    )
    assert REGISTRY.get_sample_value("embassy_pulse_beats_total", {"register": name}) == count
    assert seconds < 20
    assert REGISTRY.get_sample_value("embassy_pulse_beat_timestamp_seconds", {"register": name})


def test_a_register_that_is_away_holds_nobody_up(register: PreparedRegister):
    source = register.register.source
    assert source is not None
    away = replace(register.register, name="away", source=replace(source, pulse=replace(source.pulse, port=1)))
    now = {"away": away, register.register.name: register.register}
    with pulsing(replace(register.site, registers=now)):
        wait_until(lambda: beats(register) >= 2, seconds=20, what="two beats")
        shown = {name: REGISTRY.get_sample_value("embassy_register_database_up", {"register": name}) for name in now}
        assert shown == {"away": 0.0, register.register.name: 1.0}
        unknown = REGISTRY.get_sample_value("embassy_slot_retained_bytes", {"register": "away"})
        assert unknown is not None
        assert math.isnan(unknown)


def test_a_register_that_comes_beats_and_one_that_goes_does_not(register: PreparedRegister):
    now = [replace(register.site, registers={})]
    with pulsing(register.site, look=lambda: now[0]):
        now[0] = register.site
        wait_until(lambda: beats(register) >= 2, seconds=20, what="two beats")
        now[0] = replace(register.site, registers={})
        labels = {"register": register.register.name}
        wait_until(
            lambda: REGISTRY.get_sample_value("embassy_pulse_beats_total", labels) is None,
            seconds=20, what="nothing is shown of it",
        )  # fmt: skip


def test_it_comes_back_after_its_session_was_ended(register: PreparedRegister):
    with pulsing(register.site):
        wait_until(lambda: beats(register) >= 1, seconds=20, what="a beat")
        ended = register.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'data-embassy pulse' AND datname = current_database()"
        )
        assert ended == [(True,)]
        seen = beats(register)
        wait_until(lambda: beats(register) > seen + 1, seconds=30, what="beats after the loss")


def test_it_tells_what_the_slot_holds_back(register: PreparedRegister):
    source = register.register.source
    assert source is not None
    register.run(f"SELECT pg_create_logical_replication_slot('{source.slot}', 'pgoutput')")
    register.run("CREATE TABLE t AS SELECT repeat('x', 100000)")

    def held() -> float:
        labels = {"register": register.register.name}
        return REGISTRY.get_sample_value("embassy_slot_retained_bytes", labels) or 0

    with pulsing(register.site):
        wait_until(lambda: held() > 0, seconds=20, what="bytes held back")
    assert REGISTRY.get_sample_value("embassy_slot_active", {"register": register.register.name}) == 0


def test_a_slot_that_grows_towards_its_limit_says_when_it_loses_data(
    register: PreparedRegister, postgres: PlainPostgres, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipelines.pulse.slot.LEAST_SECONDS", 2.0)
    name, source = register.register.name, register.register.source
    assert source is not None
    register.run(f"SELECT pg_create_logical_replication_slot('{source.slot}', 'pgoutput')")

    def shown(metric: str) -> float:
        return REGISTRY.get_sample_value(f"embassy_slot_{metric}", {"register": name}) or 0

    def is_shrinking() -> bool:
        register.run("INSERT INTO growing SELECT repeat(md5(random()::text), 1000) FROM generate_series(1, 20)")
        return 0 < shown("lost_seconds") < math.inf and 0 < shown("safe_bytes") < math.inf

    register.run("CREATE TABLE growing (line text)")
    with limited(postgres, "max_slot_wal_keep_size", "1GB"), pulsing(register.site):
        wait_until(is_shrinking, seconds=30, what="the slot's end is foreseen")
        assert REGISTRY.get_sample_value("embassy_slot_wal_status", {"register": name, "status": "lost"}) == 0
        told = read_slot(register.site.state, name)
        assert told is not None
        assert told.safe_bytes is not None
    assert shown("retained_bytes") > 0


@contextmanager
def limited(postgres: PlainPostgres, setting: str, value: str) -> Iterator[None]:
    """The server with another setting, for a while."""
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET {setting} = '{value}'")
        connection.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            connection.execute(f"ALTER SYSTEM RESET {setting}")
            connection.execute("SELECT pg_reload_conf()")


def test_other_loops_run_beside_and_their_failure_ends_the_process(register: PreparedRegister):
    def failing(stop: threading.Event) -> None:
        raise RuntimeError("a programmer's mistake")

    with pytest.raises(RuntimeError, match="mistake"):
        run_pulse(register.site, loops=[failing], stop=threading.Event(), look=lambda: register.site)
