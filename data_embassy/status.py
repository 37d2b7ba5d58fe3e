"""What either site says of a register: one shape for both, shown by `embassy status` and told in receipts. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from data_embassy import causes
from data_embassy.config import Terms
from data_embassy.errors import ContractError

STATES: Final = ("live", "loading", "empty", "paused", "stopped", "waiting", "down", "unknown")
"""live: applied as it comes. loading: no standby yet, a generation is being loaded. empty: nothing came yet. paused: by
an operator. stopped: stands still with a cause that somebody must clear. waiting: a service is away, goes on by
itself. down: nobody works on it. unknown: the other site has not said anything yet."""

HOPS: Final = ("capture", "home_topic", "seal", "link", "verify", "apply")
"""The way of a pulse, in this order. capture: from the register's commit to the home broker. home_topic: until the
forwarder took it. seal: until its envelope was handed to the link. link: until the embassy fetched it. verify: until it
was opened and decoded. apply: until its commit on the standby."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a standby is."""

    commit_lsn: str
    source_committed_at: str | None
    home_offset: int
    generation: int
    attempt: int | None = None
    lane_offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits on the way; None where this site cannot know."""

    records: int | None = None
    """Home records that the embassy's broker has not acknowledged."""
    envelopes: int | None = None
    """Envelopes on the lane behind the position."""
    slot_bytes: int | None = None
    """Log that the register keeps for its slot."""
    bytes: int | None = None
    """Sealed bytes that wait: at home for the link, at the embassy to be applied."""
    transactions: int | None = None
    """Source transactions that wait to be applied, an estimate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One station of the way: capture, forward, receive, or a candidate; what it does, and why it does not."""

    name: str
    state: str
    cause: str | None = None
    reason: str | None = None
    remedy: str | None = None
    since: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataKey:
    """The data key that a register's newest envelopes are sealed with; None where this site cannot know it."""

    age_seconds: float | None = None
    envelopes: int | None = None
    """Sealed with it so far."""
    used: float | None = None
    """Part of what one data key may seal that it has sealed, of the envelopes or of the bytes, whichever is larger."""
    left_seconds: float | None = None
    """Until it is too old; from 0 down the next envelope brings another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterStatus:
    """One register as one site sees it."""

    register: str
    lane: str
    tier: int
    terms: Terms = field(default_factory=Terms)
    """What this site's contract says beside that."""
    state: str
    """One of STATES."""
    lag_seconds: float | None = None
    """The embassy's clock minus the newest applied pulse; at home as of the newest receipt."""
    hops: Mapping[str, float] = field(default_factory=dict)
    """Seconds of the newest applied pulse on each of HOPS that this site knows; all of them together are its lag when
    it was applied. Empty when unknown."""
    is_lag_trusted: bool | None = None
    """False beyond 1 s of clock offset; None while the offset is not known well enough."""
    clock_offset_seconds: float | None = None
    """The embassy's clock minus home's."""
    clock_uncertainty_seconds: float | None = None
    objective_seconds: int | None = None
    """How far behind it may be by its contract at this site; None where nothing was agreed."""
    is_objective_met: bool | None = None
    """False as well while nobody can say how far behind it is; None without an objective."""
    age_seconds: float | None = None
    """How old this is: since the receiver, or at home the embassy's newest receipt, last said anything."""
    position: Position | None = None
    backlog: Backlog = field(default_factory=Backlog)
    cause: str | None = None
    """Class of what is wrong; the table of causes and the runbooks know it."""
    reason: str | None = None
    remedy: str | None = None
    """The command that ends it."""
    candidate: Part | None = None
    """A generation that loads beside the live one, or is the first."""
    paused: str | None = None
    """Why an operator paused it, at this site."""
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()
    """What this site could not see, and what is odd but no stop."""
    transactions: int | None = None
    changes: int | None = None
    data_key: DataKey | None = None
    """None while nothing is known of it: at home while nobody forwards, at the embassy before the first envelope."""
    is_held: bool | None = None
    """True while registers of higher tiers have the link; None at the embassy."""
    level_in_seconds: float | None = None
    """About when it will be level: at home by what the link carries, at the embassy by what is applied; None where that
    cannot be said."""
    runs_out_seconds: Mapping[str, float] = field(default_factory=dict)
    """What loses data first if nothing changes: "slot", "home" or "lane" (the topics' retention), and in how many
    seconds; without those that have no limit or do not grow."""

    @property
    def generation(self) -> int | None:
        """Generation of the standby that is shown; None where there is none."""
        return None if self.position is None else self.position.generation

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def meets(objective_seconds: int | None, behind_seconds: float | None) -> bool | None:
    """Whether an objective is met by what is known; None without one."""
    if objective_seconds is None:
        return None
    return behind_seconds is not None and behind_seconds <= objective_seconds


def faulty(name: str, error: ContractError, *, site: Literal["home", "embassy"]) -> RegisterStatus:
    """A register whose contract cannot be used: nothing more is known of it."""
    return RegisterStatus(
        register=name,
        lane="",
        tier=0,
        state="stopped",
        cause=error.cause_class,
        reason=error.message,
        remedy=causes.remedy_for(error, register=name, site=site),
    )


def utc(microseconds: int | None) -> str | None:
    """A time since 1970 as text."""
    if microseconds is None:
        return None
    return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=microseconds)).isoformat()
