"""The embassy's receiver: one process for all registers of the site.

The way of a change here, each step in the module of its name:

    lane -> reader: verify, place, open -> assemble -> group -> (apply.) decode | apply -> worker: commit -> receipts

`fleet` has one supervisor per contract; `supervise` decides which standby of a register works; `control` remembers it;
`stops` says what stands still.
"""

from __future__ import annotations

import datetime as dt
import signal
import threading
from collections.abc import Callable

from consumers import metering
from consumers.course import LaneLook
from consumers.decisions import decision_log
from consumers.fleet import Fleet
from consumers.history.looking import keeper_of
from consumers.lane import KafkaLane
from consumers.receipts import ReceiptWriter, receipt_producer, sender
from consumers.refusals import Unreachable
from consumers.stops import StopFiles
from consumers.supervise import Surroundings
from consumers.survey import Survey
from consumers.telling import ToldFiles
from consumers.transactions import Limits
from consumers.verify.answers import AnswerSender, patient_sender
from data_embassy import gauges, metrics
from data_embassy.clock import Comparison
from data_embassy.config import LOOK_SECONDS, LiveSite, Register, Site, contract_files, paused
from data_embassy.envelope import LaneOpener
from data_embassy.errors import ConfigError
from data_embassy.kafka import ensure_topics, lane_topic_settings
from data_embassy.keys import load_embassy_keys


def surroundings_of(
    site: Site, *, keep_retired: bool = False, look: Callable[[str], LaneLook | None] | None = None
) -> Surroundings:
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

    comparison = Comparison()
    metering.watch_clocks(comparison)
    told = ToldFiles(site.state)
    return Surroundings(
        postgres=site.postgres,
        ensure_topics=topics,
        open_lane=lambda register: KafkaLane(
            site.kafka, register.lane_topic, comparison=comparison, registers=registers_of(site)
        ),
        # Read again for each worker: a bundle that was imported counts at the next try.
        new_opener=lambda register: LaneOpener(lane=register.lane, keys=load_embassy_keys(site.keys)),
        receipts=lambda register: ReceiptWriter(
            lane=register.lane,
            keys=keys,
            send=sender(producer, register.receipts_topic),
            transit=lambda: comparison.up.seconds,
        ),
        answers=lambda register: AnswerSender(
            register=register.name,
            lane=register.lane,
            keys=keys,
            state=site.state,
            send=patient_sender(producer, register.receipts_topic),
        ),
        stops=StopFiles(site.state),
        now=lambda: dt.datetime.now(dt.UTC),
        keep_retired=keep_retired,
        # Keys that cannot be read stop the worker that asks, not all registers.
        decide=lambda register: lambda number, digest: decision_log(site, register.name).decide(number, digest),
        is_paused=lambda name: paused(site, name) is not None,
        tell=told.write,
        limits=lambda: Limits.of_one_of(registers_of(site)),
        comparison=comparison,
        look=look,
    )


def registers_of(site: Site) -> int:
    """How many registers are under contract now."""
    return len(contract_files(site.folder))


def run_receive(site: Site) -> None:
    """Receive all registers of the site until SIGTERM or SIGINT; SIGHUP looks again at what stands still.

    Contracts and pauses that come, change and go meanwhile are heeded; each concerns its own register.
    """
    live = LiveSite(site)
    survey = Survey(site, lambda: list(live.site.registers.values()))
    fleet = Fleet(surroundings_of(site, look=survey.look))
    stopping, looking = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    signal.signal(signal.SIGHUP, lambda *_: looking.set())
    metrics.serve(site.metrics.receive)
    shown = gauges.SiteGauges(site)
    survey.start()
    history = keeper_of(site, fleet.receivers)
    history.start()
    faults: set[str] = set()
    try:
        while not stopping.is_set():
            now = live.look()
            fleet.bring_in_line(now.registers)
            shown.show(now.registers)
            metrics.show_faults(now.faults, faults)
            if looking.is_set():
                looking.clear()
                fleet.retry()
            fleet.raise_crash()
            stopping.wait(LOOK_SECONDS)
    finally:
        history.stop()
        survey.stop()
        fleet.stop()
