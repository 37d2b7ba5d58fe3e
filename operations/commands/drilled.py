"""`embassy register drilled NAME...`: put on record that people practised a take-over."""

from __future__ import annotations

import datetime as dt
import json
from typing import Annotated

import typer

from data_embassy.config import open_site, site_folder


def drilled(
    names: Annotated[list[str], typer.Argument(help="The registers that were drilled.", metavar="NAME...")],
    *,
    result: Annotated[str, typer.Option("--result", help="passed or failed.")],
    by: Annotated[str, typer.Option("--by", help="Who answers for it: a name, an office.")],
    note: Annotated[str, typer.Option("--note", help="What was practised, and what was learned; one line.")] = "",
    at: Annotated[str | None, typer.Option("--at", help="When it ended, in ISO form, UTC; now when left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Put a drill of a take-over on this site's record, signed: who, when, which registers, how it went.

    It performs nothing. Only a drill that passed ends the alert NoRecentDrill. Nothing travels: do it at both sites.
    """
    from data_embassy.drills import drill, keep
    from operations.report.period import moment
    from operations.signing import signer_of

    site, now = open_site(site_folder(None)), dt.datetime.now(dt.UTC)
    ended = None if at is None else moment(at, remedy="give the time as --at 2026-10-01T14:30")
    one = drill(registers=names, result=result, by=by, note=note, at=ended, now=now)
    for name in names:
        site.require(name)  # One with a broken contract may have been drilled before.
    paths = keep(site.state, one, signer=signer_of(site))
    if as_json:
        print(json.dumps({"drill": one.id, "at": one.at.isoformat(), "files": [str(path) for path in paths]}))
        return
    print(f"{', '.join(names)}: a drill that {one.result}, ended {one.at.isoformat()}, is on record at {site.name}")
