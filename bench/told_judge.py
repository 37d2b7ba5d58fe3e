"""What a watch saw of one fault: who told of it within how long, what else fired, when all was well. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.told_faults import BY_NAME, Fault, Says
from bench.told_watch import OF_PROCESSES, Alarm, Look
from deploy.monitoring.model import BOTH

LAG_SECONDS_MAX: Final = 15.0
"""Prometheus asks every five seconds and records every five; a receipt comes every five."""
WELL: Final = re.compile(r"(is|are) (kept warm|within (its|their) objectives?)\.")
ZEROS: Final = (("home", "embassy:lag_seconds <= 0"), ("embassy", "embassy:lag_seconds <= 0"))
"""Never so: a lag is above 0 as long as somebody measures it, and absent or unknown otherwise."""
_TIMES: Final = re.compile(r"[\d.]+ (min|s|h)\b( [\d.]+ s\b)?")
"""They change with each look."""
OF_THE_PAST: Final = (
    "ObjectiveBurnsFast", "ObjectiveBurns", "ObjectiveBurnsSlowly", "NoRecentVerification", "NoRecentDrill",
)  # fmt: skip
"""True of the last hours or days, so that they are neither of one fault nor over with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that had to be said; None where it was not, or not so far."""

    site: str
    kind: str
    what: str
    within: float
    after: float | None = None
    """Seconds since the fault began; of an alert, until it fires."""
    pending_after: float | None = None
    words: str = ""
    """The line of the page, or the value at the end of the fault."""

    @property
    def is_kept(self) -> bool:
        """True when it was said in time."""
        return self.after is not None and self.after <= self.within


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of one fault."""

    name: str
    findings: list[Finding] = field(default_factory=list)
    headlines: dict[str, str] = field(default_factory=dict)
    """By site, at the end of the fault."""
    pages: dict[str, list[str]] = field(default_factory=dict)
    rang: list[str] = field(default_factory=list)
    """Alerts of severity page that were told while it lasted."""
    fired: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    """What fired or was said and is not true of it."""
    course: list[tuple[float, str, str, list[str]]] = field(default_factory=list)
    """What changed when, in seconds since the fault began: both headlines, and alerts that pend or fire."""
    lasted: float = 0.0
    well_after: dict[str, float | None] = field(default_factory=dict)
    """By site and "alerts", in seconds since the mending began; None where it did not come so far."""
    true_lag: float | None = None
    shown_lag: dict[str, float | None] = field(default_factory=dict)

    @property
    def failures(self) -> list[str]:
        """What is not as it has to be."""
        late = [f"{one.site} {one.kind} {one.what!r}: {one.after} s, not within {one.within:g} s"
                for one in self.findings if not one.is_kept]  # fmt: skip
        well_after = {} if BY_NAME[self.name].is_well else self.well_after
        unwell = [f"not well again: {what}" for what, after in well_after.items() if after is None]
        return [*late, *self.unexpected, *unwell, *self._lags()]

    def _lags(self) -> Iterable[str]:
        if self.true_lag is not None:
            for site, shown in self.shown_lag.items():
                if shown is None and site in BY_NAME[self.name].blind:
                    continue
                if shown is None or not abs(shown - self.true_lag) <= LAG_SECONDS_MAX:
                    yield f"{site} shows a lag of {shown}, and it is {self.true_lag:.1f} s"


def is_said(says: Says, look: Look) -> bool:
    """Whether it is so at this moment; of an alert, that it fires."""
    return _words(says, look) is not None


def is_well(look: Look) -> bool:
    """Both pages say that all is well, and nothing but the past has an alert."""
    return all(is_page_well(look, site) for site in BOTH) and not alerts_now(look)


def is_page_well(look: Look, site: str) -> bool:
    """Whether a site's headline says so."""
    return any(WELL.search(line) for line in look.pages[site][:1])


def alerts_now(look: Look) -> set[Alarm]:
    """Pending or firing, without those of the past."""
    return {alarm for alarm in look.alarms if alarm.name not in OF_THE_PAST}


