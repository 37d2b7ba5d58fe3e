"""What a run behind a narrow link found, and its report."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bench.lags import middle_and_most
from bench.ten_report import markdown

_EVERY_SECONDS = 10.0
_ASKED_AT = (10.0, 30.0, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0)
"""Seconds behind the mending at which estimates are compared with what happened."""
_SETTLED_SECONDS = 30.0
_NEAR_SECONDS = 10.0
"""Below this what a standby needs to apply, and when the lag was asked, weigh more than the link."""
_FACTORS = (1.5, 2.0, 3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A register, its objective in seconds, and what it had written while the link was cut."""

    register: str
    tier: int
    objective: int
    kilobytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What the status at home said of a register, so many seconds behind the mending."""

    at: float
    register: str
    level_in: float | None
    is_held: bool
    behind: float | None


@dataclass(slots=True, kw_only=True)
class Result:
    """Kept as JSON, so that the report can be written again. `lags`: seconds behind the mending, lag by register."""

    kbit: float
    seed: int
    rate: float
    level_seconds: float
    revision: str
    machine: str
    versions: dict[str, str]
    day: str
    loads: list[float] = field(default_factory=list)
    load: float = 0.0
    rows: int = 0
    lags: list[tuple[float, dict[str, float]]] = field(default_factory=list)
    estimates: list[Estimate] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    @classmethod
    def read(cls, text: str) -> Self:
        """From JSON."""
        found = cls(**json.loads(text))
        found.lags = [(at, lags) for at, lags in found.lags]
        found.lines = [Line(**one) for one in found.lines]  # type: ignore[arg-type]
        found.estimates = [Estimate(**one) for one in found.estimates]  # type: ignore[arg-type]
        return found

    def level_at(self, name: str) -> float | None:
        """When it was level for the first time."""
        return next((at for at, lags in self.lags if lags.get(name, 1e9) <= self.level_seconds), None)

    def of_tier(self, tier: int) -> list[str]:
        """Registers of a tier."""
        return [one.register for one in self.lines if one.tier == tier]

    @property
    def tiers(self) -> list[int]:
        """Those that occur."""
        return sorted({one.tier for one in self.lines})


def write(path: Path, result: Result) -> None:
    """Write the report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [_head(result), _registers(result), _time(result), _estimates(result)]
    path.write_text("\n".join(parts), encoding="utf-8")


def _head(result: Result) -> str:
    software = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    total = sum(one.kilobytes for one in result.lines) / 1000
    last = max(result.level_at(one.register) or float("nan") for one in result.lines)
    return f"""\
# Tiers behind a narrow link

Command: `python -m bench.tiers --kbit {result.kbit:g} --seed {result.seed}`, {result.day},
revision {result.revision}, {result.machine}, load average {result.load:.0f} (median); {software}.

While the link was cut, each of {len(result.lines)} registers wrote rows that do not compress, {total:.0f} MB together,
and people went on working in all of them ({result.rate:g} transactions a second begun in each).
Then the link was mended and carried {result.kbit:g} kbit/s: {result.kbit / 8:.0f} kB each second, where a byte of these
rows takes about two, for values travel as PostgreSQL's own text.
All were level {last:.0f} s later. In the end every row of every table was compared as text: {result.rows:,} rows,
equal.
"""


def _registers(result: Result) -> str:
    last = {tier: max(result.level_at(name) or 1e9 for name in result.of_tier(tier)) for tier in result.tiers}
    end = max(last.values())
    rows = []
    for one in sorted(result.lines, key=lambda one: (one.tier, one.register)):
        level = result.level_at(one.register)
        seen = [lags[one.register] for at, lags in result.lags if level is not None and level <= at <= end
                and one.register in lags]  # fmt: skip
        within = sum(lag <= one.objective for lag in seen)
        middle, most = middle_and_most(seen)
        rows.append((
            one.register, one.tier, f"{one.kilobytes / 1000:.1f}", one.objective,
            "never" if level is None else f"{level:.0f}", f"{middle:.1f}", f"{most:.1f}", f"{within} of {len(seen)}",
        ))  # fmt: skip
    columns = (
        "register", "tier", "waiting, MB", "objective, s", "level after s", "lag from then on, median s", "worst s",
        "within the objective",
    )  # fmt: skip
    return f"""\
"Level" is a lag of at most {result.level_seconds:g} s. What follows it counts until the last register was level: for a
high tier it is the time in which lower ones waited, and people worked in all of them.

{markdown(columns, rows)}
"""


def _time(result: Result) -> str:
    rows, due = [], 0.0
    for at, lags in result.lags:
        if at >= due:
            cells = []
            for tier in result.tiers:
                found = [lags[name] for name in result.of_tier(tier) if name in lags]
                cells.append(f"{min(found):.0f} to {max(found):.0f}" if found else "-")
            rows.append((f"{at:.0f}", *cells))
            due = at + _EVERY_SECONDS
    columns = ("seconds behind the mending", *(f"lag in tier {tier}, s" for tier in result.tiers))
    return f"""\
## Lag over time, least to most of each tier
{markdown(columns, rows)}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An estimate and what it really took, seconds; of a register that was not level yet."""

    estimate: Estimate
    took: float

    @property
    def is_settled(self) -> bool:
        """True where it must be right: not at once behind the mending, and not about the last moments."""
        return self.estimate.at >= _SETTLED_SECONDS and self.took >= _NEAR_SECONDS

    @property
    def factor(self) -> float:
        """By how much it is wrong, too long or too short alike; infinite where nothing was said."""
        said = self.estimate.level_in
        return max(said / self.took, self.took / said) if said else float("inf")


def judged(result: Result, name: str) -> list[Judged]:
    """Every estimate of a register until it was level, in the order in which they were asked for."""
    level = result.level_at(name)
    return [
        Judged(estimate=one, took=level - one.at)
        for one in result.estimates
        if one.register == name and level is not None and one.at < level
    ]


def _estimates(result: Result) -> str:
    lines = sorted(result.lines, key=lambda one: (one.tier, one.register))
    found = {one.register: judged(result, one.register) for one in lines}
    rows = [(one.register, one.tier, *(_said(found[one.register], at) for at in _ASKED_AT)) for one in lines]
    columns = ("register", "tier", *(f"after {at:.0f} s" for at in _ASKED_AT))
    return f"""\
## What the status at home estimated, and what happened
So many seconds behind the mending: "level in ESTIMATE s / it took S s", empty for registers that were level. The
estimate is about the link (when the embassy's broker has everything); what it took was measured at the standby, where
the lag says so. "-": it says nothing.

{_summary([one for each in found.values() for one in each if one.is_settled])}

It knows how many records wait and how large a few of them are, all along what waits; what the link carried on average
while it was busy; and what goes on coming. All of a tier counts as ahead of each of its registers, though some of them
are through before others. At first it knows the link no more, and what was written at once may seem to go on coming.

{markdown(columns, rows)}
"""


def _said(found: list[Judged], at: float) -> str:
    one = next((one for one in found if one.estimate.at >= at), None)
    if one is None:
        return ""
    said = one.estimate.level_in
    return f"{'-' if said is None else f'{said:.0f}'} / {one.took:.0f}"


def _summary(found: list[Judged]) -> str:
    if not found:
        return "All were level before it was asked."
    within = [f"{sum(one.factor <= factor for one in found)} within a factor of {factor:g}" for factor in _FACTORS]
    return (
        f"Of {len(found)} answers later than {_SETTLED_SECONDS:.0f} s behind the mending, about registers that needed\n"
        f"at least {_NEAR_SECONDS:.0f} s more, were {', '.join(within)} of what it took."
    )
