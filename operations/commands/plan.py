"""`embassy plan`: link, disk and time that the registers of this site need, and what is weak in the sites."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from data_embassy.config import open_site, site_folder
from data_embassy.errors import CheckFailed, ConfigError


def plan(
    *,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="How long the registers are watched.")] = 10,
    outage_hours: Annotated[float, typer.Option("--outage-hours", min=0, help="Longest outage of the link.")] = 72,
    peak: Annotated[float, typer.Option("--peak", min=1, help="The busiest minute by the average.")] = 10,
    link_mbit: Annotated[float | None, typer.Option("--link-mbit", min=0, help="What the link carries.")] = None,
    home_disk_gb: Annotated[float | None, typer.Option("--home-disk-gb", min=0, help="Disk of home's broker.")] = None,
    lane_disk_gb: Annotated[float | None, typer.Option("--lane-disk-gb", min=0, help="The embassy's broker's.")] = None,
    generation_days: Annotated[float, typer.Option("--generation-days", min=1, help="Between generations.")] = 90,
    measured: Annotated[Path | None, typer.Option("--measured", help="Plan with a kept measurement.")] = None,
    keep: Annotated[Path | None, typer.Option("--save", help="Keep the measurement in this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What link and disks must hold, how long each part may be away, how soon all is level; and what is weak. At home.

    The formulas stand in docs/sizing.md. Exit code 1 when something must not stay as it is.
    """
    from operations.plan.forecast import DAY, Asked, forecast
    from operations.plan.measure import measure, restore, save
    from operations.plan.text import text
    from operations.plan.weak import weaknesses

    site = open_site(site_folder(None))
    if site.role != "home":
        raise ConfigError("a plan is made at home, where the registers are", remedy="give --site home's folder")
    found = measure(site, seconds=seconds) if measured is None else restore(measured)
    if keep is not None:
        save(found, keep)
    asked = Asked(
        outage_seconds=outage_hours * 3600,
        peak=peak,
        link_bytes=found.link_bytes if link_mbit is None else link_mbit * 125_000,
        home_disk_bytes=None if home_disk_gb is None else home_disk_gb * 1e9,
        lane_disk_bytes=None if lane_disk_gb is None else lane_disk_gb * 1e9,
        generation_seconds=generation_days * DAY,
    )
    each, total = forecast(found.registers, asked)
    weak = list(weaknesses(site, replicas=found.replicas))
    if as_json:
        said = {
            "asked": asdict(asked),
            "measured": {name: asdict(one) for name, one in found.registers.items()},
            "unreachable": dict(found.unreachable),
            "registers": {name: asdict(one) for name, one in each.items()},
            "total": asdict(total),
            "weak": [asdict(one) for one in weak],
        }
        print(json.dumps(said, indent=2))
    else:
        print(text(found.registers, each, total, asked, weak))
        for name, reason in found.unreachable.items():
            print(f"not measured: {name}: {reason}")
    stops = [one.what for one in weak if one.severity == "stop"]
    if stops or found.unreachable:
        raise CheckFailed("; ".join(stops) or "not every register could be measured", remedy="see above")
