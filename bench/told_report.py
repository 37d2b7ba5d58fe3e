"""What says so, and how soon: what a run of `bench.told` found, and its report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from bench.ten_report import markdown
from bench.told_faults import BY_NAME
from bench.told_judge import Finding, Outcome

_NOTHING_ELSE: Final = "Nothing fired and nothing was said that was not true of the fault."
SITES: Final = ("home", "embassy")


@dataclass(slots=True, kw_only=True)
class Result:
    """Kept as JSON, so that the report can be written again, and a part of the faults be measured anew."""

    revision: str
    machine: str
    versions: dict[str, str]
    day: str
    outcomes: list[Outcome] = field(default_factory=list)

    @classmethod
    def read(cls, text: str) -> Self:
        """From JSON."""
        found = cls(**json.loads(text))
        found.outcomes = [Outcome(**one) for one in found.outcomes]  # type: ignore[arg-type]
        for one in found.outcomes:
            one.findings = [Finding(**each) for each in one.findings]  # type: ignore[arg-type]
        return found


def write(path: Path, result: Result) -> None:
    """Write the report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [_head(result), _summary(result), *(_section(one) for one in result.outcomes)]
    path.write_text("\n".join(parts), encoding="utf-8")


def _head(result: Result) -> str:
    software = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    kept = sum(one.is_kept for each in result.outcomes for one in each.findings)
    asked = sum(len(each.findings) for each in result.outcomes)
    failures = [f"- {one.name}: {what}" for one in result.outcomes for what in one.failures]
    said = "\n".join(["Not as it has to be:", "", *failures]) if failures else _NOTHING_ELSE
    return f"""\
# What says so, and how soon

Command: `python -m bench.told`, in parts by `--only`; the last of them {result.day},
revision {result.revision}, {result.machine}; {software}.
`tests/scenarios/test_told.py` holds a whole system to the limits below (`make campaign`).

A whole system ran with both sites' status pages, and at each site a Prometheus and an Alertmanager with the rules as
they are shipped. People worked in the population register (objective 5 s); the gazette (objective 5 min) was idle. Each
fault was brought about and left alone until everything below was said; both pages, every alert and the metrics were
looked at once a second. Seconds count from the moment at which the fault was complete, for "well again" from the
moment at which its mending began. Prometheus asked every 5 s here; at a site it asks every 15 s, so that metrics and
alerts may come up to 20 s later. An alert's own waiting (`for`) is in its figure; none of these waits for longer than
two minutes.

Of {asked} statements {kept} came within their limits. {said}
"""


def _summary(result: Result) -> str:
    rows = []
    for one in result.outcomes:
        well = [_seconds(one.well_after.get(what)) for what in (*SITES, "alerts")]
        rows.append((
            BY_NAME[one.name].title, *(_first(one, site, "page") for site in SITES),
            *(_alerts(one, site) for site in SITES), _lags(one), "-" if BY_NAME[one.name].is_well else " / ".join(well),
        ))  # fmt: skip
    columns = (
        "fault", "home's page after s", "embassy's page after s", "home's alert fires after s",
        "embassy's alert fires after s", "lag shown at home / embassy, and true, s",
        "well again after s: home's page / embassy's / no alert",
    )  # fmt: skip
    return f"""\
{markdown(columns, rows)}

The lags are those of the population register right before the mending. Lag at the embassy is known to half a second;
at home it is the newest receipt's, and older by the receipt's age.

Alerts of missed objectives (`ObjectiveBurns...`) are left out: they speak of the last hours, in which this run missed
much. So are `NoRecentVerification` and `NoRecentDrill`: nobody verified or drilled here, and they wait for a day.
"""


def _section(one: Outcome) -> str:
    rows = [
        (
            each.site,
            each.kind,
            _said(each),
            _seconds(each.pending_after),
            _seconds(each.after),
            f"{each.within:g}",
        )
        for each in one.findings
    ]
    columns = ("site", "what", "says", "pending after s", "after s", "limit s")
    others = ", ".join(f"`{name}`" for name in one.fired if name not in {_name(each) for each in one.findings})
    rang = ", ".join(f"`{name}`" for name in one.rang) or "nobody"
    besides = f"Fired besides, true of it as well: {others}. " if others else ""
    return f"""\
## {BY_NAME[one.name].title}
Home's page: "{one.headlines["home"]}"

The embassy's page: "{one.headlines["embassy"]}"

{markdown(columns, rows)}

It lasted {one.lasted:.0f} s. Somebody was rung up for: {rang}. {besides}
"""


def _said(each: Finding) -> str:
    if each.kind == "page":
        return f'"{each.words or each.what}"'
    if each.kind == "metric":
        return f"`{each.what}`: {each.words or 'nothing'}".replace("|", "\\|")
    return f"`{each.what}`"


def _name(each: Finding) -> str:
    return f"{each.site}: {each.what}" if each.kind == "alert" else ""


def _first(one: Outcome, site: str, kind: str) -> str:
    found = [each.after for each in one.findings if (each.site, each.kind) == (site, kind)]
    return "says that all is well" if BY_NAME[one.name].is_well else _seconds(min(found, key=_order, default=None))


def _order(after: float | None) -> float:
    return float("inf") if after is None else after


def _alerts(one: Outcome, site: str) -> str:
    return ", ".join(_alerts_of(one, site)) or "-"


def _alerts_of(one: Outcome, site: str) -> Iterator[str]:
    for each in one.findings:
        if (each.site, each.kind) == (site, "alert"):
            yield f"`{each.what.split()[0]}` {_seconds(each.after)}"


def _lags(one: Outcome) -> str:
    shown = " / ".join(_seconds(one.shown_lag.get(site)) for site in SITES)
    return f"{shown}; {_seconds(one.true_lag)}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}" if value >= 10 else f"{value:.1f}"
