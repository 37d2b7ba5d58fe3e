"""`embassy status`: the registers of this site, the most important number first."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Annotated, Final

import typer

from data_embassy.config import Site, open_site, site_folder
from data_embassy.errors import CheckFailed

if TYPE_CHECKING:
    from data_embassy.status import RegisterStatus
    from operations.status.ears import KafkaEars

_WATCH_SECONDS: Final = 1.0


def status(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    is_watching: Annotated[
        bool,
        typer.Option("--watch", help="On the whole terminal, until q; as lines each second where there is none."),
    ] = False,
    is_check: Annotated[
        bool, typer.Option("--check", help="Exit code 1 when a register is stopped, or nobody works on it.")
    ] = False,
) -> None:
    """How stale each standby is, where it stands, and what to do about those that stand still.

    At home it shows what home sees: source, capture, forwarder, and the embassy by its signed receipts.
    """
    site = open_site(site_folder(None))
    if is_watching:
        _check(_watch(site, as_json=as_json), is_asked=is_check)
        return
    found = look(site)
    _show(site, found, as_json=as_json)
    _check(found, is_asked=is_check)


def _watch(site: Site, *, as_json: bool) -> Sequence[RegisterStatus]:
    from operations.status.ears import KafkaEars
    from operations.status.watch import is_whole_terminal, plain, watch

    if is_whole_terminal() and not as_json:
        return watch(site, clock=_now)
    with ExitStack() as stack:
        ears = stack.enter_context(closing(KafkaEars(site))) if site.role == "home" else None
        while True:
            site = open_site(site_folder(None))
            found = look(site, ears=ears)
            if as_json:
                _show(site, found, as_json=True)
            else:
                print("\n".join(plain(found, site.role, _now())), flush=True)
            time.sleep(_WATCH_SECONDS)


def look(site: Site, *, ears: KafkaEars | None = None) -> list[RegisterStatus]:
    """What this site knows of its registers now; `ears` are kept by who looks again and again at home."""
    if site.role == "home":
        from operations.status.home import home_status

        return home_status(site, clock=_now, ears=ears)
    from consumers.status import embassy_status

    return embassy_status(site, clock=_now)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _show(site: Site, found: Sequence[RegisterStatus], *, as_json: bool) -> None:
    from operations.status.table import WIDTH, table

    if as_json:
        registers = [one.as_json() for one in found]
        print(json.dumps({"site": site.name, "role": site.role, "registers": registers}), flush=True)
        return
    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size((WIDTH, 24)).columns if is_terminal else WIDTH
    is_colored = is_terminal and not os.environ.get("NO_COLOR")
    print(table(site.name, site.role, found, width=width, is_colored=is_colored), flush=True)


def _check(found: Sequence[RegisterStatus], *, is_asked: bool) -> None:
    if not is_asked:
        return
    bad = [one for one in found if one.state in ("stopped", "down") or (one.candidate and one.candidate.cause)]
    if bad:
        names = ", ".join(one.register for one in bad)
        raise CheckFailed(f"{len(bad)} of {len(found)} registers stand still: {names}", remedy="embassy status")
