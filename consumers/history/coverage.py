"""How looks at a register become entries of its history, and how much of the time they cover (pure).

An entry stands for the time before it. Of this time it says how much is known, and how much was within the objective:

- Between two looks that follow each other closely the objective was met when it was met at both.
- Nobody looks while the receiver starts again. A standby falls behind by one second each second and no faster, so
  such a time counts as met when the lag before it and its length together stay within the objective.
- After more than GAP_SECONDS nothing is known, and nothing counts as met.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Final

from data_embassy.status import meets

LOOK_SECONDS: Final = 1.0
CLOSE_SECONDS: Final = 2.5 * LOOK_SECONDS
"""Looks at most this far apart follow each other closely."""
GAP_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the receiver knows of a register at one moment."""

    at: dt.datetime
    state: str
    lag_seconds: float | None = None
    is_lag_trusted: bool | None = None
    """False while the clocks of the sites differ: such a lag is shown and proves nothing."""
    hops: Mapping[str, float] = field(default_factory=dict)
    transactions: int | None = None
    backlog_envelopes: int | None = None
    objective_seconds: int | None = None
    cause: str | None = None

    @property
    def known_lag_seconds(self) -> float | None:
        """The lag, where it proves something."""
        return None if self.is_lag_trusted is False else self.lag_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row of the history; see HISTORY_TABLES."""

    register: str
    at: dt.datetime
    span_seconds: float
    known_seconds: float
    met_seconds: float
    lag_seconds: float | None
    worst_at: dt.datetime
    hops: Mapping[str, float]
    transactions: int | None
    backlog_envelopes: int | None
    objective_seconds: int | None
    state: str
    cause: str | None

    @property
    def begins_at(self) -> dt.datetime:
        """Begin of the time that it stands for."""
        return self.at - dt.timedelta(seconds=self.span_seconds)

    @property
    def is_met(self) -> bool:
        """True when the objective was met all the time."""
        return self.met_seconds >= self.span_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one look adds."""

    entry: Entry | None = None
    gap_since: dt.datetime | None = None
    """Begin of a time until this look in which nobody looked."""
    is_met: bool | None = None
    """Whether the objective is met now; None while that may still turn out."""


class Coverage:
    """Of one register. Time is this site's clock: where it was set back, or far ahead, a gap is left."""

    def __init__(self, register: str, last: Entry | None = None) -> None:
        """`last` is the newest entry that is stored: coverage goes on behind it."""
        self._register = register
        self._covered = self._looked = None if last is None else last.at
        self._known: tuple[dt.datetime, float] | None = None
        if last is not None and last.lag_seconds is not None and last.known_seconds >= last.span_seconds:
            # The worst of its time is no less than what it was at its end.
            self._known = (last.at, last.lag_seconds)

    def take(self, look: Look) -> Seen:
        """Take the next look."""
        before, self._looked = self._looked, look.at
        lag = look.known_lag_seconds
        is_met = meets(look.objective_seconds, lag)
        if before is None or self._covered is None or not 0 < _seconds(before, look.at) <= GAP_SECONDS:
            gap_since, self._covered = self._covered, look.at
            self._known = None if lag is None else (look.at, lag)
            is_gap = gap_since is not None and gap_since < look.at
            return Seen(gap_since=gap_since if is_gap else None, is_met=is_met)
        if lag is None and self._known is not None and _seconds(self._known[0], look.at) <= GAP_SECONDS:
            return Seen(is_met=None)
        span = _seconds(self._covered, look.at)
        known = self._known is not None and lag is not None and _seconds(self._known[0], look.at) <= GAP_SECONDS
        entry = Entry(
            register=self._register,
            at=look.at,
            span_seconds=span,
            known_seconds=span if known else 0.0,
            met_seconds=span if known and self._was_met(look) else 0.0,
            lag_seconds=look.lag_seconds,
            worst_at=look.at,
            hops=look.hops,
            transactions=look.transactions,
            backlog_envelopes=look.backlog_envelopes,
            objective_seconds=look.objective_seconds,
            state=look.state,
            cause=look.cause,
        )
        self._covered = look.at
        self._known = None if lag is None else (look.at, lag)
        return Seen(entry=entry, is_met=is_met)

    def _was_met(self, look: Look) -> bool:
        assert self._known is not None
        at, lag = self._known
        objective, step = look.objective_seconds, _seconds(at, look.at)
        possible = lag if step <= CLOSE_SECONDS else lag + step
        return bool(meets(objective, look.known_lag_seconds) and meets(objective, possible))


def fold(entries: Iterable[Entry]) -> Entry:
    """One entry for the time of several of one register, in order; the worst lag of it, and what was then."""
    return reduce(_both, entries)


def _both(one: Entry, other: Entry) -> Entry:
    worst = other if _badness(other) > _badness(one) else one
    slowest = other if sum(other.hops.values()) > sum(one.hops.values()) else one
    return replace(
        worst,
        at=other.at,
        span_seconds=one.span_seconds + other.span_seconds,
        known_seconds=one.known_seconds + other.known_seconds,
        met_seconds=one.met_seconds + other.met_seconds,
        hops=slowest.hops,
        transactions=one.transactions if other.transactions is None else other.transactions,
        backlog_envelopes=max(
            (b for b in (one.backlog_envelopes, other.backlog_envelopes) if b is not None), default=None
        ),
        objective_seconds=other.objective_seconds,
    )


def _badness(entry: Entry) -> float:
    return -1.0 if entry.lag_seconds is None else entry.lag_seconds


def _seconds(begin: dt.datetime, end: dt.datetime) -> float:
    return (end - begin).total_seconds()
