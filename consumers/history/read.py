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
    """outage, stop, pause, generation, live, superseded, replay, verification, repair ..."""
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
