"""`embassy register replay NAME`: rebuild a standby from the embassy's own log and keys, with home dark."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from data_embassy.config import load_site, site_folder
from data_embassy.errors import ConfigError
from data_embassy.types import Lsn

if TYPE_CHECKING:
    from consumers.replay import Progress

_LINE_SECONDS = 5.0


def replay(
    name: Annotated[str, typer.Argument(help="The register.")],
    *,
    until: Annotated[
        str | None,
        typer.Option("--until", help="A commit LSN such as 0/16B3748: restore that state beside the live standby."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """At the embassy: rebuild a register's standby from the lane; without --until it becomes the live one."""
    from consumers.receive import surroundings_of
    from consumers.replay import replay as rebuild

    site = load_site(site_folder(None))
    result = rebuild(site.register(name), surroundings_of(site), until=_lsn(until), tell=_teller(is_silent=as_json))
    if as_json:
        print(json.dumps(dataclasses.asdict(result)))
        return
    print(
        f"{name} was rebuilt into {result.database}: generation {result.generation}.{result.attempt},"
        f" {result.rows} rows and {result.transactions} transactions, up to {result.commit_lsn},"
        f" in {result.seconds:.1f} s" + (" (now live)" if result.is_live else "")
    )


def _lsn(text: str | None) -> Lsn | None:
    try:
        return None if text is None else Lsn.parse(text)
    except ValueError:
        raise ConfigError(f"{text!r} is no position", remedy="give a commit LSN such as 0/16B3748") from None


def _teller(*, is_silent: bool) -> Callable[[Progress], None]:
    """A line that is overwritten on a terminal; elsewhere a line now and then."""
    is_terminal = sys.stderr.isatty()
    shown_at = 0.0
    shown = ""

    def tell(progress: Progress) -> None:
        nonlocal shown_at, shown
        total = "" if progress.total is None else f" of {progress.total}"
        line = (
            f"{progress.step}: {progress.done}{total} envelopes, {progress.rows} rows loaded,"
            f" {progress.changes} changes applied"
        )
        now = time.monotonic()
        if is_silent or line == shown or (not is_terminal and now - shown_at < _LINE_SECONDS):
            return
        shown, shown_at = line, now
        sys.stderr.write(f"\r\x1b[2K{line}" if is_terminal else line + "\n")
        sys.stderr.flush()

    return tell
