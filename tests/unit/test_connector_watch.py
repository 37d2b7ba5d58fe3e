"""The watcher restarts failed tasks with growing pauses and remembers why they failed."""

from itertools import pairwise
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from connectors.client import ConnectorStatus
from connectors.watch import MISSING_SECONDS, PAUSE_SECONDS_MAX, RUNS_SECONDS, SETTLED_SECONDS, Watcher, read_health
from data_embassy import metrics
from data_embassy.errors import TransportError

RUNNING = ConnectorStatus(state="RUNNING")
FAILED = ConnectorStatus(state="FAILED", cause="SlotMissing: it is gone. Remedy: embassy register snapshot NAME")


class Connect:
    def __init__(self) -> None:
        self.answer: ConnectorStatus | TransportError = RUNNING
        self.restarted: list[str] = []

    def status(self, name: str) -> ConnectorStatus:
        if isinstance(self.answer, TransportError):
            raise self.answer
        return self.answer

    def restart_failed(self, name: str) -> None:
        self.restarted.append(name)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def connect() -> Connect:
    return Connect()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watcher(connect: Connect, clock: Clock, tmp_path: Path) -> Watcher:
    return Watcher(["population"], connect, tmp_path, clock=clock)


def restart_times(watcher: Watcher, connect: Connect, clock: Clock, seconds: int) -> list[float]:
    times = []
    for _ in range(seconds):
        count = len(connect.restarted)
        watcher.step()
        if len(connect.restarted) > count:
            times.append(clock.now)
        clock.now += 1
    return times


def test_a_running_connector_is_left_alone(watcher: Watcher, connect: Connect, clock: Clock) -> None:
    assert restart_times(watcher, connect, clock, 10) == []


def test_pauses_between_restarts_double_up_to_a_limit(watcher: Watcher, connect: Connect, clock: Clock) -> None:
    connect.answer = FAILED
    times = restart_times(watcher, connect, clock, 400)
    pauses = [after - before for before, after in pairwise(times)]
    assert connect.restarted[0] == "capture.population"
    assert pauses[:3] == [5, 9, 11]  # The pause begins at the step after a restart.
    assert pauses[-1] == PAUSE_SECONDS_MAX + 1


def test_a_task_that_ran_long_starts_with_a_short_pause_again(watcher: Watcher, connect: Connect, clock: Clock) -> None:
    connect.answer = FAILED
    restart_times(watcher, connect, clock, 200)
    connect.answer = RUNNING
    restart_times(watcher, connect, clock, int(SETTLED_SECONDS) + 2)
    connect.answer, began = FAILED, clock.now
    assert restart_times(watcher, connect, clock, 10)[0] == began + 2


def test_the_last_cause_outlives_the_restart_and_the_process(
    watcher: Watcher, connect: Connect, clock: Clock, tmp_path: Path
) -> None:
    connect.answer = FAILED
    restart_times(watcher, connect, clock, 5)
    connect.answer = RUNNING
    watcher.step()
    health = read_health(tmp_path, "population")
    assert health is not None
    assert (health.state, health.cause, health.restarts) == ("RUNNING", FAILED.cause, 1)
    assert Watcher(["population"], connect, tmp_path)._known["population"] == health


def test_a_cause_of_the_plugins_own_stands_until_the_task_has_run_for_a_while(
    watcher: Watcher, connect: Connect, clock: Clock, tmp_path: Path
) -> None:
    def told() -> tuple[str | None, str | None, str | None]:
        watcher.step()
        health = read_health(tmp_path, "population")
        assert health is not None
        return health.cause_class, health.reason, health.remedy

    connect.answer = FAILED
    stop = ("SlotMissing", "it is gone", "embassy register snapshot population")
    assert told() == stop
    connect.answer = RUNNING
    assert told() == stop
    clock.now += RUNS_SECONDS
    assert told() == stop
    clock.now += 1
    assert told() == (None, None, None)


def test_only_a_connector_that_was_there_can_be_missing(
    watcher: Watcher, connect: Connect, clock: Clock, tmp_path: Path
) -> None:
    def is_missing(answer: ConnectorStatus | TransportError) -> bool:
        connect.answer = answer
        watcher.step()
        clock.now += MISSING_SECONDS + 1
        watcher.step()
        health = read_health(tmp_path, "population")
        return health is not None and health.is_missing(clock.now)

    absent = ConnectorStatus(state="ABSENT")
    assert not is_missing(absent)
    assert not is_missing(TransportError("Kafka Connect does not answer", remedy="start it"))
    assert not is_missing(absent)
    assert not is_missing(RUNNING)
    assert is_missing(absent)


def test_a_silent_connect_is_noted_and_waited_for(watcher: Watcher, connect: Connect, tmp_path: Path) -> None:
    connect.answer = TransportError("Kafka Connect does not answer", remedy="start it")
    watcher.step()
    health = read_health(tmp_path, "population")
    assert health is not None
    assert (health.state, health.cause) == ("UNREACHABLE", "Kafka Connect does not answer")


def test_metrics_show_a_silent_connect_and_why_a_task_stands_still(
    connect: Connect, clock: Clock, tmp_path: Path
) -> None:
    def shown(name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(f"embassy_{name}", labels)

    stopped = {"register": "measured", "cause": "SlotMissing"}
    connect.answer = FAILED
    for _ in range(2):  # The second process finds what the first one wrote.
        watcher = Watcher(["measured"], connect, tmp_path, clock=clock)
        watcher.step()
        assert (shown("connect_up"), shown("stopped", **stopped)) == (1, 1)
        metrics.forget("measured")
    connect.answer = TransportError("away", remedy="wait")
    watcher.step()
    assert (shown("connect_up"), shown("connector_running", register="measured")) == (0, 0)
    connect.answer = RUNNING
    watcher.step()
    clock.now += RUNS_SECONDS + 1
    watcher.step()
    assert (shown("connect_up"), shown("stopped", **stopped)) == (1, 0)
    metrics.forget("measured")


def test_a_damaged_file_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "population.json").write_text("{")
    assert read_health(tmp_path, "population") is None
