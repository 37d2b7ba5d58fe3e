"""Gauges of the forwarder: computed when they are asked for; what nobody looked at lately is NaN, never its last value.

A worker that stands by has no sessions: it shows nothing of registers that another one forwards.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from data_embassy import metrics
from data_embassy.config import Register, Site, paused
from data_embassy.envelope import EpochUse
from data_embassy.errors import TransportError
from data_embassy.gauges import Kept, Newest, SiteGauges
from data_embassy.kafka import TopicAdmin
from data_embassy.retention import Retention
from data_embassy.status import HOPS, STATES
from pipelines.receipts import Heard
from pipelines.session import Session, State
from pipelines.stops import StopFiles
from pipelines.telling import Told

OUTDATED_SECONDS: Final = 15.0
SILENT_SECONDS: Final = 20.0
"""An embassy that has not said anything for so long is silent: it speaks every five seconds."""
SETTINGS_SECONDS: Final = 60.0
_MICROSECONDS: Final = 1e6
_STATES: Final = {State.OPENING: "waiting", State.STOPPED: "stopped", State.CLOSED: "down"}


class HomeGauges:
    """What the forwarder's threads say here is shown by its metrics."""

    def __init__(
        self,
        site: Site,
        *,
        sessions: Callable[[], Mapping[str, Session]],
        heard: Callable[[str], tuple[Heard, float] | None],
    ) -> None:
        """`heard`: a register's newest receipt, and what is to be taken from the embassy's clock."""
        self._site, self._sessions, self._heard = site, sessions, heard
        self._contracts = SiteGauges(site)
        self._shown: set[str] = set()
        self._stops = StopFiles(site.state), StopFiles(site.state, "source")
        self.broker: Newest[bool] = Newest(OUTDATED_SECONDS)
        self.link: Newest[bool] = Newest(OUTDATED_SECONDS)
        self.ends: Newest[Mapping[str, int]] = Newest(OUTDATED_SECONDS)
        """Ends of the home topics."""
        self.told: Newest[Told] = Newest(OUTDATED_SECONDS)
        self.headrooms: Newest[Mapping[str, float | None]] = Newest(OUTDATED_SECONDS)
        metrics.of_site(metrics.BROKER_UP).set_function(self.broker.number)
        metrics.of_site(metrics.LINK_UP).set_function(self.link.number)

    def show(self, registers: Mapping[str, Register]) -> None:
        """These are under contract now."""
        self._contracts.show(registers)
        for name in registers.keys() - self._shown:
            self._watch(name)
        self._shown = set(registers)

    def _watch(self, name: str) -> None:
        metrics.FORWARD_HOME_BACKLOG.labels(name).set_function(partial(self._backlog, name))
        metrics.BACKLOG_BYTES.labels(name).set_function(partial(self._told_of, name, lambda told: told.waiting_bytes))
        metrics.BACKLOG_TRANSACTIONS.labels(name).set_function(partial(self._transactions, name))
        metrics.CATCHUP.labels(name).set_function(partial(self._told_of, name, lambda told: told.level_in_seconds))
        metrics.RETENTION_HEADROOM.labels(name, "home").set_function(partial(self._headroom, name))
        metrics.EPOCH_AGE.labels(name).set_function(partial(self._epoch, name, lambda use: use.age_seconds))
        metrics.EPOCH_USED.labels(name).set_function(partial(self._epoch, name, lambda use: use.ratio))
        state = Kept(partial(self.state_of, name), 1.0)
        for one in STATES:
            metrics.STATE.labels(name, one).set_function(partial(_is, one, state))
        hops = Kept(partial(self.hops_of, name), 1.0)
        for hop in HOPS:
            metrics.HOP.labels(name, hop).set_function(partial(_hop, hop, hops))

    def state_of(self, name: str) -> str | None:
        """What the register is doing, as far as the forwarder knows; None while another worker forwards it."""
        session = self._sessions().get(name)
        if paused(self._site, name) is not None:
            return "paused"
        if any(files.read(name) is not None for files in self._stops):
            return "stopped"
        if session is None:
            return None
        if (state := _STATES.get(session.state)) is not None:
            return state
        heard = self._heard_lately(name)
        return "unknown" if heard is None else heard.state

    def hops_of(self, name: str) -> Mapping[str, float]:
        """As the embassy measured them; while it is silent what home itself sees of its newest envelope."""
        heard = self._heard_lately(name)
        if heard is not None and heard.hops:
            return {hop: took / _MICROSECONDS for hop, took in heard.hops.items()}
        session = self._sessions().get(name)
        way = None if session is None else session.flight.newest_way
        if way is None:
            return {}
        sent, acknowledged_at = way
        took = {
            "home_topic": sent.collected - sent.captured_last,
            "seal": sent.sealed - sent.collected,
            "link": round(acknowledged_at * _MICROSECONDS) - sent.sealed,
        }
        return {hop: max(0, each) / _MICROSECONDS for hop, each in took.items()}

    def _heard_lately(self, name: str) -> Heard | None:
        """None while the embassy is silent."""
        found = self._heard(name)
        if found is None:
            return None
        heard, correction = found
        age = time.time() - (heard.signed_at / _MICROSECONDS - correction)
        return heard if abs(age) <= SILENT_SECONDS else None

    def _backlog(self, name: str) -> float:
        end, session = (self.ends.get() or {}).get(name), self._sessions().get(name)
        done = None if session is None else session.acknowledged_end
        return math.nan if end is None or done is None else float(max(0, end - done))

    def _told_of(self, name: str, read: Callable[[Told], Mapping[str, float | None]]) -> float:
        told = self.told.get()
        return _known(None if told is None else read(told).get(name))

    def _transactions(self, name: str) -> float:
        heard = self._heard_lately(name)
        return _known(None if heard is None else heard.backlog_transactions)

    def _headroom(self, name: str) -> float:
        return _known((self.headrooms.get() or {}).get(name))

    def _epoch(self, name: str, read: Callable[[EpochUse], float]) -> float:
        session = self._sessions().get(name)
        use = None if session is None else session.epoch_use
        return _known(None if use is None else read(use))


class Retentions:
    """What the home topics keep, asked once a minute, and while one is not known. Blocking; one thread."""

    def __init__(self, site: Site, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._admin, self._monotonic, self._due = TopicAdmin(site.kafka), monotonic, 0.0
        self._known: dict[str, Retention] = {}

    def of(self, registers: Iterable[Register]) -> Mapping[str, Retention]:
        """By register, as far as it is known."""
        topics = {register.changes_topic: register.name for register in registers}
        if self._monotonic() >= self._due or not self._known.keys() >= set(topics.values()):
            self._due = self._monotonic() + SETTINGS_SECONDS
            try:
                self._known = {topics[topic]: one for topic, one in self._admin.retentions(topics).items()}
            except TransportError:
                self._known = {}
        return self._known


def _is(state: str, now: Callable[[], str | None]) -> float:
    found = now()
    return math.nan if found is None else float(found == state)


def _hop(hop: str, hops: Callable[[], Mapping[str, float]]) -> float:
    return _known(hops().get(hop))


def _known(value: float | None) -> float:
    return math.nan if value is None else float(value)
