"""Which time a report is about: ISO dates (UTC unless they say otherwise), or the last so many days. Pure."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

from data_embassy.errors import ConfigError

_LAST: Final = re.compile(r"\A([0-9]{1,5})([mhdw])\Z")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_REMEDY: Final = "embassy report --from 2026-10-01 --to 2026-11-01, or: embassy report --last 30d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From `since` until `until`, both UTC."""

    since: dt.datetime
    until: dt.datetime


def period_of(since: str | None, until: str | None, last: str | None, *, now: dt.datetime) -> Period:
    """The period that was asked for, up to now at most; raises ConfigError."""
    if last is not None:
        if since is not None or until is not None:
            raise ConfigError("--last stands alone: it ends now", remedy=_REMEDY)
        return Period(since=now - _length(last), until=now)
    if since is None:
        raise ConfigError("a report needs a period", remedy=_REMEDY)
    begin, end = moment(since), now if until is None else min(now, moment(until))
    if begin >= now:
        raise ConfigError(f"{since} has not come yet", remedy=_REMEDY)
    if begin >= end:
        raise ConfigError(f"a report ends after it begins, not from {since} to {until}", remedy=_REMEDY)
    return Period(since=begin, until=end)


def _length(text: str) -> dt.timedelta:
    found = _LAST.match(text.strip())
    if found is None or int(found[1]) == 0:
        raise ConfigError(f"--last {text}: a number of minutes, hours, days or weeks", remedy=_REMEDY)
    return dt.timedelta(**{_UNITS[found[2]]: int(found[1])})


def moment(text: str, *, remedy: str = _REMEDY) -> dt.datetime:
    """A time in ISO form, UTC unless it says otherwise; raises ConfigError."""
    try:
        found = dt.datetime.fromisoformat(text.strip())
        return (found if found.tzinfo is not None else found.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise ConfigError(f"{text} is no date in ISO form", remedy=remedy) from None
