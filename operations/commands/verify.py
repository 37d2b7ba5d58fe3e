"""`embassy register verify NAME`: prove that the embassy's standby equals the register, at an exact position."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from data_embassy.config import load_site, site_folder

if TYPE_CHECKING:
    from operations.verify import Progress


def verify(
    name: Annotated[str, typer.Argument(help="The register.")],
    *,
    timeout: Annotated[
        float,
        typer.Option("--timeout", min=5, help="Seconds for the embassy to reach the point."),
    ] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """At home: prove that the embassy's standby equals the register, at an exact position, while both go on."""
    from operations.verify import Options
    from operations.verify import verify as prove

    site = load_site(site_folder(None))
    report = prove(
        site, site.register(name), tell=teller(is_silent=as_json), options=Options(reach_seconds_max=timeout)
    )
    if as_json:
        print(json.dumps(report.as_json()))
    else:
        print("\n".join(report.lines()))
    if not report.equal:
        raise typer.Exit(1)


def teller(*, is_silent: bool) -> Callable[[Progress], None]:
    """A line that is overwritten on a terminal; elsewhere one for each new step."""
    is_terminal = sys.stderr.isatty()
    shown = ""

    def tell(progress: Progress) -> None:
        nonlocal shown
        line = f"attempt {progress.attempt}, {progress.message}"
        if is_silent or line == shown:
            return
        shown = line
        if is_terminal:
            sys.stderr.write(f"\r\x1b[2K{line}")
        elif " read " not in progress.message:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()

    return tell
