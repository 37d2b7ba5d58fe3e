"""`embassy status`: the registers of this site, the most important number first."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from data_embassy.config import Site, load_site, site_folder
from data_embassy.errors import ConfigError

if TYPE_CHECKING:
    from consumers.status import RegisterStatus


def status(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    is_watching: Annotated[bool, typer.Option("--watch", help="Again every second, until interrupted.")] = False,
) -> None:
    """How stale each standby is, where it stands, and what to do about those that stand still."""
    site = load_site(site_folder(None))
    if site.role != "embassy":
        raise ConfigError(
            "home cannot see the standbys, and holds no credential to ask; the embassy's receipts tell home's"
            " forwarder how far they are (metric embassy_receipt_lag_seconds)",
            remedy="at the embassy: embassy status",
        )
    while True:
        _show(site, as_json=as_json)
        if not is_watching:
            return
        time.sleep(1)


def _show(site: Site, *, as_json: bool) -> None:
    from consumers.status import embassy_status

    found = embassy_status(site, now=dt.datetime.now(dt.UTC))
    if as_json:
        print(json.dumps({"site": site.name, "registers": [dataclasses.asdict(one) for one in found]}))
        return
    for one in found:
        print(_line(one))


def _line(one: RegisterStatus) -> str:
    lag = "lag unknown" if one.lag_seconds is None else f"lag {one.lag_seconds:.1f} s"
    backlog = "" if one.backlog_envelopes is None else f", {one.backlog_envelopes} envelopes behind"
    where = "" if one.commit_lsn is None else f" at {one.commit_lsn} (generation {one.generation})"
    line = f"{one.register}: {one.state}, {lag}{backlog}{where}"
    if one.candidate is not None:
        line += f"; {one.candidate} is being prepared"
    if one.cause is not None:
        line += f"\n  {one.cause}: {one.message}\n  remedy: {one.remedy}"
    return line
