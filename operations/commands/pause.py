"""`embassy register pause NAME`: hold a register still at this site."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Annotated

import typer

from data_embassy.config import open_site, site_folder


def pause(
    name: Annotated[str, typer.Argument(help="The register.")],
    *,
    reason: Annotated[str | None, typer.Option("--reason", help="For those who read the status.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Hold a register still here until `resume`; the others go on. May be repeated.

    At home nothing is forwarded, while capture goes on into the home topic. At the embassy nothing is applied.
    """
    from operations.onboarding.pausing import pause_register

    site = open_site(site_folder(None))
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    found = pause_register(site, name, at=now, reason=reason)
    if as_json:
        print(json.dumps({"register": name, "site": site.name, "paused": dataclasses.asdict(found)}))
        return
    why = "" if found.reason is None else f" ({found.reason})"
    print(f"{name} is paused at {site.name} since {found.at}{why}; it goes on with: embassy register resume {name}")
