"""What was seen of a site at one moment, and of its past: what every page is made of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from consumers.history.read import Event, Sample
from data_embassy.config import Role
from data_embassy.drills import Drill
from data_embassy.status import RegisterStatus

__all__ = ["SPANS", "Event", "Key", "Past", "Practice", "Proof", "Sample", "Seen", "Snapshot", "Span", "Trouble"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """How far a chart looks back."""

    name: str
    words: str
    length: dt.timedelta
    refresh_seconds: float
    """After so long a chart of it is read again."""


SPANS: Final = {
    span.name: span
    for span in (
        Span(name="hour", words="1 hour", length=dt.timedelta(hours=1), refresh_seconds=5),
        Span(name="day", words="24 hours", length=dt.timedelta(days=1), refresh_seconds=60),
        Span(name="week", words="7 days", length=dt.timedelta(days=7), refresh_seconds=300),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One verification, as this site's signed report says it."""

    finished_at: str
    is_equal: bool
    position: str
    tables: int
    is_signed: bool
    """True when this site's key signed the report as it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """A drill that this site has on record."""

    drill: Drill
    is_signed: bool
    """True when this site's key signed the record as it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key by its id; `made_at` is when its file was written."""

    kind: str
    serial: int
    is_active: bool
    id: str
    made_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a look at the site found nothing, and what to do."""

    cause: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one look at a site found."""

    registers: tuple[RegisterStatus, ...]
    proofs: Mapping[str, tuple[Proof, ...]] = field(default_factory=dict)
    """By register, newest first."""
    drills: Mapping[str, tuple[Practice, ...]] = field(default_factory=dict)
    """By register, newest first."""
    keys: tuple[Key, ...] = ()
    trusts: tuple[str, ...] = ()
    """Sites whose keys are known."""
    link_bytes_per_second: float | None = None
    """At home: what the link carried lately at its best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A register's past over one span."""

    span: Span
    since: dt.datetime
    until: dt.datetime
    samples: tuple[Sample, ...] = ()
    events: tuple[Event, ...] = ()
    note: str | None = None
    """Why it is less than the site keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The newest that is known of a site; `number` grows with every look."""

    number: int
    site: str
    role: Role
    taken_at: dt.datetime | None = None
    """When the newest look that found something began; None before the first."""
    looking_since: dt.datetime | None = None
    """When the look began that has not ended yet."""
    took_seconds: float = 0.0
    """How long that look took."""
    seen: Seen = Seen(registers=())
    trouble: Trouble | None = None
    """What the newest look ended with, when it found nothing."""
    trends: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    """Lag of the last quarter of an hour by register, in equal steps, oldest first."""
    pasts: Mapping[tuple[str, str], Past] = field(default_factory=dict)
    """By register and span, those that pages asked for."""

    def register(self, name: str) -> RegisterStatus | None:
        """One register; None for one that is not here."""
        return next((one for one in self.seen.registers if one.register == name), None)

    def age_seconds(self, now: dt.datetime) -> float | None:
        """How old this is."""
        return None if self.taken_at is None else max(0.0, (now - self.taken_at).total_seconds())
