"""How the standbys are doing, all together, sampled once a second and said in one line.

Lag is the embassy's clock minus the newest pulse that the standby shows; what waits at home is the forwarder's own
metric. A process that is down shows as a dash, never as a zero.
"""

import datetime as dt
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import psycopg
import requests
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.machine import LOOPBACK, LocalError
from deploy.local.system import LocalSystem

LEVEL_SECONDS = 2.0
"""A standby at most this far behind counts as level: the pulse beats once a second."""
_SAMPLE_SECONDS = 1.0
_PLAIN_LINE_SECONDS = 5.0
_POSITION = "SELECT pulse_at, changes FROM embassy_local.position"
_BACKLOG = "embassy_forward_backlog_records"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One register at one moment. None: not known now."""

    pulse_at: dt.datetime | None
    lag_seconds: float | None
    changes_per_second: float | None
    waiting_at_home: int | None

    def is_level_since(self, moment: dt.datetime) -> bool:
        """The standby is seconds behind, no more, and shows something that happened after a moment."""
        if self.pulse_at is None or self.lag_seconds is None:
            return False
        return self.pulse_at > moment and self.lag_seconds < LEVEL_SECONDS


@dataclass(slots=True)
class Watch:
    """Samples the registers of a local system and shows them."""

    system: LocalSystem
    registers: tuple[str, ...]
    is_terminal: bool = field(default_factory=sys.stdout.isatty)
    worst_lag_seconds: float = 0.0
    note: Callable[[], str] = str
    """What else the line says; nothing when it is empty."""
    _counts: dict[str, tuple[float, int]] = field(default_factory=dict)
    _shown_at: float = 0.0

    def during(self, seconds: float) -> None:
        """Show the line for some time."""
        end = time.monotonic() + seconds
        self._show_until(lambda _: time.monotonic() >= end)

    def until_level(self, *, seconds: float, what: str) -> float:
        """Show the line until every standby is level again; return how long it took.

        A standby that shows nothing newer than this call may owe its small lag to what went before. Raises LocalError
        at the deadline.
        """
        began, since = time.monotonic(), dt.datetime.now(dt.UTC)

        def is_done(samples: dict[str, Sample]) -> bool:
            late = ", ".join(name for name, sample in samples.items() if not sample.is_level_since(since))
            if not late:
                return True
            if time.monotonic() > began + seconds:
                raise LocalError(f"{what}: {late} not level after {seconds:.0f} s", remedy="embassy status")
            return False

        self._show_until(is_done)
        return time.monotonic() - began

    def sample(self) -> dict[str, Sample]:
        """Every register as it is now."""
        backlog = self._backlog()
        addresses = self.system.env()["registers"]
        return {name: self._sample(name, addresses[name]["standby_dsn"], backlog.get(name)) for name in self.registers}

    def _show_until(self, is_done: Callable[[dict[str, Sample]], bool]) -> None:
        due = time.monotonic()
        try:
            while True:
                samples = self.sample()
                lags = [sample.lag_seconds for sample in samples.values() if sample.lag_seconds is not None]
                self.worst_lag_seconds = max([self.worst_lag_seconds, *lags])
                self._show(samples)
                if is_done(samples):
                    return
                due = max(due + _SAMPLE_SECONDS, time.monotonic())
                time.sleep(max(0.0, due - time.monotonic()))
        finally:
            if self.is_terminal:
                print(flush=True)

    def _show(self, samples: dict[str, Sample]) -> None:
        parts = (summary(samples), f"link {self._link()}", self.note())
        line = "  |  ".join(part for part in parts if part)
        now = time.monotonic()
        if self.is_terminal:
            print(f"\r\x1b[2K  {line}", end="", flush=True)
        elif now - self._shown_at >= _PLAIN_LINE_SECONDS:
            self._shown_at = now
            print(f"  {line}", flush=True)

    def _sample(self, name: str, standby_dsn: str, backlog: int | None) -> Sample:
        try:
            with psycopg.connect(standby_dsn, autocommit=True, connect_timeout=2) as connection:
                row = connection.execute(_POSITION).fetchone()
        except psycopg.Error:
            row = None
        if row is None:
            return Sample(pulse_at=None, lag_seconds=None, changes_per_second=None, waiting_at_home=backlog)
        pulse_at, changes = row
        lag = None if pulse_at is None else max(0.0, (dt.datetime.now(dt.UTC) - pulse_at).total_seconds())
        return Sample(
            pulse_at=pulse_at,
            lag_seconds=lag,
            changes_per_second=self._rate(name, changes),
            waiting_at_home=backlog,
        )

    def _rate(self, name: str, changes: int) -> float | None:
        now = time.monotonic()
        before = self._counts.get(name)
        self._counts[name] = (now, changes)
        if before is None or now == before[0] or changes < before[1]:
            return None
        return (changes - before[1]) / (now - before[0])

    def _backlog(self) -> dict[str, int]:
        try:
            text = requests.get(f"http://{LOOPBACK}:{self.system.layout.ports.forward}/metrics", timeout=2).text
        except requests.RequestException:
            return {}
        families = text_string_to_metric_families(text)
        samples = [sample for family in families if family.name == _BACKLOG for sample in family.samples]
        return {sample.labels["register"]: int(sample.value) for sample in samples}

    def _link(self) -> str:
        try:
            return "CUT" if self.system.link.status().shape.is_cut else "open"
        except LocalError:
            return "-"


def text(name: str, sample: Sample) -> str:
    """What the line says of one register."""
    lag = "lag     -" if sample.lag_seconds is None else f"lag {sample.lag_seconds:5.1f} s"
    rate = "    -" if sample.changes_per_second is None else f"{sample.changes_per_second:5.0f}"
    waiting = "    -" if sample.waiting_at_home is None else f"{sample.waiting_at_home:5d}"
    return f"{name}: {lag}, {rate} changes/s, {waiting} waiting"


def summary(samples: Mapping[str, Sample]) -> str:
    """What the line says of all registers together."""
    lags = {name: sample.lag_seconds for name, sample in samples.items() if sample.lag_seconds is not None}
    said = []
    if lags:
        worst = max(lags, key=lambda name: lags[name])
        said.append(f"{len(lags)} standbys {min(lags.values()):4.1f} to {lags[worst]:4.1f} s behind (most: {worst})")
    if len(lags) < len(samples):
        said.append(f"{len(samples) - len(lags)} without an answer")
    rates = [sample.changes_per_second for sample in samples.values() if sample.changes_per_second is not None]
    waiting = [sample.waiting_at_home for sample in samples.values() if sample.waiting_at_home is not None]
    said.append(f"{sum(rates):,.0f} changes/s" if rates else "- changes/s")
    said.append(f"{sum(waiting):,} waiting at home" if waiting else "- waiting at home")
    return ", ".join(said)
