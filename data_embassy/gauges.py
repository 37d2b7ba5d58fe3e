"""Gauges that both sites' processes set alike: a register's contract and records, the site's keys and disks.

All are computed when they are asked for; files are looked at again every few seconds at most.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, Generic, TypeVar

from data_embassy import metrics
from data_embassy.config import Register, Site, paused
from data_embassy.drills import last_passed
from data_embassy.errors import DataEmbassyError
from data_embassy.keys import signing_key_file
from data_embassy.verifications import finished_at, newest_report

LOOK_SECONDS: Final = 10.0
T = TypeVar("T")


class Kept(Generic[T]):
    """What a function last said, for some seconds. Any thread may ask."""

    def __init__(
        self, ask: Callable[[], T], seconds: float = LOOK_SECONDS, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask, self._seconds, self._monotonic = ask, seconds, monotonic
        self._said: tuple[float, T] | None = None

    def __call__(self) -> T:
        """Its answer, asked again when it is older."""
        said = self._said
        if said is None or self._monotonic() - said[0] >= self._seconds:
            said = self._said = self._monotonic(), self._ask()
        return said[1]


class Newest(Generic[T]):
    """The newest answer of somebody who looks now and then; outdated when it is older than `seconds`."""

    def __init__(self, seconds: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._monotonic = seconds, monotonic
        self._said: tuple[float, T] | None = None

    def say(self, value: T) -> None:
        """This is so now."""
        self._said = self._monotonic(), value

    def get(self) -> T | None:
        """What was said, None when it is outdated: nobody knows any more."""
        said = self._said
        return None if said is None or self._monotonic() - said[0] > self._seconds else said[1]

    def number(self) -> float:
        """The same for a gauge: NaN when nobody knows."""
        value = self.get()
        return math.nan if value is None else float(value)  # type: ignore[arg-type]


class SiteGauges:
    """What one process shows of its site, and of the registers under contract as they come and change."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._shown: Mapping[str, Register] = {}
        _watch_site(site)

    def show(self, registers: Mapping[str, Register]) -> None:
        """These are under contract now; those that went are forgotten by whoever worked for them."""
        for name, register in registers.items():
            if self._shown.get(name) != register:
                _watch_register(self._site, register)
        self._shown = dict(registers)


def _watch_site(site: Site) -> None:
    """Show the site's disks and the age of its signing key."""
    for disk, path in {"state": site.state, **{str(path): path for path in site.disks}}.items():
        metrics.DISK_FREE.labels(disk).set_function(partial(_free, path))
    metrics.of_site(metrics.KEY_AGE).set_function(partial(_age, Kept(partial(_key_written_at, site), 60.0)))


def _watch_register(site: Site, register: Register) -> None:
    """Show what the register's contract and this site's records say of it."""
    name, agreed = register.name, register.terms.rpo_seconds
    metrics.TIER.labels(name).set(register.tier)
    metrics.OBJECTIVE.labels(name).set(math.nan if agreed is None else agreed)
    metrics.PAUSED.labels(name).set_function(lambda: paused(site, name) is not None)
    verified = Kept(partial(_verified, site.state, name))
    metrics.LAST_VERIFICATION_TIME.labels(name).set_function(lambda: verified()[0])
    metrics.LAST_VERIFICATION_EQUAL.labels(name).set_function(lambda: verified()[1])
    metrics.LAST_DRILL_TIME.labels(name).set_function(Kept(partial(_drilled, site.state, name)))


def _free(path: Path) -> float:
    try:
        return float(shutil.disk_usage(path).free)
    except OSError:
        return math.nan


def _key_written_at(site: Site) -> float | None:
    try:
        return signing_key_file(site.keys).stat().st_mtime
    except (DataEmbassyError, OSError):
        return None


def _age(written_at: Callable[[], float | None]) -> float:
    at = written_at()
    return math.nan if at is None else max(0.0, time.time() - at)


def _drilled(state: Path, register: str) -> float:
    """When the newest drill ended that passed, seconds since 1970."""
    at = last_passed(state, register)
    return 0.0 if at is None else at.timestamp()


def _verified(state: Path, register: str) -> tuple[float, float]:
    """When the newest verification ended, seconds since 1970, and whether it found both alike."""
    report = newest_report(state, register)
    if report is None:
        return 0.0, math.nan
    try:
        return finished_at(report).timestamp(), float(bool(report["equal"]))
    except (KeyError, TypeError, ValueError):
        return math.nan, math.nan  # Of another version.
