"""The embassy's receiver: one process for all registers of the site.

The way of a change here, each step in the module of its name:

    lane -> reader: verify, place, open -> assemble -> group -> (apply.) decode | apply -> worker: commit -> receipts

`supervise` decides which standby of a register works; `control` remembers it; `stops` says what stands still.
"""

from __future__ import annotations

import datetime as dt
import signal
import threading
from typing import Final

from consumers.lane import KafkaLane
from consumers.receipts import ReceiptWriter, receipt_producer, sender
from consumers.refusals import Unreachable
from consumers.stops import StopFiles
from consumers.supervise import RegisterReceiver, Surroundings
from data_embassy import log, metrics
from data_embassy.config import Register, Site, load_site
from data_embassy.envelope import LaneOpener
from data_embassy.errors import ConfigError
from data_embassy.kafka import ensure_topics, lane_topic_settings
from data_embassy.keys import load_embassy_keys

CONTRACTS_SECONDS: Final = 2.0
"""How often new contracts are looked for."""
_log = log.get("receive")


def surroundings_of(site: Site, *, keep_retired: bool = False) -> Surroundings:
    """The real world of an embassy site; raises ConfigError, KeyringError."""
    if site.role != "embassy" or site.postgres is None:
        raise ConfigError(
            f"site {site.name} is no embassy: it receives nothing", remedy="give --site the embassy's folder"
        )
    keys = load_embassy_keys(site.keys)
    producer = receipt_producer(site.kafka)

    def topics(register: Register) -> None:
        settings = lane_topic_settings()
        try:
            ensure_topics(site.kafka, {register.lane_topic: settings, register.receipts_topic: settings})
        except TimeoutError:
            raise Unreachable("the embassy's broker does not answer", remedy="check that it runs") from None

    return Surroundings(
        postgres=site.postgres,
        ensure_topics=topics,
        open_lane=lambda register: KafkaLane(site.kafka, register.lane_topic),
        # Read again for each worker: a bundle that was imported counts at the next try.
        new_opener=lambda register: LaneOpener(lane=register.lane, keys=load_embassy_keys(site.keys)),
        receipts=lambda register: ReceiptWriter(
            lane=register.lane, keys=keys, send=sender(producer, register.receipts_topic)
        ),
        stops=StopFiles(site.state),
        now=lambda: dt.datetime.now(dt.UTC),
        keep_retired=keep_retired,
    )


def run_receive(site: Site) -> None:
    """Receive all registers of the site until SIGTERM or SIGINT; SIGHUP looks again at what stands still."""
    surroundings = surroundings_of(site)
    stopping, looking = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    signal.signal(signal.SIGHUP, lambda *_: looking.set())
    metrics.serve(site.metrics.receive)
    receivers: dict[str, RegisterReceiver] = {}
    try:
        while not stopping.is_set():
            _start_new(site, receivers, surroundings)
            if looking.is_set():
                looking.clear()
                for receiver in receivers.values():
                    receiver.retry()
            _raise_crash(receivers)
            stopping.wait(CONTRACTS_SECONDS)
    finally:
        for receiver in receivers.values():
            receiver.stop()
        for receiver in receivers.values():
            receiver.join()


def _start_new(site: Site, receivers: dict[str, RegisterReceiver], surroundings: Surroundings) -> None:
    """Contracts that appear while the process runs are taken up."""
    try:
        registers = load_site(site.folder).registers if receivers else site.registers
    except ConfigError as error:
        _log.warning("configuration", cause=error.cause_class, message=error.message)
        return
    for register in registers.values():
        if register.name not in receivers:
            _log.info("receiving", register=register.name)
            receivers[register.name] = RegisterReceiver(register, surroundings)
            receivers[register.name].start()


def _raise_crash(receivers: dict[str, RegisterReceiver]) -> None:
    """A fault of this process ends it; the supervisor of processes starts it again."""
    for receiver in receivers.values():
        if receiver.crash is not None:
            raise RuntimeError(f"receiving {receiver.register.name} failed") from receiver.crash
