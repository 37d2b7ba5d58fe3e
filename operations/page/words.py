"""How the page says times, numbers and states. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from data_embassy.status import HOPS, RegisterStatus
from operations.status.table import duration

UNKNOWN: Final = "\u2013"
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
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


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


def counted(number: int, word: str, words: str | None = None) -> str:
    """A number and its noun."""
    return f"{amount(number)} {word if number == 1 else words or word + 's'}"


def amount(number: float | None) -> str:
    """A number in groups of three; a dash for what is not known."""
    if number is None:
        return UNKNOWN
    return f"{number:,.0f}".replace(",", "\u202f") if number >= 10 or number == int(number) else f"{number:.1f}"


def size(number: float | None) -> str:
    """Bytes."""
    if number is None:
        return UNKNOWN
    for unit in _UNITS:
        if abs(number) < 1000 or unit == _UNITS[-1]:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError
