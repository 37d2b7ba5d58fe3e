"""Faults of a whole system, how each is brought about and mended, and who has to say what of it within how long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Literal

import psycopg
import requests
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from connectors.plan import connector_name
from data_embassy.config import Broker, load_site
from data_embassy.kafka import client_settings
from deploy.local.apart import enter_command
from deploy.local.machine import checkout
from deploy.local.processes import answers_at
from tests.support.beside import beside
from tests.support.scenario import Registers, wait_for

BUSY: Final = "population"
IDLE: Final = "gazette"
"""Nobody ever writes into it."""
CLOCK_SECONDS: Final = 3600.0
RETENTION_MS: Final = 3_600_000
SLOT_KEEPS: Final = "320MB"
SLOT_ROW_BYTES: Final = 200_000
SLOT_PAUSE_SECONDS: Final = 0.25
_MADE: Final = "CREATE TABLE IF NOT EXISTS told (id integer PRIMARY KEY, content text)"
_ANSWER_SECONDS: Final = 30.0

Kind = Literal["page", "metric", "alert"]


@dataclass(frozen=True, slots=True)
class Says:
    """Something at a site that has to tell of a fault.

    `what`: a regular expression that a line of the page matches; an expression that Prometheus finds something for; an
    alert, with its register behind a space.
    """

    site: str
    kind: Kind
    what: str
    within: float
    """Seconds since the fault began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault."""

    name: str
    title: str
    breaks: Callable[[Registers], AbstractContextManager[None]]
    """Entered, it is there; left, it is mended."""
    says: tuple[Says, ...]
    follows: tuple[str, ...] = ()
    """Alerts that may fire besides, because they are true: at both sites, of the registers concerned."""
    concerns: tuple[str, ...] = (BUSY, IDLE)
    silent: tuple[str, ...] = ()
    """What no line of any page may say: regular expressions of other causes."""
    is_well: bool = False
    """True where nothing is wrong: nobody may say anything, for `seconds`."""
    seconds: float = 0.0
    """How long it lasts at least."""
    blind: tuple[str, ...] = ()
    """Sites at which nobody is left who could measure a lag: there it is absent, and counts as missed."""


def stopped(*processes: str) -> Callable[[Registers], AbstractContextManager[None]]:
    """Processes that end and are not started again."""

    @contextmanager
    def breaks(registers: Registers) -> Iterator[None]:
        registers.system.stop(*processes)
        try:
            yield
        finally:
            for process in processes:
                registers.system.start(process)

    return breaks


@contextmanager
def cut(registers: Registers) -> Iterator[None]:
    """The link carries nothing."""
    registers.system.link.cut()
    try:
        yield
    finally:
        registers.system.link.mend()


@contextmanager
def task_stopped(registers: Registers) -> Iterator[None]:
    """Somebody stopped the connector of one register by Kafka Connect's own interface."""
    _ask_connect(registers, "stop")
    try:
        yield
    finally:
        _ask_connect(registers, "resume")


def _ask_connect(registers: Registers, what: str) -> None:
    address = f"{registers.system.env()['connect_url']}/connectors/{connector_name(BUSY)}/{what}"
    requests.put(address, timeout=_ANSWER_SECONDS).raise_for_status()


@contextmanager
def differing(registers: Registers) -> Iterator[None]:
    """Somebody at the embassy removed a row of the standby that the register changes later; ended by what is shown."""
    with psycopg.connect(registers.home_dsn(BUSY), autocommit=True) as home:
        home.execute(_MADE)
        home.execute("INSERT INTO told VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET content = 'a'")
        registers.wait_arrived()
        with psycopg.connect(registers.standby_dsn(BUSY), autocommit=True) as standby:
            standby.execute("SET default_transaction_read_only = off")
            standby.execute("SET session_replication_role = replica")
            standby.execute("DELETE FROM told WHERE id = 1")
        home.execute("UPDATE told SET content = 'b' WHERE id = 1")
        yield
    remedy = registers.status()[BUSY].remedy
    assert remedy is not None
    words = remedy.split()
    assert words[0] == "embassy", remedy
    registers.command("embassy", *words[1:])


@contextmanager
def shifted(registers: Registers) -> Iterator[None]:
    """The embassy's receiver and page run under a clock that is an hour ahead."""
    system = registers.system
    roles = {"receive": ("receive", "/metrics"), "embassy-page": ("page", "/healthz")}
    system.stop(*roles)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EMBASSY_SITE")}
    with ExitStack() as stack:
        for process, (role, path) in roles.items():
            command = [
                *enter_command(system.layout, "embassy"), sys.executable, "-m", "tests.support.shifted",
                str(CLOCK_SECONDS), "--site", str(system.layout.site("embassy")), "run", role,
            ]  # fmt: skip
            log = stack.enter_context((system.layout.logs / f"{process}-shifted.log").open("wb"))
            stack.enter_context(_running(command, log.fileno(), environment=kept))
            port = getattr(system.layout.ports, process.replace("-", "_"))
            wait_for(lambda port=port, path=path: answers_at(port, path), f"{process} answers", seconds=60)  # type: ignore[misc]
        yield
    for process in roles:
        system.start(process)


