"""`embassy status --watch`: the site on the whole terminal, drawn anew as it changes; plain lines without one."""

from __future__ import annotations

import datetime as dt
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console, Group
from rich.live import Live

from data_embassy.config import Site
from data_embassy.status import RegisterStatus
from operations.page.behind import behind
from operations.page.gather import Gatherer
from operations.page.sight import sight_of
from operations.page.snapshot import Snapshot
from operations.status.screen import screen
from operations.status.table import waiting
from operations.status.trail import Trail
from operations.words import duration

REDRAW_SECONDS: Final = 0.5
"""A site is looked at once a second."""
_QUIT: Final = ("q", "Q", "\x1b", "\x04")
_STEPS: Final = {"\x1b[A": -1, "k": -1, "\x1b[B": 1, "j": 1, "\x1b[5~": -10, "\x1b[6~": 10, " ": 10}
_KEY_BYTES_MAX: Final = 8
Clock = Callable[[], dt.datetime]


def watch(site: Site, *, clock: Clock) -> tuple[RegisterStatus, ...]:
    """Show the site until somebody presses q; returns what was seen last. Raises KeyboardInterrupt."""
    gatherer = Gatherer(sight_of(site, clock=clock), site=site.name, role=site.role, clock=clock)
    trails = Trails()
    console = Console()
    gatherer.start()
    offset, is_ended = 0, False
    try:
        with _keys() as key, Live(console=console, screen=True, auto_refresh=False) as live:
            while not is_ended:
                snapshot = gatherer.snapshot
                for name in trails.follow(snapshot):
                    gatherer.want(name, "hour")
                width, height = console.size
                lines = screen(snapshot, trails.by_register, now=clock(), width=width, height=height, offset=offset)
                live.update(Group(*lines), refresh=True)
                pressed = key(REDRAW_SECONDS)
                is_ended = pressed in _QUIT
                offset = max(0, offset + _STEPS.get(pressed, 0))
    finally:
        gatherer.end()
    return gatherer.snapshot.seen.registers


class Trails:
    """The trails of all registers of a site."""

    def __init__(self) -> None:
        self.by_register: dict[str, Trail] = {}
        self._unseeded: set[str] = set()
        self._number = 0

    def follow(self, snapshot: Snapshot) -> list[str]:
        """Take a newer snapshot; returns the registers that were not there before."""
        if snapshot.number == self._number or snapshot.taken_at is None:
            return []
        self._number = snapshot.number
        found = {one.register: behind(one, snapshot.role).seconds for one in snapshot.seen.registers}
        new = [name for name in found if name not in self.by_register]
        self._unseeded = (self._unseeded | set(new)) & set(found)
        self.by_register = {name: self.by_register.get(name, Trail()) for name in found}
        for name, seconds in found.items():
            self.by_register[name].add(snapshot.taken_at, seconds)
        for name in list(self._unseeded):
            if (past := snapshot.pasts.get((name, "hour"))) is not None:
                self.by_register[name].seed((one.at, one.lag_seconds) for one in past.samples)
                self._unseeded.discard(name)
        return new


def plain(found: tuple[RegisterStatus, ...] | list[RegisterStatus], role: str, now: dt.datetime) -> Iterator[str]:
    """One line per register: for a file, or a terminal that cannot be written all over."""
    for one in found:
        known = behind(one, "home" if role == "home" else "embassy").seconds
        objective = "-" if one.objective_seconds is None else f"{one.objective_seconds} s"
        cause = "" if one.cause is None else f" {one.cause}"
        yield (
            f"{now:%Y-%m-%dT%H:%M:%SZ} {one.register} {one.state} lag {duration(known)} of {objective}"
            f" waiting {waiting(one)} seen {duration(one.age_seconds)} ago{cause}"
        )


def is_whole_terminal() -> bool:
    """True where the whole terminal can be drawn on."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb")


def _no_key(seconds: float) -> str:
    time.sleep(seconds)
    return ""


@contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """Waits for a key without its enter; "" when none came in time. Keys need a terminal for input."""
    if not sys.stdin.isatty():
        yield _no_key
        return
    number = sys.stdin.fileno()
    former = termios.tcgetattr(number)

    def key(seconds: float) -> str:
        ready, _, _ = select.select([number], [], [], seconds)
        return os.read(number, _KEY_BYTES_MAX).decode(errors="replace") if ready else ""

    try:
        tty.setcbreak(number)
        yield key
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, former)
