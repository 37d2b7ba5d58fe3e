"""Watches the capture connectors: a failed task is restarted with growing pauses, and its cause is kept and shown.

Every restart is a new session that begins at the slot, so restarting is always safe; a lasting fault shows its cause
each time, and one that was mended is found within ten seconds. The last cause of each register stands in
`<state>/connectors/<register>.json`, taken apart into class, reason and remedy while it stands still for it.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Protocol

from connectors.client import ABSENT, FAILED, ConnectClient, ConnectorStatus
from connectors.plan import connector_name
from data_embassy import log, metrics
from data_embassy.config import LiveSite, Site
from data_embassy.errors import ConfigError, DataEmbassyError

_LOG: Final = log.get("connectors.watch")
UNREACHABLE: Final = "UNREACHABLE"
INTERVAL_SECONDS: Final = 2.0
PAUSE_SECONDS_MIN: Final = 2.0
PAUSE_SECONDS_MAX: Final = 10.0
"""A task that finds no slot ends at once and costs nothing; who mended a cause should not wait for long."""
RUNS_SECONDS: Final = 5.0
"""A task that fails again and again runs for a moment each time: its cause goes after this."""
MISSING_SECONDS: Final = 30.0
"""Kafka Connect that has just started knows no connector for a while."""
SETTLED_SECONDS: Final = 120.0
"""A task that ran this long is healthy: the next failure starts with the shortest pause again."""


class Connectors(Protocol):
    """What the watcher asks of Kafka Connect."""

    def status(self, name: str) -> ConnectorStatus:
        """The connector's state; raises DataEmbassyError when Kafka Connect cannot say."""
        ...

    def restart_failed(self, name: str) -> None:
        """Restart what failed."""
        ...


@dataclass(slots=True, kw_only=True)
class Health:
    """What is known of one register's connector; times are seconds since 1970."""

    state: str = "UNKNOWN"
    cause: str | None = None
    cause_at: float | None = None
    restarts: int = 0
    changed_at: float = 0.0
    was_there: bool = False
    """True once Kafka Connect had the connector: a register whose first snapshot is being taken has none yet."""
    cause_class: str | None = None
    """While the task stands still, or runs only for moments, for a cause of the plugin's own; None otherwise."""
    reason: str | None = None
    remedy: str | None = None

    def is_missing(self, now: float) -> bool:
        """True when the connector was there, and is not any more."""
        return self.was_there and self.state == ABSENT and now - self.changed_at > MISSING_SECONDS


class Watcher:
    """Looks at every connector once a step. State is kept in files, so that it outlives this process."""

    def __init__(
        self, registers: Iterable[str], connectors: Connectors, folder: Path, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._connectors = connectors
        self._folder = folder
        self._clock = clock
        self._known = {name: read_health(folder, name) or Health() for name in registers}
        self._pauses = dict.fromkeys(self._known, PAUSE_SECONDS_MIN)
        self._restart_at: dict[str, float] = {}
        self._shown: dict[str, str | None] = {}
        """The cause of each register's stop that the metrics show."""

    def keep(self, registers: Iterable[str]) -> None:
        """Watch these from now on, and no others."""
        wanted = set(registers)
        for name in self._known.keys() - wanted:
            del self._known[name], self._pauses[name]
            self._restart_at.pop(name, None)
        for name in sorted(wanted - self._known.keys()):
            self._known[name] = read_health(self._folder, name) or Health()
            self._pauses[name] = PAUSE_SECONDS_MIN

    def step(self) -> None:
        """Look at every connector; restart the failed ones whose pause is over."""
        for register in self._known:
            try:
                status = self._connectors.status(connector_name(register))
                self._note(register, status)
                if status.state == FAILED:
                    self._restart(register)
            except DataEmbassyError as error:
                self._note(register, ConnectorStatus(state=UNREACHABLE, cause=error.message))

    def _note(self, register: str, status: ConnectorStatus) -> None:
        health, now = self._known[register], self._clock()
        metrics.CONNECTOR_RUNNING.labels(register).set(1 if status.is_running else 0)
        metrics.of_site(metrics.CONNECT_UP).set(0 if status.state == UNREACHABLE else 1)
        is_news = (
            status.state != health.state
            or (status.cause is not None and status.cause != health.cause)
            or _is_over(health, status, now)
        )
        if status.is_running:
            self._restart_at.pop(register, None)
            if not is_news and now - health.changed_at > SETTLED_SECONDS:
                self._pauses[register] = PAUSE_SECONDS_MIN
        if not is_news:
            self._show_stop(register, health.cause_class)  # It may be an earlier process's.
            return
        if status.state != health.state:
            health.state, health.changed_at = status.state, now
            health.was_there = health.was_there or status.state not in (ABSENT, UNREACHABLE)
        if status.cause is not None:
            health.cause, health.cause_at = status.cause, now
        _explain(health, register, status, now)
        self._show_stop(register, health.cause_class)
        _LOG.info("connector", register=register, state=status.state, cause=status.cause)
        _write_health(self._folder, register, health)

    def _show_stop(self, register: str, cause: str | None) -> None:
        shown = self._shown.get(register)
        if shown is not None and shown != cause:
            metrics.STOPPED.labels(register, shown).set(0)
        if cause is not None:
            metrics.STOPPED.labels(register, cause).set(1)
        self._shown[register] = cause

    def _restart(self, register: str) -> None:
        now = self._clock()
        if now < self._restart_at.setdefault(register, now + self._pauses[register]):
            return
        del self._restart_at[register]
        self._pauses[register] = min(2 * self._pauses[register], PAUSE_SECONDS_MAX)
        self._connectors.restart_failed(connector_name(register))
        health = self._known[register]
        health.restarts += 1
        metrics.CONNECTOR_RESTARTS.labels(register).inc()
        _LOG.info("connector restarted", register=register, restarts=health.restarts)
        _write_health(self._folder, register, health)


def _is_over(health: Health, status: ConnectorStatus, now: float) -> bool:
    """True when a task has run long enough for its last cause to count as gone."""
    return status.is_running and health.cause_class is not None and now - health.changed_at > RUNS_SECONDS


def _explain(health: Health, register: str, status: ConnectorStatus, now: float) -> None:
    stop = status.stop
    if stop is not None:
        health.cause_class, health.reason = stop.cause_class, stop.reason
        health.remedy = stop.remedy.replace("NAME", register)
    elif _is_over(health, status, now):
        health.cause_class = health.reason = health.remedy = None


def watch(site: Site, stop: threading.Event) -> None:
    """Watch all connectors of this site until `stop` is set. Runs in a thread of the pulse process."""
    if site.connect is None:
        raise ConfigError("only home has connectors to watch", remedy="run it at home")
    with ConnectClient(site.connect.url) as client:
        watcher, live = Watcher(site.registers, client, health_folder(site)), LiveSite(site)
        while not stop.is_set():
            watcher.keep(live.look().registers)
            watcher.step()
            stop.wait(INTERVAL_SECONDS)


def health_folder(site: Site) -> Path:
    """Where the watcher keeps what it knows."""
    return site.state / "connectors"


def read_health(folder: Path, register: str) -> Health | None:
    """What the watcher last knew; None when it knows nothing, or an older form."""
    try:
        return Health(**json.loads((folder / f"{register}.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _write_health(folder: Path, register: str, health: Health) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f"{register}.json.new"
    new.write_text(json.dumps(asdict(health)))
    new.replace(folder / f"{register}.json")