@contextmanager
def _running(command: list[str], output: int, *, environment: dict[str, str]) -> Iterator[None]:
    with subprocess.Popen(command, stdout=output, stderr=output, cwd=checkout(), env=environment) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@contextmanager
def growing(registers: Registers) -> Iterator[None]:
    """The server keeps a limited log for slots, nobody reads one of them, and its register writes much."""
    with psycopg.connect(registers.system.env()["home_postgres"], autocommit=True) as server:
        server.execute(f"ALTER SYSTEM SET max_slot_wal_keep_size = '{SLOT_KEEPS}'")
        server.execute("SELECT pg_reload_conf()")
        try:
            with task_stopped(registers), _writing(registers.home_dsn(BUSY)):
                yield
        finally:
            server.execute("ALTER SYSTEM RESET max_slot_wal_keep_size")
            server.execute("SELECT pg_reload_conf()")


@contextmanager
def _writing(dsn: str) -> Iterator[None]:
    def write(ended: threading.Event) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(_MADE)
            while not ended.wait(SLOT_PAUSE_SECONDS):
                text = os.urandom(SLOT_ROW_BYTES // 2).hex()
                connection.execute(
                    "INSERT INTO told VALUES (2, %s) ON CONFLICT (id) DO UPDATE SET content = excluded.content", (text,)
                )

    with beside(write):
        yield


@contextmanager
def expiring_home(registers: Registers) -> Iterator[None]:
    """The link is cut, and somebody gave a home topic an hour of retention."""
    site = load_site(registers.system.layout.site("home"))
    with _retention(site.kafka, site.registers[BUSY].changes_topic), cut(registers):
        yield


@contextmanager
def expiring_lane(registers: Registers) -> Iterator[None]:
    """An operator of the embassy paused a register, and somebody gave its lane an hour of retention."""
    site = load_site(registers.system.layout.site("embassy"))
    with _retention(site.kafka, site.registers[BUSY].lane_topic):
        registers.command("embassy", "register", "pause", BUSY)
        try:
            yield
        finally:
            registers.command("embassy", "register", "resume", BUSY)


@contextmanager
def _retention(broker: Broker, topic: str) -> Iterator[None]:
    client = AdminClient(client_settings(broker))

    def keep(milliseconds: int) -> None:
        entry = ConfigEntry("retention.ms", str(milliseconds), incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        for answer in client.incremental_alter_configs([resource]).values():
            answer.result(_ANSWER_SECONDS)

    keep(RETENTION_MS)
    try:
        yield
    finally:
        with suppress(KeyboardInterrupt):
            keep(-1)


@contextmanager
def nothing(_registers: Registers) -> Iterator[None]:
    """Nobody does anything."""
    yield


def lost_in(topic: str) -> str:
    """Expression: retention takes something of the busy register within the hour."""
    return f'embassy_retention_headroom_seconds{{register="{BUSY}", topic="{topic}"}} < {RETENTION_MS // 1000}'


_DARK: Final = "Nothing has come from home for"
_LAG: Final = f'embassy:lag_seconds{{register="{BUSY}"}} > 30'
_HOME_IS_DARK: Final = (
    Says("embassy", "page", _DARK, 45),
    Says("embassy", "metric", _LAG, 60),
    Says("embassy", "alert", "HomeDark", 100),
)
"""What the embassy says while no pulse of any register comes."""
_SILENT: Final = ("PulseSilent", "ReceiptsSilent")
_LATE: Final = ("ObjectiveBurnsFast", "ObjectiveBurns", "ObjectiveBurnsSlowly")

FAULTS: Final = (
    Fault(
        name="idle",
        title="Idle register: nobody writes into it",
        breaks=nothing,
        says=(
            Says("embassy", "metric", f'embassy_lag_seconds{{register="{IDLE}"}} > 0', 5),
            Says("home", "metric", f'embassy:lag_seconds{{register="{IDLE}"}} > 0', 5),
        ),
        is_well=True,
        seconds=80,
    ),
    Fault(
        name="connect",
        title="Dead capture: Kafka Connect is stopped and not started again",
        breaks=stopped("connect"),
        says=(
            Says("home", "page", "Kafka Connect does not answer", 30),
            Says("home", "metric", "embassy_connect_up == 0", 30),
            Says("home", "alert", "ConnectDown", 110),
            *_HOME_IS_DARK,
        ),
        follows=("CaptureDown", "TargetDown", *_SILENT),
        silent=("ForwarderDown", "EmbassySilent", "LinkDown", "ReceiverDown"),
    ),
    Fault(
        name="task",
        title="Dead capture of one register: somebody stopped its connector",
        breaks=task_stopped,
        says=(
            Says("home", "page", f"embassy connector apply {BUSY}", 30),
            Says("home", "metric", f'embassy_connector_running{{register="{BUSY}"}} == 0', 30),
            Says("home", "alert", f"CaptureDown {BUSY}", 110),
            Says("embassy", "page", "No pulse of the register arrives", 45),
            Says("embassy", "metric", _LAG, 60),
            Says("embassy", "alert", f"PulseSilent {BUSY}", 110),
        ),
        concerns=(BUSY,),
        silent=("ForwarderDown", "EmbassySilent", "LinkDown", "ReceiverDown", _DARK),
    ),
    Fault(
        name="pulse",
        title="Dead pulse: nobody beats, while people work on",
        breaks=stopped("pulse"),
        says=(
            Says("home", "page", "No pulse is written into the register", 45),
            Says("home", "metric", 'up{job="pulse"} == 0', 20),
            Says("home", "alert", "ProcessDown pulse", 80),
            Says("embassy", "page", "No pulse of the register arrives", 45),
            Says("embassy", "metric", _LAG, 60),
            Says("embassy", "alert", "HomeDark", 100),
        ),
        follows=("PulseDead", "PulseSilent"),
        silent=("ForwarderDown", "ConnectDown", "EmbassySilent", "ReceiverDown", "LinkDown", _DARK),
    ),
    Fault(
        name="home-broker",
        title="Dead broker at home",
        breaks=stopped("home-kafka"),
        says=(
            Says("home", "page", "broker.* does not answer", 40),
            Says("home", "metric", "embassy_broker_up == 0", 40),
            Says("home", "alert", "BrokerDown", 100),
            *_HOME_IS_DARK,
        ),
        follows=("CaptureDown", "ConnectDown", "TargetDown", *_SILENT),
        silent=("ForwarderDown", "ConnectDown", "EmbassySilent", "LinkDown", "ReceiverDown"),
    ),
    Fault(
        name="embassy-broker",
        title="Dead broker at the embassy",
        breaks=stopped("embassy-kafka"),
        says=(
            Says("embassy", "page", "broker.* does not answer", 40),
            Says("embassy", "metric", "embassy_broker_up == 0", 40),
            Says("embassy", "alert", "BrokerDown", 100),
            Says("home", "page", "Nothing has come from the embassy for", 45),
            Says("home", "metric", "embassy_link_up == 0", 60),
            Says("home", "alert", "LinkDown", 110),
        ),
        follows=("HomeDark", "EmbassyDark", "TargetDown", "RegisterDown", *_SILENT),
        silent=("ForwarderDown", "ConnectDown", "CaptureFailed"),
    ),
    Fault(
        name="link",
        title="Cut link",
        breaks=cut,
        says=(
            Says("home", "page", "Nothing has come from the embassy for", 45),
            Says("home", "page", "LinkDown", 45),
            Says("home", "metric", "embassy_link_up == 0", 60),
            Says("home", "alert", "LinkDown", 110),
            *_HOME_IS_DARK,
        ),
        follows=("EmbassyDark", *_SILENT),
        silent=("ForwarderDown", "ConnectDown", "CaptureFailed", "ReceiverDown"),
    ),
    Fault(
        name="forward",
        title="Dead forwarder",
        breaks=stopped("forward"),
        blind=("home",),
        says=(
            Says("home", "page", "No forwarder works at home", 30),
            Says("home", "metric", 'up{job="forward"} == 0', 20),
            Says("home", "alert", "ProcessDown forward", 80),
            *_HOME_IS_DARK,
        ),
        follows=("EmbassyDark", *_SILENT),
        silent=("ConnectDown", "CaptureFailed", "LinkDown", "ReceiverDown"),
    ),
    Fault(
        name="receive",
        title="Dead receiver",
        breaks=stopped("receive"),
        blind=("embassy",),
        says=(
            Says("embassy", "page", "No receiver works", 30),
            Says("embassy", "metric", 'up{job="receive"} == 0', 20),
            Says("embassy", "alert", "ProcessDown receive", 80),
            Says("home", "page", "Nothing has come from the embassy for", 45),
            Says("home", "metric", f'embassy:lag_seconds{{register="{BUSY}"}} > 30', 60),
            Says("home", "alert", "EmbassyDark", 110),
        ),
        follows=("HomeDark", *_SILENT),
        silent=("ForwarderDown", "ConnectDown", "CaptureFailed", "LinkDown", _DARK),
    ),
    Fault(
        name="stopped",
        title="Stopped register: its standby is not what the stream says it was",
        breaks=differing,
        says=(
            Says("embassy", "page", f"embassy register replay {BUSY}", 20),
            Says("embassy", "page", "Divergence", 20),
            Says("embassy", "metric", f'embassy_stopped{{register="{BUSY}", cause="Divergence"}} == 1', 20),
            Says("embassy", "alert", f"RegisterStopped {BUSY}", 30),
            Says("home", "page", f"at the embassy: embassy register replay {BUSY}", 30),
            Says("home", "metric", f'embassy_state{{register="{BUSY}", state="stopped"}} == 1', 30),
        ),
        follows=("PulseSilent",),
        concerns=(BUSY,),
        silent=("ForwarderDown", "EmbassySilent", "LinkDown", "ReceiverDown", _DARK),
    ),
    Fault(
        name="clock",
        title="The embassy's clock is an hour ahead",
        breaks=shifted,
        says=(
            Says("embassy", "page", "clocks of the sites differ by (1 h|60 min)", 60),
            Says("embassy", "metric", "abs(embassy_clock_offset_seconds) > 3500", 60),
            Says("embassy", "alert", "ClocksFarApart", 110),
            Says("home", "page", "clocks of the sites differ by (1 h|60 min)", 60),
            Says("home", "metric", "abs(embassy_clock_offset_seconds) > 3500", 60),
            Says("home", "alert", "ClocksFarApart", 110),
        ),
        follows=("ClocksDiffer",),
        silent=("ForwarderDown", "ConnectDown", "ReceiverDown", "EmbassySilent", "LinkDown", _DARK),
    ),
    Fault(
        name="slot",
        title="Growing slot: capture is away, and the register writes much",
        breaks=growing,
        says=(
            Says("home", "page", f"the slot of {BUSY}", 60),
            Says("home", "page", "SlotNearLoss", 60),
            Says("home", "metric", f'embassy_slot_lost_seconds{{register="{BUSY}"}} < 1800', 60),
            Says("home", "alert", f"SlotNearLoss {BUSY}", 130),
            Says("home", "alert", f"CaptureDown {BUSY}", 110),
            Says("embassy", "page", "No pulse of the register arrives", 45),
            Says("embassy", "metric", _LAG, 60),
            Says("embassy", "alert", f"PulseSilent {BUSY}", 110),
        ),
        follows=("SlotHeadroomLow",),
        concerns=(BUSY,),
        silent=("ForwarderDown", "EmbassySilent", "LinkDown", "ReceiverDown", _DARK),
    ),
    Fault(
        name="home-retention",
        title="Expiring home topic: unread records, and an hour of retention",
        breaks=expiring_home,
        says=(
            # Settings of topics are asked for once a minute.
            Says("home", "page", f"the home topic of {BUSY}", 80),
            Says("home", "page", f"changes.{BUSY} --add-config retention.ms=-1", 80),
            Says("home", "metric", lost_in("home"), 80),
            Says("home", "alert", f"RetentionNearLoss {BUSY}", 160),
            Says("home", "alert", "LinkDown", 110),
            *_HOME_IS_DARK,
        ),
        follows=("EmbassyDark", "RetentionHeadroomLow", *_SILENT),
        silent=("ForwarderDown", "ConnectDown", "CaptureFailed", "ReceiverDown"),
    ),
    Fault(
        name="lane-retention",
        title="Expiring lane: unread envelopes, and an hour of retention",
        breaks=expiring_lane,
        says=(
            Says("embassy", "page", f"the lane of {BUSY}", 80),
            Says("embassy", "page", r"lane\.\w+ --add-config retention.ms=-1", 80),
            Says("embassy", "metric", lost_in("lane"), 80),
            Says("embassy", "alert", f"RetentionNearLoss {BUSY}", 160),
            Says("home", "page", f"{BUSY.capitalize()} is paused", 30),
            Says("home", "metric", f'embassy:lag_seconds{{register="{BUSY}"}} > 30', 60),
        ),
        follows=("RetentionHeadroomLow",),
        concerns=(BUSY,),
        silent=("ForwarderDown", "ConnectDown", "ReceiverDown", "EmbassySilent", "LinkDown", _DARK),
    ),
)
BY_NAME: Final = {fault.name: fault for fault in FAULTS}
