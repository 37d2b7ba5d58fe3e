"""`embassy status`: the registers of this site, the most important number first."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sys
import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from data_embassy.config import Site, open_site, site_folder
from data_embassy.errors import CheckFailed

if TYPE_CHECKING:
    from data_embassy.status import RegisterStatus

_WATCH_SECONDS: Final = 1.0
_HOME_UP: Final = "\x1b[H"
_CLEAR_LINE: Final = "\x1b[K"
_CLEAR_BELOW: Final = "\x1b[J"
_CLEAR_ALL: Final = "\x1b[2J"


def status(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    is_watching: Annotated[bool, typer.Option("--watch", help="Again every second, until interrupted.")] = False,
    is_check: Annotated[
        bool, typer.Option("--check", help="Exit code 1 when a register is stopped, or nobody works on it.")
    ] = False,
) -> None:
    """How stale each standby is, where it stands, and what to do about those that stand still.

    At home it shows what home sees: source, capture, forwarder, and the embassy by its signed receipts.
    """
    if is_watching and sys.stdout.isatty() and not as_json:
        print(_CLEAR_ALL, end="")
    while True:
        site = open_site(site_folder(None))
        found = look(site)
        _show(site, found, as_json=as_json, is_redrawn=is_watching)
        if not is_watching:
            break
        time.sleep(_WATCH_SECONDS)
    if is_check:
        _check(found)


def look(site: Site) -> list[RegisterStatus]:
    """What this site knows of its registers now."""
    if site.role == "home":
        from operations.status.home import home_status

        return home_status(site, clock=_now)
    from consumers.status import embassy_status

    return embassy_status(site, clock=_now)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _show(site: Site, found: list[RegisterStatus], *, as_json: bool, is_redrawn: bool) -> None:
    from operations.status.table import WIDTH, table

    if as_json:
        registers = [one.as_json() for one in found]
        print(json.dumps({"site": site.name, "role": site.role, "registers": registers}), flush=True)
        return
    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size((WIDTH, 24)).columns if is_terminal else WIDTH
    text = table(site.name, site.role, found, width=width, is_colored=is_terminal)
    if not (is_redrawn and is_terminal):
        print(text, flush=True)
        return
    # Overwritten in place: clearing first would flicker.
    lines = [f"{site.name} ({site.role})  {dt.datetime.now(dt.UTC):%H:%M:%S} UTC", "", *text.splitlines()]
    sys.stdout.write(_HOME_UP + "".join(f"{line}{_CLEAR_LINE}\n" for line in lines) + _CLEAR_BELOW)
    sys.stdout.flush()


def _check(found: list[RegisterStatus]) -> None:
    bad = [one for one in found if one.state in ("stopped", "down") or (one.candidate and one.candidate.cause)]
    if bad:
        names = ", ".join(one.register for one in bad)
        raise CheckFailed(f"{len(bad)} of {len(found)} registers stand still: {names}", remedy="embassy status")
