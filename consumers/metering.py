"""Gauges of the receiver: computed when they are asked for, so that a stalled thread shows as growing lag."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from consumers.position import StandbyPosition
from consumers.worker import StandbyWorker
from data_embassy import metrics
from data_embassy.clock import Comparison
from data_embassy.config import Register

_NAN = float("nan")


class Watched(Protocol):
    """What is measured: a register and its live worker."""

    @property
    def register(self) -> Register: ...  # noqa: D102

    @property
    def last_position(self) -> StandbyPosition | None: ...  # noqa: D102

    @property
    def live(self) -> StandbyWorker | None: ...  # noqa: D102


def watch_clocks(comparison: Comparison) -> None:
    """Let the gauge show how far this site's clock is from home's."""

    def seconds() -> float:
        offset = comparison.offset
        return _NAN if offset is None else offset.seconds

    metrics.CLOCK_OFFSET.set_function(seconds)


def watch(receiver: Watched) -> None:
    """Let the register's gauges show this receiver's live standby."""
    name = receiver.register.name

    def of_position(read: Callable[[StandbyPosition], float | None]) -> Callable[[], float]:
        def value() -> float:
            worker = receiver.live
            position = receiver.last_position if worker is None or worker.position is None else worker.position
            found = None if position is None else read(position)
            return _NAN if found is None else float(found)

        return value

    metrics.LAG.labels(name).set_function(of_position(lag_seconds))
    metrics.APPLIED_COMMIT_LSN.labels(name).set_function(of_position(lambda position: position.last_end))
    metrics.APPLIED_HOME_OFFSET.labels(name).set_function(of_position(lambda position: position.home_offset))
    metrics.APPLIED_LANE_OFFSET.labels(name).set_function(of_position(lambda position: position.lane_offset))
    metrics.GENERATION.labels(name).set_function(of_position(lambda position: position.generation))
    metrics.BACKLOG_ENVELOPES.labels(name).set_function(lambda: _backlog(receiver.live))
    metrics.PULSE_AGE.labels(name).set_function(lambda: _pulse_age(receiver.live))


def lag_seconds(position: StandbyPosition) -> float | None:
    """The embassy's clock minus the newest applied pulse: never negative, None before the first pulse."""
    return None if position.pulse_at is None else max(0.0, time.time() - position.pulse_at / 1e6)


def show_stops(register: str, causes: set[str]) -> None:
    """Set the stop gauge of these causes and clear it for others."""
    for labels in list(metrics.STOPPED._metrics):  # noqa: SLF001 (the library offers no list of labels)
        if labels[0] == register and labels[1] not in causes:
            metrics.STOPPED.labels(*labels).set(0)
    for cause in causes:
        metrics.STOPPED.labels(register, cause).set(1)


def _backlog(worker: StandbyWorker | None) -> float:
    if worker is None or worker.position is None or worker.lane_end is None:
        return _NAN
    return float(max(0, worker.lane_end - worker.position.lane_offset - 1))


def _pulse_age(worker: StandbyWorker | None) -> float:
    if worker is None or worker.pulse_applied_at is None:
        return _NAN
    return time.time() - worker.pulse_applied_at
