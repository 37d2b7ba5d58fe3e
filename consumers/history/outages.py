"""When a register missed its objective, and why, as far as the embassy can tell (pure)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from consumers.history.coverage import Look, Seen
from data_embassy import causes

PAUSED: Final = "Paused"
CLOCKS: Final = "ClocksDiffer"
NOT_WATCHED: Final = "ReceiverDown"
_STATES: Final = {"paused": PAUSED}
_NO_STANDBY: Final = ("empty", "loading")
_SHARE: Final = 0.1
"""A cause that was there for less of the time is no explanation."""
_HOPS: Final[Mapping[str, str]] = {
    "capture": "the capture at home was slow ({} from the register to the home broker)",
    "home_topic": "the forwarder at home was slow, or waited for the link ({} until it took a change up)",
    "seal": "the forwarder at home was slow ({} to seal a change)",
    "link": "the link was slow or cut ({} from home to the embassy's broker)",
    "verify": "the receiver at the embassy was slow ({} to fetch and open a change)",
    "apply": "the standby at the embassy was slow ({} to commit a change)",
}
_WORDS: Final[Mapping[str, str]] = {
    PAUSED: "paused by an operator",
    CLOCKS: "the clocks of the sites differ, so that no lag was known",
    NOT_WATCHED: "nobody looked: the receiver did not run, so that nothing is known",
}


@dataclass(slots=True, kw_only=True)
class Outage:
    """A time in which the objective was missed, or nobody can say that it was met."""

    began_at: dt.datetime
    objective_seconds: int | None
    ended_at: dt.datetime | None = None
    worst_lag_seconds: float | None = None
    worst_at: dt.datetime | None = None
    hops: Mapping[str, float] = field(default_factory=dict)
    """Of the slowest change that was applied meanwhile."""
    seconds: float = 0.0
    seconds_by_cause: dict[str, float] = field(default_factory=dict)
    seconds_without_standby: float = 0.0
    seconds_with_backlog: float = 0.0
    """Envelopes waited at the embassy."""

    @classmethod
    def resumed(cls, began_at: dt.datetime, facts: Mapping[str, Any]) -> Outage:
        """One that lasted when it was stored."""
        worst_at = facts.get("worst_at")
        return cls(
            began_at=began_at,
            objective_seconds=facts.get("objective_seconds"),
            worst_lag_seconds=facts.get("worst_lag_seconds"),
            worst_at=None if worst_at is None else dt.datetime.fromisoformat(worst_at),
            hops=facts.get("hops", {}),
            seconds=facts.get("seconds", 0.0),
            seconds_by_cause=dict(facts.get("causes", {})),
            seconds_without_standby=facts.get("without_standby_seconds", 0.0),
            seconds_with_backlog=facts.get("backlog_seconds", 0.0),
        )

    @property
    def cause(self) -> str | None:
        """Class of what explains most of it; None where only the hops, or nothing, can say."""
        name = max(self.seconds_by_cause, key=self.seconds_by_cause.__getitem__, default=None)
        return None if name is None or self.seconds_by_cause[name] < _SHARE * self.seconds else name

    @property
    def hop(self) -> str | None:
        """Where the slowest change spent most of its time."""
        return max(self.hops, key=self.hops.__getitem__, default=None)

    @property
    def text(self) -> str:
        """Why, in words."""
        if (why := why_of(cause=self.cause, state="", hops={})) is not None:
            return why
        if self.seconds_without_standby > 0:
            return "there was no standby yet"
        hop = self.hop
        if hop is not None and self.objective_seconds is not None and self.hops[hop] >= self.objective_seconds / 2:
            return _of_hop(hop, self.hops[hop])
        if self.seconds_with_backlog > self.seconds / 2:
            return "more arrived than the standby could apply"
        return "nothing arrived from home: the link, or something at home, stood still"

    @property
    def facts(self) -> dict[str, Any]:
        """What is stored beside times, cause and text."""
        return {
            "objective_seconds": self.objective_seconds,
            "worst_lag_seconds": self.worst_lag_seconds,
            "worst_at": None if self.worst_at is None else self.worst_at.isoformat(),
            "hop": self.hop,
            "hops": {name: round(seconds, 3) for name, seconds in self.hops.items()},
            "seconds": round(self.seconds, 1),
            "causes": {name: round(seconds, 1) for name, seconds in self.seconds_by_cause.items()},
            "without_standby_seconds": round(self.seconds_without_standby, 1),
            "backlog_seconds": round(self.seconds_with_backlog, 1),
        }

    def spend(self, cause: str | None, seconds: float) -> None:
        """So long it lasted for this cause."""
        self.seconds += seconds
        if cause is not None:
            self.seconds_by_cause[cause] = self.seconds_by_cause.get(cause, 0.0) + seconds


class Outages:
    """Finds the outages of one register in what each look adds."""

    def __init__(self, open_one: Outage | None = None) -> None:
        self.open = open_one
        self._looked_at: dt.datetime | None = None

    def take(self, look: Look, seen: Seen) -> Outage | None:
        """The outage that this look began, went on with or ended; None without one."""
        step = 0.0 if self._looked_at is None else (look.at - self._looked_at).total_seconds()
        self._looked_at = look.at
        outage = self.open
        if look.objective_seconds is None:
            # Nothing is agreed any more.
            if outage is not None:
                outage.ended_at, self.open = look.at, None
            return outage
        begin = _begin(look, seen)
        if outage is None and begin is not None:
            outage = self.open = Outage(began_at=begin, objective_seconds=look.objective_seconds)
        if outage is None:
            return None
        _learn(outage, look, step=0.0 if seen.gap_since is not None else max(0.0, step))
        if seen.gap_since is not None:
            outage.spend(NOT_WATCHED, (look.at - seen.gap_since).total_seconds())
        if seen.is_met:
            outage.ended_at, self.open = look.at, None
        return outage


def _begin(look: Look, seen: Seen) -> dt.datetime | None:
    """Since when the objective is missed; None when it is met, or that is open."""
    if seen.gap_since is not None:
        return seen.gap_since
    lag, objective = look.known_lag_seconds, look.objective_seconds
    earliest = look.at if seen.entry is None else seen.entry.begins_at
    if lag is not None and objective is not None and lag > objective:
        # A lag grows by a second each second: this tells when it was as long as the objective.
        return max(earliest, look.at - dt.timedelta(seconds=lag - objective))
    if seen.entry is not None and not seen.entry.is_met:
        return earliest
    return look.at if seen.is_met is False else None


def _learn(outage: Outage, look: Look, *, step: float) -> None:
    lag = look.lag_seconds
    if lag is not None and (outage.worst_lag_seconds is None or lag > outage.worst_lag_seconds):
        outage.worst_lag_seconds, outage.worst_at = round(lag, 3), look.at
    if sum(look.hops.values()) > sum(outage.hops.values()):
        outage.hops = dict(look.hops)
    cause = look.cause or _STATES.get(look.state)
    if cause is None and look.is_lag_trusted is False:
        cause = CLOCKS
    outage.spend(cause, step)
    if look.state in _NO_STANDBY and lag is None:
        outage.seconds_without_standby += step
    if look.backlog_envelopes:
        outage.seconds_with_backlog += step


def why_of(*, cause: str | None, state: str, hops: Mapping[str, float]) -> str | None:
    """Why a lag was as long as it was, in words; None where nothing says so."""
    if (name := cause or _STATES.get(state)) is not None:
        return _WORDS.get(name) or _lower(causes.what_of(name))
    slowest = max(hops, key=hops.__getitem__, default=None)
    return None if slowest is None else _of_hop(slowest, hops[slowest])


def _of_hop(hop: str, seconds: float) -> str:
    return _HOPS[hop].format(f"{seconds:,.1f} s")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")
