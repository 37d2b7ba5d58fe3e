"""The processes of a local system: their names, commands, start order, and how each one says that it is ready."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import requests
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from data_embassy.config import Broker, load_site
from data_embassy.kafka import client_settings
from deploy.local import apart, broker, monitoring, postgres, services
from deploy.local.exporter import exporters, watched
from deploy.local.jars import JarPaths
from deploy.local.layout import Layout
from deploy.local.link import LinkControl
from deploy.local.machine import LOOPBACK, LocalError
from deploy.local.services import Heaps
from deploy.local.supervise import Program

SERVICES = ("home-postgres", "embassy-postgres", "home-kafka", "embassy-kafka", "link")
CONNECT = "connect"
ROLES = ("forward", "pulse", "receive")
PROCESSES = (*SERVICES, CONNECT, *ROLES)
HOME = ("home-postgres", "home-kafka", CONNECT, "forward", "pulse")
EMBASSY = ("embassy-postgres", "embassy-kafka", "receive")
SITE_OF_ROLE = {"forward": "home", "pulse": "home", "receive": "embassy"}
PAGES = {"home-page": "home", "embassy-page": "embassy"}
"""Each site's status page, and its site."""
MONITORING = ("home-alertmanager", "home-prometheus", "embassy-alertmanager", "embassy-prometheus")
PASSAGES = "passages"
"""Keeps the sites' namespaces when they are apart; started before everything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process: what the supervisor runs, where it listens, and whether it is ready to be used."""

    program: Program
    port: int
    is_ready: Callable[[], bool]


def listening(layout: Layout) -> dict[str, int]:
    """Name and port of every process; asks no site's files, which may be gone with the site."""
    first = {PASSAGES: 0} if layout.is_apart else {}
    return first | {name: getattr(layout.ports, name.replace("-", "_")) for name in (*PROCESSES, *extras(layout))}


def extras(layout: Layout) -> tuple[str, ...]:
    """What this system has beside what every one has, in start order."""
    return (*(PAGES if layout.has_pages else ()), *(MONITORING if layout.has_monitoring else ()))


def of_site(name: str, layout: Layout) -> tuple[str, ...]:
    """A site's processes."""
    more = tuple(one for one in extras(layout) if one.startswith(f"{name}-"))
    return (HOME if name == "home" else EMBASSY) + more


def processes(layout: Layout, jars: JarPaths, heaps: Heaps) -> dict[str, Process]:
    """Every process of the local system by name, in start order."""
    ports = layout.ports
    commands = services.postgres_commands(layout)
    servers = {"home": services.home_postgres(layout), "embassy": services.embassy_postgres(layout)}
    brokers = {"home": services.home_broker(layout, heaps), "embassy": services.embassy_broker(layout, heaps)}
    made: dict[str, Process] = {}
    if layout.is_apart:
        program = Program(name=PASSAGES, command=apart.keep_command(layout), stop_seconds=5)
        made[PASSAGES] = Process(program=program, port=0, is_ready=partial(apart.are_kept, layout))
    for site, server in servers.items():
        name = f"{site}-postgres"
        program = Program(name=name, command=commands[name], signal="INT", stop_seconds=30)
        made[name] = Process(program=program, port=server.port, is_ready=partial(postgres.is_ready, server))
    for site, each in brokers.items():
        command = watched(broker.start_command(each, jars), exporters(layout, site).get("kafka"))
        program = Program(name=f"{site}-kafka", command=command, stop_seconds=30)
        made[program.name] = Process(program=program, port=each.port, is_ready=partial(broker_answers, layout, site))
    made["link"] = Process(program=_link(layout), port=ports.link, is_ready=partial(_link_answers, layout))
    command = watched(services.connect_command(layout, jars, heaps), exporters(layout, "home").get("connect"))
    program = Program(name=CONNECT, command=command, stop_seconds=20)
    made[CONNECT] = Process(program=program, port=ports.connect, is_ready=partial(_connect_answers, ports.connect))
    for role in ROLES:
        port = getattr(ports, role)
        program = Program(name=role, command=run_command(layout, SITE_OF_ROLE[role], role))
        made[role] = Process(program=program, port=port, is_ready=partial(answers_at, port, "/metrics"))
    for name, site in PAGES.items() if layout.has_pages else ():
        port = getattr(ports, f"{site}_page")
        program = Program(name=name, command=run_command(layout, site, "page"))
        made[name] = Process(program=program, port=port, is_ready=partial(answers_at, port, "/healthz"))
    for name, (program, port) in (monitoring.programs(layout) if layout.has_monitoring else {}).items():
        made[name] = Process(program=program, port=port, is_ready=monitoring.readiness(port))
    return {name: _at_its_site(layout, process) for name, process in made.items()}


def _at_its_site(layout: Layout, process: Process) -> Process:
    program = process.program
    if program.name == PASSAGES:
        return process
    prefix = apart.enter_command(layout, "embassy" if program.name in of_site("embassy", layout) else "home")
    return replace(process, program=replace(program, command=[*prefix, *program.command]))


def run_command(layout: Layout, site: str, what: str) -> list[str]:
    """What runs one of our own processes of a site."""
    return [str(embassy_script()), "--site", str(layout.site(site)), "run", what]


def page_address(layout: Layout, site: str) -> str:
    """Where a site's status page is seen."""
    return f"http://{LOOPBACK}:{getattr(layout.ports, f'{site}_page')}/"


def embassy_script() -> Path:
    """The installed command, beside the Python that runs now."""
    return Path(sys.executable).with_name("embassy")


def broker_answers(layout: Layout, site: str) -> bool:
    """True when a site's broker answers its own site's user."""
    return _answers(load_site(layout.site(site)).kafka)


def _answers(target: Broker) -> bool:
    client = AdminClient(client_settings(target) | {"log_level": 0, "socket.timeout.ms": 2000})
    try:
        return bool(client.list_topics(timeout=2).brokers)
    except KafkaException:
        return False


def _connect_answers(port: int) -> bool:
    try:
        # The list of connectors is served only by a worker that has joined its group.
        return requests.get(f"http://{LOOPBACK}:{port}/connectors", timeout=2).ok
    except requests.RequestException:
        return False


def answers_at(port: int, path: str) -> bool:
    """True when a process answers at this port with what is there."""
    try:
        return requests.get(f"http://{LOOPBACK}:{port}{path}", timeout=5).ok
    except requests.RequestException:
        return False


def _link_answers(layout: Layout) -> bool:
    try:
        LinkControl(layout.socket("link")).status()
    except LocalError:
        return False
    return True


def _link(layout: Layout) -> Program:
    ports = layout.ports
    arguments = [
        "--listen", ports.link, "--to", ports.embassy_link, "--control", layout.socket("link"), "--state",
        layout.run / "link.json",
    ]  # fmt: skip
    return Program(
        name="link", command=[sys.executable, "-m", "deploy.local.link", *map(str, arguments)], stop_seconds=5
    )
