"""`embassy register tier NAME TIER`: who goes first when the link cannot carry everything."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from data_embassy.config import open_site, site_folder


def tier(
    name: Annotated[str, typer.Argument(help="The register.")],
    number: Annotated[int, typer.Argument(metavar="TIER", help="1 goes first, 9 last.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Rank a register anew while everything runs: at home for the link, at the embassy for the order of the status.

    Registers of lower tiers wait while the link cannot carry everything, and go on as soon as it can.
    """
    from operations.onboarding.tier import set_tier

    site = open_site(site_folder(None))
    former = set_tier(site, name, number)
    if as_json:
        print(json.dumps({"register": name, "site": site.name, "tier": number, "former": former}))
        return
    print(f"{name} has tier {number} at {site.name}" + ("" if former == number else f"; it was {former}"))
