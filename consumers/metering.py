"""Gauges of the receiver: computed when they are asked for, so that a stalled thread shows as growing lag."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from consumers.course import Figures
from consumers.figures import Watched, known, position_of
from consumers.position import StandbyPosition
from consumers.receipts import Condition
from data_embassy import metrics
from data_embassy.clock import Comparison
from data_embassy.config import Register
from data_embassy.status import HOPS, STATES

SILENT_SECONDS: Final = 10.0
"""A supervisor that has said nothing for so long does not work: its register is down."""


class Receiver(Watched, Protocol):
    """A register's receiver, as its gauges show it."""

    @property
    def register(self) -> Register: ...  # noqa: D102

    @property
    def condition(self) -> tuple[float, Condition] | None: ...  # noqa: D102

    @property
    def figures(self) -> Callable[[], Figures]: ...  # noqa: D102


def watch_clocks(comparison: Comparison) -> None:
    """Let the gauge show how far this site's clock is from home's."""
    metrics.of_site(metrics.CLOCK_OFFSET).set_function(
        lambda: math.nan if (offset := comparison.offset) is None else offset.seconds,
    )


def watch(receiver: Receiver) -> None:
    """Let the register's gauges show this receiver's live standby."""
    name = receiver.register.name

    def of_position(read: Callable[[StandbyPosition], float]) -> Callable[[], float]:
        def value() -> float:
            position = position_of(receiver)
            return math.nan if position is None else float(read(position))

        return value

    metrics.APPLIED_COMMIT_LSN.labels(name).set_function(of_position(lambda position: position.last_end))
    metrics.APPLIED_HOME_OFFSET.labels(name).set_function(of_position(lambda position: position.home_offset))
    metrics.APPLIED_LANE_OFFSET.labels(name).set_function(of_position(lambda position: position.lane_offset))
    metrics.GENERATION.labels(name).set_function(of_position(lambda position: position.generation))
    metrics.PULSE_AGE.labels(name).set_function(partial(_pulse_age, receiver))
    _watch_figures(name, receiver.figures)
    for state in STATES:
        metrics.STATE.labels(name, state).set_function(partial(_is_in, receiver, state))


def _watch_figures(name: str, figures: Callable[[], Figures]) -> None:
    def of(read: Callable[[Figures], float | None]) -> Callable[[], float]:
        return lambda: known(read(figures()))

    def of_hop(hop: str) -> Callable[[], float]:
        return lambda: known(figures().hops.get(hop))

    metrics.LAG.labels(name).set_function(of(lambda found: found.lag_seconds))
    metrics.LAG_TRUSTED.labels(name).set_function(of(lambda found: found.is_lag_trusted))
    metrics.BACKLOG_ENVELOPES.labels(name).set_function(of(lambda found: found.backlog_envelopes))
    metrics.BACKLOG_BYTES.labels(name).set_function(of(lambda found: found.backlog_bytes))
    metrics.BACKLOG_TRANSACTIONS.labels(name).set_function(of(lambda found: found.backlog_transactions))
    metrics.CATCHUP.labels(name).set_function(of(lambda found: found.level_in_seconds))
    metrics.RETENTION_HEADROOM.labels(name, "lane").set_function(of(lambda found: found.lane_headroom_seconds))
    for hop in HOPS:
        metrics.HOP.labels(name, hop).set_function(of_hop(hop))


def show_stops(register: str, causes: set[str]) -> None:
    """Set the stop gauge of these causes and clear it for others."""
    for labels in list(metrics.STOPPED._metrics):  # noqa: SLF001 (the library offers no list of labels)
        if labels[0] == register and labels[1] not in causes:
            metrics.STOPPED.labels(*labels).set(0)
    for cause in causes:
        metrics.STOPPED.labels(register, cause).set(1)


def _is_in(receiver: Receiver, state: str) -> float:
    """NaN while another receiver works on the register, or this one has not said anything yet."""
    said = receiver.condition
    if said is None:
        return math.nan
    at, condition = said
    now = "down" if time.monotonic() - at > SILENT_SECONDS else condition.state
    return 1.0 if state == now else 0.0


def _pulse_age(receiver: Receiver) -> float:
    """Since the newest pulse was applied; of one that an earlier worker applied, since it was made: not less."""
    worker = receiver.live
    if worker is None or worker.beats.applied_at is None:
        return known(receiver.figures().lag_seconds)
    return time.monotonic() - worker.beats.applied_at
