"""Questions to the history: lags over time, and what happened."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from consumers.control import Control
from consumers.history.store import hops_of

POINTS_MAX: Final = 10_000
_SAMPLES: Final = (
    "SELECT at, lag_seconds, hops, transactions, backlog_envelopes, state, cause, objective_seconds FROM ("
    " SELECT DISTINCT ON (bucket) * FROM ("
    "  SELECT *, ceil(extract(epoch FROM at - %(since)s) / %(width)s) AS bucket FROM public.lags"
    "  WHERE register = %(register)s AND at > %(since)s AND at <= %(until)s"
    " ) AS kept ORDER BY bucket, lag_seconds DESC NULLS LAST, at"
    ") AS thinned ORDER BY at"
)
UNWRITTEN_SECONDS: Final = 20.0
"""What is so new may not be written yet: it says nothing."""
_BOUNDS: Final = (
    "SELECT (SELECT at - make_interval(secs => span_seconds) FROM public.lags WHERE register = %(register)s"
    " ORDER BY at LIMIT 1), (SELECT at FROM public.lags WHERE register = %(register)s ORDER BY at DESC LIMIT 1)"
)
_SUMS: Final = """
SELECT coalesce(sum(known_seconds * share), 0), coalesce(sum(met_seconds * share), 0),
       coalesce(sum(known_seconds * share) FILTER (WHERE objective_seconds IS NULL), 0), max(objective_seconds) FROM (
    SELECT known_seconds::float8, met_seconds::float8, objective_seconds,
           CASE WHEN begins_at >= %(since)s AND at <= %(until)s THEN 1.0
                ELSE extract(epoch FROM least(at, %(until)s) - greatest(begins_at, %(since)s))::float8
                     / span_seconds END AS share
      FROM (SELECT *, at - make_interval(secs => span_seconds) AS begins_at FROM public.lags
             WHERE register = %(register)s AND at > %(since)s AND at < %(until)s + interval '1 hour'
               AND span_seconds > 0) AS near
     WHERE begins_at < %(until)s) AS within
"""
"""Of entries at the edges only a share counts."""
_WORST: Final = (
    "SELECT worst_at, lag_seconds, hops, transactions, backlog_envelopes, state, cause, objective_seconds"
    " FROM public.lags WHERE register = %(register)s AND at > %(since)s AND at <= %(until)s"
    " AND lag_seconds IS NOT NULL ORDER BY lag_seconds DESC, at LIMIT 1"
)
_EVENTS: Final = (
    "SELECT at, register, event, cause, detail, remedy, ended_at, facts FROM public.history"
    " WHERE (%(register)s::text IS NULL OR register = %(register)s)"
    " AND at < %(until)s AND (at >= %(since)s OR ended_at > %(since)s OR (ended_at IS NULL AND subject IS NOT NULL))"
    " ORDER BY at DESC, id DESC LIMIT %(limit)s"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How far behind a register was at one moment: the worst of what this sample stands for."""

    at: dt.datetime
    lag_seconds: float | None
    """None while nobody could say."""
    hops: Mapping[str, float]
    """Seconds by hop; those that are not known are missing."""
    transactions: int | None
    """Applied since the generation began."""
    backlog_envelopes: int | None
    state: str
    cause: str | None = None
    objective_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a register."""

    at: dt.datetime
    register: str
    kind: str
    """outage, stop, pause, generation, live, superseded, replay, verification, drill, repair ..."""
    cause: str | None
    text: str
    remedy: str | None
    """The command that ends it, or ended it."""
    ended_at: dt.datetime | None
    """None while it lasts, and for what has no duration."""
    facts: Mapping[str, Any] = field(default_factory=dict)


def samples(
    control: Control, register: str, *, since: dt.datetime, until: dt.datetime, points_max: int
) -> list[Sample]:
    """Samples after `since` until `until`, oldest first: of each of `points_max` equal parts the one of worst lag.

    Where nobody looked there is none.
    """
    points = max(1, min(points_max, POINTS_MAX))
    rows = control.connection.execute(
        _SAMPLES,
        {
            "register": register,
            "since": since,
            "until": until,
            "width": max(1e-3, (until - since).total_seconds() / points),
        },
    ).fetchall()
    return [_sample(row) for row in rows]


def registers(control: Control) -> list[str]:
    """All registers that the history knows."""
    return [name for (name,) in control.connection.execute("SELECT register FROM public.sampled").fetchall()]


def events(
    control: Control, register: str | None, *, since: dt.datetime, until: dt.datetime, limit: int
) -> list[Event]:
    """What happened, or still lasted, between two moments; newest first. None asks for all registers."""
    rows = control.connection.execute(
        _EVENTS,
        {"register": register, "since": since, "until": until, "limit": limit},
    ).fetchall()
    return [
        Event(at=at, register=name, kind=kind, cause=cause, text=text, remedy=remedy, ended_at=ended, facts=facts or {})
        for at, name, kind, cause, text, remedy, ended, facts in rows
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How much of a period is known of a register, and how much of it was within the objective."""

    since: dt.datetime
    """Begin of the part of the period in which the register was watched."""
    until: dt.datetime
    """End of it; up to here something could be known by now."""
    last: dt.datetime
    """When the newest that is known of the register was noted, within the period or not."""
    known_seconds: float
    met_seconds: float
    free_seconds: float
    """Of the known seconds those without an objective."""
    objective_seconds: int | None
    """The longest lag that was agreed on in this time; None without any."""
    worst: Sample | None
    """Of the longest lag that was seen."""

    @property
    def seconds(self) -> float:
        """Length."""
        return (self.until - self.since).total_seconds()


def totals(control: Control, register: str, *, since: dt.datetime, until: dt.datetime) -> Totals | None:
    """Sums over a period that is not in the future; None for a register that was not watched in it."""
    bounds = control.connection.execute(_BOUNDS, {"register": register}).fetchone()
    if bounds is None or bounds[0] is None:
        return None
    first, last = bounds
    begin, end = max(since, first), until
    if last < end and (end - last).total_seconds() <= UNWRITTEN_SECONDS:
        end = last
    if begin >= end:
        return None
    arguments = {"register": register, "since": begin, "until": end}
    known, met, free, objective = control.connection.execute(_SUMS, arguments).fetchone() or (0.0, 0.0, 0.0, None)
    row = control.connection.execute(_WORST, arguments).fetchone()
    seconds = (end - begin).total_seconds()
    return Totals(
        since=begin,
        until=end,
        last=last,
        # Where two receivers followed each other their last and first looks may overlap.
        known_seconds=min(known, seconds),
        met_seconds=min(met, seconds),
        free_seconds=min(free, seconds),
        objective_seconds=objective,
        worst=None if row is None else _sample(row),
    )


def _sample(row: Sequence[Any]) -> Sample:
    at, lag, hops, transactions, backlog, state, cause, objective = row
    return Sample(
        at=at,
        lag_seconds=lag,
        hops=hops_of(hops),
        transactions=transactions,
        backlog_envelopes=backlog,
        state=state,
        cause=cause,
        objective_seconds=objective,
    )
