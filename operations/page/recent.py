"""What this process saw lately, in memory: the past of a home site, and the embassy's when its database is away.

Three tiers keep fewer moments the longer ago they are; each keeps the worst of what it stands for. Pure.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from data_embassy.config import Role
from data_embassy.status import RegisterStatus
from operations.page.behind import behind
from operations.page.snapshot import SPANS, Event, Sample

EVENTS_MAX: Final = 500
POINTS: Final = 360
"""Moments that each tier keeps of its span."""
STILL: Final = ("stopped", "down", "waiting", "paused", "unknown")
"""States that are events; the last only with a cause."""
TREND: Final = dt.timedelta(minutes=15)
TREND_POINTS: Final = 60


@dataclass(slots=True)
class _Tier:
    step: dt.timedelta
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=POINTS))

    def add(self, sample: Sample) -> None:
        last = self.samples[-1] if self.samples else None
        if last is not None and _slot(last.at, self.step) == _slot(sample.at, self.step):
            self.samples[-1] = worse(last, sample)
        else:
            self.samples.append(sample)


@dataclass(slots=True)
class _Memory:
    tiers: list[_Tier] = field(default_factory=lambda: [_Tier(span.length / POINTS) for span in SPANS.values()])
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=EVENTS_MAX))


class Recent:
    """Memory of one process. One thread uses it."""

    def __init__(self) -> None:
        self._registers: dict[str, _Memory] = {}

    def add(self, found: Sequence[RegisterStatus], at: dt.datetime, role: Role) -> None:
        """Remember what was seen; forgets registers that are not there any more."""
        self._registers = {one.register: self._registers.get(one.register, _Memory()) for one in found}
        for one in found:
            memory = self._registers[one.register]
            for tier in memory.tiers:
                tier.add(sample_of(one, at, role))
            _follow(memory.events, one, at)

    def samples(
        self, register: str, *, since: dt.datetime, until: dt.datetime, points_max: int = POINTS
    ) -> list[Sample]:
        """As `consumers.history.read.samples`."""
        memory = self._registers.get(register)
        if memory is None:
            return []
        length = until - since
        tier = next((one for one in memory.tiers if one.step * POINTS >= length), memory.tiers[-1])
        width = max(length / points_max, dt.timedelta(milliseconds=1))
        thinned: dict[int, Sample] = {}
        for sample in tier.samples:
            if since < sample.at <= until:
                bucket = (sample.at - since) // width
                thinned[bucket] = worse(thinned[bucket], sample) if bucket in thinned else sample
        return list(thinned.values())

    def events(self, register: str, *, since: dt.datetime, until: dt.datetime, limit: int) -> list[Event]:
        """As `consumers.history.read.events`."""
        memory = self._registers.get(register)
        found = [] if memory is None else [one for one in memory.events if one.at < until and _lasts_into(one, since)]
        return found[::-1][:limit]

    def trend(self, register: str, until: dt.datetime) -> tuple[float | None, ...]:
        """Lag of the last quarter of an hour in equal steps; None where it was not known."""
        steps: list[float | None] = [None] * TREND_POINTS
        since, width = until - TREND, TREND / TREND_POINTS
        for sample in self.samples(register, since=since, until=until, points_max=TREND_POINTS):
            steps[min(TREND_POINTS - 1, (sample.at - since) // width)] = sample.lag_seconds
        return tuple(steps)


def sample_of(one: RegisterStatus, at: dt.datetime, role: Role) -> Sample:
    """A register's state as the history keeps it."""
    return Sample(
        at=at,
        lag_seconds=behind(one, role).seconds,
        hops=one.hops,
        transactions=one.transactions,
        backlog_envelopes=one.backlog.envelopes,
        state=one.state,
        cause=one.cause,
        objective_seconds=one.objective_seconds,
    )


def worse(one: Sample, other: Sample) -> Sample:
    """The one of longer lag, the later one of equals; a lag that is not known is the worst of all."""
    first, second = (float("inf") if each.lag_seconds is None else each.lag_seconds for each in (one, other))
    return one if first > second else other


def _follow(events: deque[Event], one: RegisterStatus, at: dt.datetime) -> None:
    """Begin an event with the state that it tells of, and end it with that state."""
    last = events[-1] if events else None
    is_open = last is not None and last.ended_at is None
    if last is not None and is_open:
        if (last.kind, last.cause) == (one.state, one.cause):
            return
        events[-1] = replace(last, ended_at=at)
    if one.state in STILL and (one.state != "unknown" or one.cause is not None):
        text = one.reason or one.state
        events.append(
            Event(
                at=at, register=one.register, kind=one.state, cause=one.cause, text=text, remedy=one.remedy,
                ended_at=None,
            )
        )  # fmt: skip


def _lasts_into(event: Event, since: dt.datetime) -> bool:
    return event.at >= since or event.ended_at is None or event.ended_at > since


def _slot(at: dt.datetime, step: dt.timedelta) -> int:
    return (at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // step
