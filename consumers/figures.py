"""What can be said of a register at the embassy in numbers, right now: computed whenever somebody asks.

So a thread that stands still shows as a lag that grows, never as a number that stays. What is not known is None.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from consumers.course import Course, Figures, LaneLook
from consumers.position import StandbyPosition
from consumers.worker import StandbyWorker
from data_embassy.clock import OFFSET_SECONDS_MAX, Comparison, behind
from data_embassy.hops import Measured
from data_embassy.retention import headroom

_MICROSECONDS = 1e6


class Watched(Protocol):
    """One register's receiver, as it is measured."""

    @property
    def live(self) -> StandbyWorker | None: ...  # noqa: D102

    @property
    def last_position(self) -> StandbyPosition | None: ...  # noqa: D102

    @property
    def course(self) -> Course: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruments:
    """What figures are taken with: clocks and eyes of the site."""

    comparison: Comparison
    now: Callable[[], float]
    monotonic: Callable[[], float]
    look: Callable[[str], LaneLook | None] | None = None
    """The broker's newest answer about a register's lane: None when it is old. Without eyes workers are believed."""


def position_of(receiver: Watched) -> StandbyPosition | None:
    """The live standby's position, else the last one known."""
    worker = receiver.live
    return receiver.last_position if worker is None or worker.position is None else worker.position


def figures(register: str, receiver: Watched, instruments: Instruments) -> Figures:
    """What is known now."""
    worker, position, comparison = receiver.live, position_of(receiver), instruments.comparison
    look, now = None if instruments.look is None else instruments.look(register), instruments.monotonic()
    measured = Measured() if worker is None else worker.beats.newest
    correction = comparison.correction
    lag = None
    if position is not None and position.pulse_at is not None:
        pulse_at = position.pulse_at / _MICROSECONDS
        lag = behind(instruments.now(), pulse_at, correction=correction, ahead=measured.ahead)
    backlog = None if look is None and instruments.look is not None else _backlog(position, worker, look)
    each = None if worker is None else worker.envelope_bytes
    comes = receiver.course.envelopes_per_second(now)
    waiting = 0 if backlog == 0 else None if backlog is None or each is None else round(backlog * each)
    return Figures(
        has_all=_has_all(worker, look),
        key_envelopes=None if worker is None else worker.key_envelopes,
        lag_seconds=lag,
        is_lag_trusted=False if measured.ahead > OFFSET_SECONDS_MAX else comparison.is_small,
        hops=measured.hops,
        ahead_seconds=measured.ahead,
        correction_seconds=correction,
        backlog_envelopes=backlog,
        backlog_bytes=waiting,
        backlog_transactions=receiver.course.transactions_waiting(now, backlog),
        level_in_seconds=receiver.course.level_in(now, lag, backlog),
        lane_headroom_seconds=None
        if look is None or look.retention is None
        else headroom(
            look.retention,
            oldest_age=0.0 if backlog == 0 else lag,
            waiting_bytes=waiting,
            coming_bytes=None if comes is None or each is None else comes * each,
        ),
    )


def _has_all(worker: StandbyWorker | None, look: LaneLook | None) -> bool:
    """A worker that reads no more believes that it has all: the broker's word counts too."""
    if worker is None or look is None or worker.lane_end is None or worker.trouble is not None:
        return False
    return worker.has_all and look.end <= worker.lane_end


def _backlog(position: StandbyPosition | None, worker: StandbyWorker | None, look: LaneLook | None) -> int | None:
    """A worker that stands still knows an old end of the lane: the broker's word counts too."""
    ends = [] if look is None else [look.end]
    if worker is not None and worker.lane_end is not None:
        ends.append(worker.lane_end)
    return None if position is None or not ends else max(0, max(ends) - position.lane_offset - 1)


def known(value: float | None) -> float:
    """For a gauge: NaN for what is not known."""
    return math.nan if value is None else float(value)
