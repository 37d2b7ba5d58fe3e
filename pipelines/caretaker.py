"""Threads beside the event loop: watchdog, receipts, weighing of what waits, each with connections of its own."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from typing import Final

from data_embassy import log
from data_embassy.clock import Travel
from data_embassy.config import LiveSite, Register, Site
from data_embassy.errors import TransportError
from data_embassy.kafka import Settings, TopicAdmin, client_settings
from data_embassy.keys import HomeKeys
from pipelines.following import Following
from pipelines.forwarder import Forwarder, is_open
from pipelines.logs import LogReader, TopicMissing
from pipelines.measuring import HomeGauges, Retentions
from pipelines.memory import Memory
from pipelines.numbering import REMEDY_MISSING, HomeTopicMissing
from pipelines.receipts import Heard, ReceiptFollower
from pipelines.session import Session
from pipelines.stops import Stop, StopFiles
from pipelines.telling import Teller
from pipelines.trim import delete_before, trim_before
from pipelines.watchdog import LOOP_SECONDS_MAX, REBALANCE_SECONDS_MAX, Watchdog
from pipelines.weighing import Weigher

WATCH_SECONDS: Final = 2.0
LOOKS_WITHOUT: Final = 2
"""A topic that was just made may be unknown at the first look."""
RECEIPT_SECONDS: Final = 2.0
TRIM_SECONDS: Final = 3600.0
BROKER_SECONDS: Final = 4.0
"""A broker at home that has not answered in so long is away; whoever asks for the status waits for these words."""
WEIGH_FETCH_BYTES: Final = 64 << 10
EXIT_STALLED: Final = 70

_log = log.get("forward")


class Caretaker:
    """Watches the worker, follows receipts, weighs what waits, trims home topics."""

    def __init__(
        self,
        site: Site,
        keys: HomeKeys,
        forwarder: Forwarder,
        is_rebalancing: Callable[[], bool],
        *,
        down: Travel | None = None,
        rate: Callable[[], float | None] = lambda: None,
        carried: Callable[[], int] = lambda: 0,
    ) -> None:
        self._site, self._keys, self._forwarder = site, keys, forwarder
        self._is_rebalancing, self._rate, self._carried = is_rebalancing, rate, carried
        self._down = Travel() if down is None else down
        self._stops = StopFiles(site.state)
        self._heard: dict[str, tuple[Heard, float]] = {}
        self.gauges = HomeGauges(site, sessions=forwarder.sessions, heard=self._heard.get)
        self._looks_without: dict[str, int] = {}
        self._is_closing = threading.Event()
        self._beat = time.monotonic()
        self._seen: Mapping[str, int] = {}
        """Where the home topics end, as of the last watch."""
        self._weigher = Weigher(self._open)
        assert site.link is not None
        self._home: Settings = client_settings(site.kafka)
        self._link: Settings = client_settings(site.link)

    def beat(self) -> None:
        """Called by the event loop at least every few seconds: it is alive."""
        self._beat = time.monotonic()

    def start(self) -> None:
        """Start all threads."""
        for work in (self._watch, self._follow, self._weigh):
            threading.Thread(target=work, name=work.__name__, daemon=True).start()

    def stop(self) -> None:
        """Let all threads end soon."""
        self._is_closing.set()

    def _watch(self) -> None:
        watchdog, rebalancing_since, live = Watchdog(), None, LiveSite(self._site)
        teller, retentions, gauges = Teller(self._site.state), Retentions(self._site), self.gauges
        broker = TopicAdmin(self._site.kafka, answer_seconds=BROKER_SECONDS)
        with ExitStack() as stack:
            topics: dict[str, LogReader] = {}
            while not self._is_closing.wait(WATCH_SECONDS):
                now = time.monotonic()
                if now - self._beat > LOOP_SECONDS_MAX:
                    self._end("the event loop does not run")
                rebalancing_since = (rebalancing_since or now) if self._is_rebalancing() else None
                if rebalancing_since is not None and now - rebalancing_since > REBALANCE_SECONDS_MAX:
                    self._end("a rebalance does not end")
                # Each question to a broker that is away takes long: one is enough, and the rest is told all the same.
                is_up = _answers(broker)
                gauges.broker.say(value=is_up)
                registers = live.look().registers
                self._seen = ends = self._ends(topics, stack, registers, broker) if is_up else {}
                gauges.show(registers)
                told = teller.tell(
                    self._forwarder.sessions(),
                    ends,
                    self._rate(),
                    carried=self._carried(),
                    weights=self._weigher.weights,
                    retentions=retentions.of(registers.values()) if is_up else {},
                    now=now,
                    at=time.time(),
                )
                gauges.told.say(told)
                gauges.headrooms.say(teller.headrooms)
                stalled = watchdog.stalled(now, self._forwarder.readings(), ends)
                if stalled:
                    self._end(f"nothing is read of {', '.join(stalled)}")

    def _ends(
        self,
        topics: dict[str, LogReader],
        stack: ExitStack,
        registers: Mapping[str, Register],
        broker: TopicAdmin,
    ) -> dict[str, int]:
        ends = {}
        sessions = self._forwarder.sessions()
        for name, register in registers.items():
            if name not in topics:
                reader = LogReader(self._home, register.changes_topic, answer_seconds=BROKER_SECONDS)
                topics[name] = stack.enter_context(reader)
            try:
                ends[name] = topics[name].bounds().end
            except TopicMissing:
                # A client says so as well of a broker that went away meanwhile.
                if not _answers(broker):
                    return {}
                if topics[name].is_deleted(register.schemas_topic):
                    self._missing(name, sessions.get(name))
                continue
            except TransportError:
                return {}  # The home broker is away: nothing can be read, and nothing is judged.
            self._looks_without.pop(name, None)
        if ends:
            self.gauges.ends.say(ends)
        return ends

    def _weigh(self) -> None:
        """Reads records, which may take long: the watch does not wait for it."""
        while not self._is_closing.wait(WATCH_SECONDS):
            with suppress(TransportError):  # Weighed at a later look.
                self._weigher.look(time.monotonic(), self._waiting())

    def _waiting(self) -> dict[str, range]:
        """Home offsets that the embassy's broker has not acknowledged."""
        ends = self._seen
        done = {name: session.acknowledged_end for name, session in self._forwarder.sessions().items()}
        return {name: range(first, ends[name]) for name, first in done.items() if first is not None and name in ends}

    def _open(self, name: str) -> LogReader:
        topic = self._forwarder.sessions()[name].register.changes_topic
        return LogReader(self._home, topic, fetch_bytes=WEIGH_FETCH_BYTES)

    def _missing(self, name: str, session: Session | None) -> None:
        """A deleted home topic: its partition is soon nobody's, so its stop is stored here. Found again, it goes on."""
        looks = self._looks_without[name] = self._looks_without.get(name, 0) + 1
        if looks < LOOKS_WITHOUT or self._stops.read(name) is not None:
            return
        error = HomeTopicMissing("the home topic was deleted", remedy=REMEDY_MISSING.replace("NAME", name))
        offset = None if session is None else session.acknowledged_end
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._stops.write(Stop.of(error, register=name, home_offset=offset, stopped_at=now))
        _log.error("register_stopped", register=name, cause=error.cause_class, reason=error.message)

    def _end(self, reason: str) -> None:
        _log.critical("worker_stalled", reason=reason)
        os._exit(EXIT_STALLED)

    def _follow(self) -> None:
        trim_at, live = time.monotonic() + TRIM_SECONDS, LiveSite(self._site)
        following = Following(
            self._keys,
            open_topic=lambda topic: LogReader(self._link, topic),
            memory=Memory(self._site.state),
            down=self._down,
            heard=self._heard,
        )
        with closing(following):
            while not self._is_closing.wait(RECEIPT_SECONDS):
                registers = live.look().registers
                followers = following.follow(registers)
                if registers:
                    self.gauges.link.say(bool(followers))
                if time.monotonic() < trim_at:
                    continue
                trim_at = time.monotonic() + TRIM_SECONDS
                for name, follower in followers.items():
                    with suppress(TransportError):  # Trimmed at the next time.
                        self.trim(registers[name], follower)

    def trim(self, register: Register, follower: ReceiptFollower, *, behind_seconds: float | None = None) -> None:
        """Delete home records that a receipt of `behind_seconds` ago covers; by default as the contract says."""
        if behind_seconds is None:
            behind_seconds = register.terms.home_hours * 3600.0
        session = self._forwarder.sessions().get(register.name)
        if session is None or not is_open(session):
            return
        receipt = follower.received_at(time.time() - behind_seconds)
        with LogReader(self._home, register.changes_topic) as topic:
            low = topic.bounds().low
        is_current = receipt is not None and receipt.incarnation == session.incarnation
        received = receipt.home_offset if receipt is not None and is_current else None
        before = trim_before(low=low, received=received, kept_from=session.flight.kept_from)
        if before is not None:
            delete_before(self._home, register.changes_topic, before)
            _log.info("home_trimmed", register=register.name, first_kept=before)


def _answers(broker: TopicAdmin) -> bool:
    try:
        broker.ends(())
    except TransportError:
        return False
    return True
