"""`embassy report`: what happened to the registers in a period, as the embassy's own history tells it."""

from __future__ import annotations

import datetime as dt
import json
from typing import Annotated

import typer

from data_embassy.config import open_site, site_folder


def report(
    *,
    since: Annotated[str | None, typer.Option("--from", help="Begin, a date or time in ISO form, UTC.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="End, not included; now when left out.")] = None,
    last: Annotated[str | None, typer.Option("--last", help="Instead: the last 30d, 2w, 12h or 90m.")] = None,
    register: Annotated[str | None, typer.Option("--register", help="Only this one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """At the embassy: objectives met or not, worst lags and why, outages, stops, verifications, drills of a period.

    Needs neither home nor Prometheus. Exit code 1 when an objective was missed, or is not known to have been met.
    """
    from operations.report.gather import report_of
    from operations.report.period import period_of
    from operations.report.text import text

    period = period_of(since, until, last, now=dt.datetime.now(dt.UTC))
    found = report_of(open_site(site_folder(None)), period, register=register)
    print(json.dumps(found.as_json()) if as_json else text(found))
    if found.missed:
        raise typer.Exit(1)
