"""How far behind a register is by what a site knows, and how long the other site has been quiet. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from data_embassy.config import Role
from data_embassy.status import RegisterStatus
from operations.status.stations import SILENT_SECONDS

HUSH_SECONDS: Final = 20.0
"""Every register's clock beats once a second: after so long without any beat, home is dark or the link is."""
_SILENT: Final = ("EmbassySilent", "LinkDown")
"""Causes that say that the embassy is not heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """How far behind; None where nobody can say."""

    seconds: float | None
    is_bound: bool = False
    """True where it is at most this: nothing newer was heard."""


def behind(one: RegisterStatus, role: Role) -> Behind:
    """At home a silent embassy may have applied nothing since it was heard: its last word grows old with it."""
    lag, age = one.lag_seconds, one.age_seconds
    if role == "home" and lag is not None and age is not None and age > SILENT_SECONDS:
        return Behind(seconds=lag + age, is_bound=True)
    return Behind(seconds=lag)


def heard_seconds(found: Sequence[RegisterStatus], role: Role, now: dt.datetime) -> float | None:
    """Since anything of any register came from the other site; None before anything did.

    At home the youngest receipt; at the embassy the youngest applied pulse or commit, by clocks that can be trusted.
    """
    if role == "home":
        known = [one.age_seconds for one in found if one.age_seconds is not None]
        return min(known, default=None)
    times = [
        each for one in found if one.is_lag_trusted is not False for each in (one.lag_seconds, _committed(one, now))
    ]
    return min((each for each in times if each is not None), default=None)


def hush_seconds(found: Sequence[RegisterStatus], role: Role, now: dt.datetime) -> float | None:
    """How long nothing has come from the other site though this one works; None while something does."""
    heard = heard_seconds(found, role, now)
    if heard is None or heard <= HUSH_SECONDS:
        return None
    if role == "home":
        return heard if all(_is_silent(one) for one in found if one.state != "paused") else None
    working = [one for one in found if one.state == "live" or one.cause == "PulseSilent"]
    is_hushed = all(one.backlog.envelopes == 0 or one.cause == "PulseSilent" for one in working)
    return heard if working and is_hushed else None


def _committed(one: RegisterStatus, now: dt.datetime) -> float | None:
    at = None if one.position is None else one.position.source_committed_at
    if at is None:
        return None
    try:
        return max(0.0, (now - dt.datetime.fromisoformat(at)).total_seconds())
    except (ValueError, TypeError):
        return None


def _is_silent(one: RegisterStatus) -> bool:
    return any(part.cause in _SILENT for part in one.parts) or one.cause in _SILENT