def judge(fault: Fault, looks: Sequence[Look], struck: float, mended: float) -> Outcome:
    """Everything but lags; `looks` begin with the fault."""
    during = [look for look in looks if look.at <= mended]
    last = during[-1]
    return Outcome(
        name=fault.name,
        findings=[_finding(says, during, struck) for says in fault.says],
        headlines={site: " ".join(last.pages[site][:2]) for site in BOTH},
        pages={site: list(last.pages[site]) for site in BOTH},
        rang=sorted({_alarm(alarm) for look in during for alarm in look.rings if alarm.name not in OF_THE_PAST}),
        fired=sorted({_alarm(alarm) for look in during for alarm in _firing(look)}),
        unexpected=sorted({*_untrue_alerts(fault, looks), *_untrue_lines(fault, during), *_zeros(looks)}),
        course=_course(looks, struck),
        lasted=round(mended - struck, 1),
        well_after={} if fault.is_well else _well_after(looks, mended),
    )


def _course(looks: Sequence[Look], struck: float) -> list[tuple[float, str, str, list[str]]]:
    found: list[tuple[float, str, str, list[str]]] = []
    for look in looks:
        heads = [_TIMES.sub("N", next(iter(look.pages[site]), "no answer")) for site in BOTH]
        alarms = sorted(f"{look.alarms[alarm]}: {_alarm(alarm)}" for alarm in alerts_now(look))
        if not found or found[-1][1:] != (heads[0], heads[1], alarms):
            found.append((round(look.at - struck, 1), heads[0], heads[1], alarms))
    return found


def _finding(says: Says, looks: Sequence[Look], struck: float) -> Finding:
    def after(found: Look | None) -> float | None:
        return None if found is None else round(max(0.0, found.at - struck), 1)

    first = next((look for look in looks if is_said(says, look)), None)
    pending = None
    if says.kind == "alert":
        pending = next((look for look in looks if _alarm_of(says) in look.alarms), None)
    words = next((words for look in reversed(looks) if (words := _words(says, look)) is not None), "")
    return Finding(
        site=says.site, kind=says.kind, what=says.what, within=says.within, after=after(first),
        pending_after=after(pending), words=words,
    )  # fmt: skip


def _words(says: Says, look: Look) -> str | None:
    if says.kind == "page":
        return next((line for line in look.pages[says.site] if re.search(says.what, line)), None)
    if says.kind == "metric":
        value = look.values.get((says.site, says.what))
        return None if value is None else f"{value:.4g}"
    return "firing" if look.alarms.get(_alarm_of(says)) == "firing" else None


def _alarm_of(says: Says) -> Alarm:
    name, _, register = says.what.partition(" ")
    return Alarm(site=says.site, name=name, register=register)


def _firing(look: Look) -> set[Alarm]:
    return {alarm for alarm in alerts_now(look) if look.alarms[alarm] == "firing"}


def _untrue_alerts(fault: Fault, looks: Sequence[Look]) -> Iterable[str]:
    """Alerts that fired for what did not happen; in a fault that is none also those that were about to."""
    known = {_alarm_of(says) for says in fault.says if says.kind == "alert"}
    for look in looks:
        for alarm in alerts_now(look) if fault.is_well else _firing(look):
            is_true = alarm.name in fault.follows and (not _is_register(alarm) or alarm.register in fault.concerns)
            if alarm not in known and not is_true:
                yield f"{look.alarms[alarm]}: {_alarm(alarm)}"


def _is_register(alarm: Alarm) -> bool:
    return alarm.name not in OF_PROCESSES and bool(alarm.register)


def _untrue_lines(fault: Fault, looks: Sequence[Look]) -> Iterable[str]:
    for site in BOTH:
        seen = {line for look in looks for line in look.pages[site]}
        yield from (f"{site}'s page: {line}" for line in seen for words in fault.silent if re.search(words, line))
        if fault.is_well and not all(is_page_well(look, site) for look in looks):
            yield f"{site}'s page does not say that all is well"


def _zeros(looks: Sequence[Look]) -> Iterable[str]:
    return (f"{query[0]}: a lag of 0" for look in looks for query in ZEROS if look.values.get(query) is not None)


def _well_after(looks: Sequence[Look], mended: float) -> dict[str, float | None]:
    """Since when it has been so without a break."""
    checks = {site: (lambda look, site=site: is_page_well(look, site)) for site in BOTH}
    found: dict[str, float | None] = {}
    for what, check in (*checks.items(), ("alerts", lambda look: not alerts_now(look))):
        since = None
        for look in looks:
            if look.at >= mended:
                since = (look.at if since is None else since) if check(look) else None
        found[what] = None if since is None else round(since - mended, 1)
    return found


def _alarm(alarm: Alarm) -> str:
    return f"{alarm.site}: {alarm.name}" + (f" {alarm.register}" if alarm.register else "")
