"""How the page says times, numbers and states. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from data_embassy.status import HOPS, DataKey, RegisterStatus
from operations.words import UNKNOWN, counted, duration, length

LATE: Final = "late"
"""Tone of a register that goes on, but further behind than agreed."""
MEANINGS: Final = {
    "live": "applied as it comes",
    "loading": "a first generation is being loaded",
    "empty": "nothing has come yet",
    "paused": "paused by an operator",
    "stopped": "stands still until somebody acts",
    "waiting": "a service is away; it goes on by itself",
    "down": "nobody works on it",
    "unknown": "the other site has not said anything",
    LATE: "further behind than agreed",
}
HOP_WORDS: Final = {hop: hop.replace("_", " ") for hop in HOPS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time that the page shows as an age; `at` is seconds since 1970."""

    at: float
    seconds: float
    """Its age when the page was made."""
    words: str
    """The time itself."""


def moment(at: dt.datetime | str, now: dt.datetime) -> Moment | None:
    """A time with its age; None for a text that is no time."""
    if isinstance(at, str):
        try:
            at = dt.datetime.fromisoformat(at)
        except ValueError:
            return None
    return Moment(at=round(at.timestamp(), 1), seconds=max(0.0, (now - at).total_seconds()), words=day_and_clock(at))


def data_key(key: DataKey | None) -> str:
    """How long a data key has been in use, how much of it is used up, and when the next one comes."""
    if key is None:
        return "not known now"
    if key.age_seconds is None or key.used is None or key.left_seconds is None:
        sealed = counted(key.envelopes, "envelope") if key.envelopes is not None else f"{UNKNOWN} envelopes"
        return f"has sealed {sealed} so far; how long it is in use is known at home"
    # Down to a whole one: nothing that is left may look used up.
    used = f"{int(100 * key.used)} %" if key.used >= 0.01 else "less than 1 %"
    left = key.left_seconds
    coming = "with the next envelope" if left <= 0 or key.used >= 1 else f"in {length(left)} at the latest"
    return f"in use for {length(key.age_seconds)}; {used} of what it may seal is used; a new one {coming}"


def tone_of(one: RegisterStatus) -> str:
    """The state, or LATE: each has one colour."""
    return LATE if one.state == "live" and one.is_objective_met is False else one.state


JUST_NOW_SECONDS: Final = 2


def ago(seconds: float) -> str:
    """The same, said of a moment."""
    return "just now" if seconds < JUST_NOW_SECONDS else f"{age(seconds)} ago"


def age(seconds: float) -> str:
    """A time that grows while one looks; the page's script says it in the same words."""
    whole = int(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 600 else duration(whole)


def lag(seconds: float | None) -> str:
    """How far behind, with one more place than `duration` where it counts."""
    if seconds is None or seconds < 60:
        return duration(seconds)
    return age(seconds)


def agreed(seconds: float) -> str:
    """An objective, without needless digits."""
    return age(seconds).removesuffix(" 0 s")


def clock(at: dt.datetime) -> str:
    """Time of day."""
    return f"{at.astimezone(dt.UTC):%H:%M:%S}"


def day_and_clock(at: dt.datetime | str | None) -> str:
    """Day and time; a text is taken for a time in ISO form."""
    if isinstance(at, str):
        try:
            at = dt.datetime.fromisoformat(at)
        except ValueError:
            return str(at)
    return UNKNOWN if at is None else f"{at.astimezone(dt.UTC):%-d %b %Y, %H:%M:%S} UTC"
