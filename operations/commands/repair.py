"""`embassy register repair NAME`: send again, through the lane, what the last verification found different."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from data_embassy.config import load_site, site_folder
from operations.commands.verify import teller

if TYPE_CHECKING:
    from operations.verify.repair import Plan


def repair(
    name: Annotated[str, typer.Argument(help="The register.")],
    *,
    is_agreed: Annotated[bool, typer.Option("--yes", help="Do it; without it the plan is only shown.")] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", min=5, help="Seconds for the embassy to reach the point.")
    ] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """At home: send again what the last verification found different, then verify again."""
    from operations.verify import Options, verify
    from operations.verify.repair import plan, send_again

    site = load_site(site_folder(None))
    register = site.register(name)
    chosen = plan(site, register)
    if chosen is None:
        print(json.dumps({"plan": None}) if as_json else f"{name}: the last verification found everything equal")
        return
    if not is_agreed:
        _show(chosen, as_json=as_json, name=name)
        raise typer.Exit(1)
    left = list(chosen.left)
    left += send_again(register, chosen, tell=lambda line: _tell(line, is_silent=as_json))
    report = verify(site, register, tell=teller(is_silent=as_json), options=Options(reach_seconds_max=timeout))
    if as_json:
        answer: dict[str, Any] = {"plan": chosen.as_json(), "left": left, "verification": report.as_json()}
        print(json.dumps(answer))
    else:
        print("\n".join([*(f"left: {line}" for line in left), *report.lines()]))
    if not report.equal:
        raise typer.Exit(1)


def _show(chosen: Plan, *, as_json: bool, name: str) -> None:
    if as_json:
        print(json.dumps({"plan": chosen.as_json()}))
        return
    print(f"{name} differed at {chosen.position}. A repair sends again, under a short SHARE lock on each table:")
    for table in chosen.tables:
        print(f"  {table.label}: {table.rows} rows in {len(table.ranges)} ranges")
        for within in table.ranges[:20]:
            print(f"    {within}")
    for line in chosen.left:
        print(f"  not by a repair: {line}")
    if chosen.tables:
        print(f"do it: embassy register repair {name} --yes")


def _tell(line: str, *, is_silent: bool) -> None:
    if not is_silent:
        sys.stderr.write(line + "\n")
