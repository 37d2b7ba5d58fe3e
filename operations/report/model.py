"""What a report says of each register: pure sums over what the history answered."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from consumers.history.outages import NOT_WATCHED, why_of
from consumers.history.read import Event, Sample, Totals
from data_embassy import causes
from operations.report.period import Period

TOLERANCE_SECONDS: Final = 0.5
"""Looks are a second apart: less than that between them is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Something that lasted, as much of it as lies within the period."""

    event: Event
    since: dt.datetime
    until: dt.datetime

    @property
    def seconds(self) -> float:
        """Its length within the period."""
        return (self.until - self.since).total_seconds()

    @property
    def lasts(self) -> bool:
        """True while it has not ended."""
        return self.event.ended_at is None

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        event = self.event
        return {
            "from": event.at.isoformat(),
            "to": None if event.ended_at is None else event.ended_at.isoformat(),
            "seconds": round(self.seconds, 1),
            "cause": event.cause,
            "hop": event.facts.get("hop"),
            "why": event.text,
            "remedy": event.remedy,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterReport:
    """One register."""

    register: str
    tier: int | None
    objective_seconds: int | None
    totals: Totals | None
    """None when nothing is known of the period."""
    outages: tuple[Span, ...] = ()
    stops: tuple[Span, ...] = ()
    pauses: tuple[Span, ...] = ()
    others: tuple[Event, ...] = ()
    """Verifications, drills, generations, repairs and so on, oldest first."""

    @property
    def is_met(self) -> bool | None:
        """Whether the objective was met all the time; False as well where that is not known. None without one."""
        if self.objective_seconds is None:
            return None
        return self.totals is not None and self.unmet_seconds < TOLERANCE_SECONDS

    @property
    def missed_seconds(self) -> float:
        """For so long it was certainly, or possibly, further behind than agreed while somebody looked."""
        totals = self.totals
        if totals is None or self.objective_seconds is None:
            return 0.0
        return max(0.0, totals.known_seconds - totals.free_seconds - totals.met_seconds)

    @property
    def unknown_seconds(self) -> float:
        """For so long nobody can say."""
        return 0.0 if self.totals is None else max(0.0, self.totals.seconds - self.totals.known_seconds)

    @property
    def unmet_seconds(self) -> float:
        """Both."""
        return self.missed_seconds + self.unknown_seconds

    @property
    def share(self) -> float | None:
        """Part of the time in which the objective was met."""
        if self.totals is None or self.objective_seconds is None:
            return None
        return (self.totals.met_seconds + self.totals.free_seconds) / self.totals.seconds

    @property
    def worst(self) -> Sample | None:
        """The longest lag that was seen."""
        return None if self.totals is None else self.totals.worst

    @property
    def worst_reason(self) -> str | None:
        """Why it was that long, as far as it is known."""
        worst = self.worst
        if worst is None:
            return None
        for outage in self.outages:
            if outage.since <= worst.at <= outage.until:
                return outage.event.text
        # Hops of a change that was not long on its way do not tell why nothing newer came.
        is_told = worst.lag_seconds is not None and max(worst.hops.values(), default=0.0) >= worst.lag_seconds / 2
        return why_of(cause=worst.cause, state=worst.state, hops=worst.hops if is_told else {})

    def of_kind(self, kind: str) -> list[Event]:
        """Events without duration of one kind."""
        return [one for one in self.others if one.kind == kind]

    @property
    def unsorted(self) -> list[Event]:
        """Events of kinds that have no place of their own."""
        return [one for one in self.others if one.kind not in ("verification", "drill")]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        totals, worst = self.totals, self.worst
        return {
            "register": self.register,
            "tier": self.tier,
            "objective_seconds": self.objective_seconds,
            "is_objective_met": self.is_met,
            "share_met": None if self.share is None else round(self.share, 8),
            "watched_from": None if totals is None else totals.since.isoformat(),
            "watched_to": None if totals is None else totals.until.isoformat(),
            "seconds": None
            if totals is None
            else {
                "total": round(totals.seconds, 1),
                "met": None if self.objective_seconds is None else round(totals.met_seconds, 1),
                "missed": None if self.objective_seconds is None else round(self.missed_seconds, 1),
                "unknown": round(self.unknown_seconds, 1),
            },
            "worst": None
            if worst is None or worst.lag_seconds is None
            else {
                "lag_seconds": round(worst.lag_seconds, 3),
                "at": worst.at.isoformat(),
                "why": self.worst_reason,
                "hops": dict(worst.hops),
            },
            "outages": [one.as_json() for one in self.outages],
            "stops": [one.as_json() for one in self.stops],
            "pauses": [one.as_json() for one in self.pauses],
            "verifications": [_event(one) for one in self.of_kind("verification")],
            "drills": [_event(one) for one in self.of_kind("drill")],
            "events": [_event(one) for one in self.unsorted],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All registers of a site."""

    site: str
    period: Period
    registers: tuple[RegisterReport, ...]

    @property
    def missed(self) -> list[RegisterReport]:
        """Those whose objective was not met, or cannot be shown to be."""
        return [one for one in self.registers if one.is_met is False]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "site": self.site,
            "from": self.period.since.isoformat(),
            "to": self.period.until.isoformat(),
            "is_objective_met": not self.missed,
            "registers": [one.as_json() for one in self.registers],
        }


def register_report(
    register: str,
    *,
    tier: int | None,
    objective_seconds: int | None,
    period: Period,
    totals: Totals | None,
    events: Sequence[Event],
) -> RegisterReport:
    """Put together what the history knows of one register."""
    if totals is not None and totals.objective_seconds is not None:
        # What was agreed then counts, not what the contract says today.
        objective_seconds = totals.objective_seconds
    ordered = sorted(events, key=lambda one: one.at)
    outages = _spans(ordered, "outage", period)
    silent = _silence(register, totals, period, outages)
    lasting = ("outage", "stop", "pause")
    return RegisterReport(
        register=register,
        tier=tier,
        objective_seconds=objective_seconds,
        totals=totals,
        outages=() if objective_seconds is None else (*outages, *silent),
        stops=_spans(ordered, "stop", period),
        pauses=_spans(ordered, "pause", period),
        others=tuple(one for one in ordered if one.kind not in lasting),
    )


def _spans(events: Sequence[Event], kind: str, period: Period) -> tuple[Span, ...]:
    spans = (
        Span(event=one, since=max(one.at, period.since), until=min(one.ended_at or period.until, period.until))
        for one in events
        if one.kind == kind
    )
    return tuple(one for one in spans if one.until >= one.since)


def _silence(register: str, totals: Totals | None, period: Period, outages: Sequence[Span]) -> tuple[Span, ...]:
    """A receiver that is dead now could not note its own silence."""
    if totals is None or totals.last >= totals.until or any(one.lasts for one in outages):
        return ()
    event = Event(
        at=totals.last,
        register=register,
        kind="outage",
        cause=NOT_WATCHED,
        text=why_of(cause=NOT_WATCHED, state="down", hops={}) or "",
        remedy=causes.remedy_of(NOT_WATCHED, register=register, site="embassy"),
        ended_at=None,
    )
    return (Span(event=event, since=max(totals.last, period.since), until=period.until),)


def _event(one: Event) -> Mapping[str, Any]:
    return {
        "at": one.at.isoformat(),
        "kind": one.kind,
        "text": one.text,
        "cause": one.cause,
        "remedy": one.remedy,
        **one.facts,
    }
