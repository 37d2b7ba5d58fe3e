"""The edge to the history's tables: entries and events are written, made fewer as they age, and found again."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import groupby
from typing import Any, Final

from psycopg.rows import class_row, dict_row

from consumers.history.coverage import Entry, fold
from data_embassy.postgres import Connection
from data_embassy.status import HOPS

SAMPLES_HOURS: Final = 48
KEPT_DAYS: Final = 400
EVENTS_MAX: Final = 20_000
"""Of one register: a cause that comes and goes each second must not fill the disk."""
_THINNED_HOURS: Final = 6
"""So much becomes minutes in one transaction."""
_ROWS: Final = "SELECT * FROM jsonb_populate_recordset(NULL::public.lag_samples, %s) ON CONFLICT DO NOTHING"
_INSERT_SAMPLES: Final = f"INSERT INTO public.lag_samples {_ROWS}"
_INSERT_MINUTES: Final = f"INSERT INTO public.lag_minutes {_ROWS}"
_SINCE: Final = (
    "INSERT INTO public.sampled SELECT register, min(at - make_interval(secs => span_seconds))"
    " FROM jsonb_populate_recordset(NULL::public.lag_samples, %s) GROUP BY register ON CONFLICT DO NOTHING"
)
_LAST: Final = "SELECT * FROM public.lags WHERE register = %s ORDER BY at DESC LIMIT 1"
_TAKE_OLD: Final = (
    "DELETE FROM public.lag_samples WHERE register = %(register)s AND at < least(%(until)s, ("
    "SELECT date_trunc('hour', min(at)) FROM public.lag_samples WHERE register = %(register)s)"
    " + make_interval(hours => %(hours)s)) RETURNING *"
)
_UPDATE_EVENT: Final = (
    "UPDATE public.history SET ended_at = %(ended_at)s, detail = %(text)s, cause = %(cause)s, remedy = %(remedy)s,"
    " facts = %(facts)s WHERE register = %(register)s AND at = %(at)s AND event = %(kind)s"
)
_INSERT_EVENT: Final = (
    "INSERT INTO public.history (register, event, at, ended_at, detail, cause, remedy, subject, facts)"
    " VALUES (%(register)s, %(kind)s, %(at)s, %(ended_at)s, %(text)s, %(cause)s, %(remedy)s, %(subject)s, %(facts)s)"
)
_DROP_OLD_EVENTS: Final = (
    "DELETE FROM public.history WHERE register = %(register)s AND (ended_at IS NOT NULL OR subject IS NULL)"
    " AND (at < %(since)s OR at < (SELECT at FROM public.history WHERE register = %(register)s"
    " ORDER BY at DESC OFFSET %(most)s LIMIT 1))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An event to be stored; the same register, kind and time are the same event."""

    register: str
    kind: str
    at: dt.datetime
    text: str
    ended_at: dt.datetime | None = None
    cause: str | None = None
    remedy: str | None = None
    subject: str | None = None
    """What it concerns, for events that last until `ended_at`; None for those without duration."""
    facts: Mapping[str, Any] = field(default_factory=dict)


class HistoryStore:
    """The tables, over one connection in autocommit. One thread uses it; all methods raise psycopg.Error."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Nothing rests on the newest second of the history.
        connection.execute("SET synchronous_commit = off")

    def write(self, entries: Sequence[Entry], happenings: Iterable[Happening]) -> None:
        """Store both in one transaction; what is there already is not stored twice."""
        with self._connection.transaction():
            if entries:
                rows = _json(entries)
                self._connection.execute(_INSERT_SAMPLES, (rows,))
                self._connection.execute(_SINCE, (rows,))
            for one in happenings:
                row = {each.name: getattr(one, each.name) for each in fields(one)} | {"facts": json.dumps(one.facts)}
                if self._connection.execute(_UPDATE_EVENT, row).rowcount == 0:
                    self._connection.execute(_INSERT_EVENT, row)

    def last(self, register: str) -> Entry | None:
        """The newest entry of a register."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(_LAST, (register,)).fetchone()
        return None if row is None else _entry(row)

    def lasting(self, register: str, kind: str) -> Happening | None:
        """The newest event of a kind that has not ended."""
        with self._connection.cursor(row_factory=class_row(Happening)) as cursor:
            return cursor.execute(
                "SELECT register, event AS kind, at, detail AS text, ended_at, cause, remedy, subject,"
                " coalesce(facts, '{}') AS facts FROM public.history"
                " WHERE register = %s AND event = %s AND ended_at IS NULL ORDER BY at DESC LIMIT 1",
                (register, kind),
            ).fetchone()

    def has(self, register: str, kind: str, at: dt.datetime) -> bool:
        """True when this event is stored."""
        row = self._connection.execute(
            "SELECT FROM public.history WHERE register = %s AND event = %s AND at = %s LIMIT 1", (register, kind, at)
        ).fetchone()
        return row is not None

    def thin(self, now: dt.datetime) -> None:
        """Make minutes of what is older than SAMPLES_HOURS; drop what is older than KEPT_DAYS."""
        until = (now - dt.timedelta(hours=SAMPLES_HOURS)).replace(second=0, microsecond=0)
        oldest = now - dt.timedelta(days=KEPT_DAYS)
        for (register,) in self._connection.execute("SELECT register FROM public.sampled").fetchall():
            while self._thin(register, until):
                pass
            self._connection.execute(
                "DELETE FROM public.lag_minutes WHERE register = %s AND at < %s", (register, oldest)
            )
            self._connection.execute(_DROP_OLD_EVENTS, {"register": register, "since": oldest, "most": EVENTS_MAX})

    def _thin(self, register: str, until: dt.datetime) -> bool:
        with self._connection.transaction(), self._connection.cursor(row_factory=dict_row) as cursor:
            taken = cursor.execute(
                _TAKE_OLD, {"register": register, "until": until, "hours": _THINNED_HOURS}
            ).fetchall()
            if taken:
                cursor.execute(_INSERT_MINUTES, (_json(minutes(_entry(row) for row in taken)),))
            return bool(taken)


def minutes(entries: Iterable[Entry]) -> list[Entry]:
    """Entries of one register as one per minute in which one of them ends."""
    ordered = sorted(entries, key=lambda one: one.at)
    return [
        fold(of_minute) for _, of_minute in groupby(ordered, key=lambda one: one.at.replace(second=0, microsecond=0))
    ]


def _json(entries: Iterable[Entry]) -> str:
    return json.dumps([_row(entry) for entry in entries])


def _row(entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {one.name: getattr(entry, one.name) for one in fields(Entry)}
    hops = [entry.hops.get(name) for name in HOPS] if entry.hops else None
    return row | {"at": entry.at.isoformat(), "worst_at": entry.worst_at.isoformat(), "hops": hops}


def hops_of(stored: Sequence[float | None] | None) -> dict[str, float]:
    """Hops by name, of what is stored; those that are not known are missing."""
    return {name: value for name, value in zip(HOPS, stored or (), strict=False) if value is not None}


def _entry(row: Mapping[str, Any]) -> Entry:
    return Entry(**{**row, "hops": hops_of(row["hops"])})
