"""One process beats in every register; one that is away does not hold up the others and comes back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from data_embassy.config import Site
from deploy.local.machine import wait_until
from pipelines.pulse import run_pulse
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
    site = replace(register.site, registers={"away": away, register.register.name: register.register})
    with pulsing(site):
        wait_until(lambda: beats(register) >= 2, seconds=20, what="two beats")


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


def test_other_loops_run_beside_and_their_failure_ends_the_process(register: PreparedRegister):
    def failing(stop: threading.Event) -> None:
        raise RuntimeError("a programmer's mistake")

    with pytest.raises(RuntimeError, match="mistake"):
        run_pulse(register.site, loops=[failing], stop=threading.Event(), look=lambda: register.site)
