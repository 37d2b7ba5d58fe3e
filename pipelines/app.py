"""The forward worker: one Faust app for all registers of the home site, and its wiring."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import logging
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import faust
from aiokafka.errors import IllegalStateError
from faust.types import TP

from data_embassy import log, metrics
from data_embassy.config import Broker, Register, Site
from data_embassy.envelope import HomeSealer
from data_embassy.errors import ConfigError, TransportError
from data_embassy.kafka import client_settings, ensure_topics, home_topic_settings, schemas_topic_settings
from data_embassy.keys import HomeKeys, load_home_keys
from pipelines.caretaker import Caretaker
from pipelines.chunks import ChunkConsumer, ForwardApp, seek
from pipelines.connect import restart_connector
from pipelines.forwarder import Forwarder
from pipelines.logs import Publisher
from pipelines.places import find_start_of, load_schemas_of
from pipelines.ports import Ports
from pipelines.session import Session
from pipelines.stops import StopFiles
from pipelines.tail import Start
from schemas.records import decode

FETCH_BYTES_MAX: Final = 4 << 20
"""Bytes of one fetch; a larger record still comes, alone."""
SESSION_SECONDS: Final = 10.0
SEEK_SECONDS_MAX: Final = 30.0
EXIT_CRASHED: Final = 71
_HOME_WAIT_SECONDS: Final = 2.0
_BEAT_SECONDS: Final = 1.0

T = TypeVar("T")
_log = log.get("forward")


def build_app(site: Site, *, member: str | None = None) -> ForwardApp:
    """The worker's app. `member` names a static member of the consumer group; None for a second worker that stands by.

    Raises ConfigError or KeyringError.
    """
    if site.role != "home" or site.link is None:
        raise ConfigError("the forwarder runs at the home site", remedy="choose home's folder: --site FOLDER")
    keys = load_home_keys(site.keys, site=site.name)
    app = ForwardApp(_group(site), **_settings(site, member))
    app.forwarder = Forwarder(
        site.registers,
        lambda register, partition: Session(register, _ports(app, site, keys, partition)),
        lambda error: _crash(app, error),
    )
    _add_agent(app, site)
    _add_caretaker(app, site, keys)
    return app


def run_forward(site: Site) -> NoReturn:
    """Forward until SIGTERM; SIGHUP lets stopped registers try again. Ends the process.

    Exit codes: 0 after SIGTERM, 70 when the watchdog ended it, 71 after a fault: the supervisor starts it again.
    """
    metrics.serve(site.metrics.forward)
    if not site.registers:
        _stand_idle()
    _await_home(site)
    with _membership(site) as member:
        app = build_app(site, member=member)
        worker = faust.Worker(app, quiet=True, override_logging=False, redirect_stdouts=False, workdir=_workdir(site))
        worker.spinner = None
        code = EXIT_CRASHED
        try:
            worker.execute_from_commandline()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else EXIT_CRASHED
        except Exception as error:  # noqa: BLE001 (the last place; the process ends with a fault's code)
            _log.critical("worker_crashed", error=type(error).__name__)
        # Threads may wait for a broker for many seconds; nothing of theirs is worth waiting for.
        logging.shutdown()
        sys.stderr.flush()
        os._exit(code if code in (0, EXIT_CRASHED) else EXIT_CRASHED)


def _stand_idle() -> NoReturn:
    """Without registers there is nothing to forward; contracts are read at the next start."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    _log.info("no_registers")
    ended.wait()
    sys.exit(0)


def _group(site: Site) -> str:
    """Consumer group: the workers of a site share its registers."""
    return f"forward-{site.name}"


def _settings(site: Site, member: str | None) -> dict[str, Any]:
    return {
        "broker": ";".join(f"kafka://{address}" for address in site.kafka.bootstrap.split(",")),
        "broker_credentials": _credentials(site.kafka),
        "broker_session_timeout": SESSION_SECONDS,
        "broker_heartbeat_interval": 2.0,
        "broker_max_poll_records": 5_000,
        "consumer_max_fetch_size": FETCH_BYTES_MAX,
        "consumer_auto_offset_reset": "none",
        "consumer_group_instance_id": member,
        "consumer_metadata_max_age_ms": 10_000,
        "stream_buffer_maxsize": 4,  # Chunks, not records.
        # What is in flight at a rebalance may arrive twice: the embassy drops repeats.
        "stream_wait_empty": False,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "web_enabled": False,
        "autodiscover": False,
        "datadir": str(_workdir(site)),
        "worker_redirect_stdouts": False,
    }


def _credentials(broker: Broker) -> faust.SASLCredentials | None:
    if broker.username is None or broker.password is None:
        return None
    return faust.SASLCredentials(
        username=broker.username, password=broker.password.read().reveal(), mechanism="PLAIN", ssl_context=None
    )


def _add_agent(app: ForwardApp, site: Site) -> None:
    topics = [register.changes_topic for register in site.registers.values()]
    changes = app.topic(*topics, key_serializer="raw", value_serializer="raw", acks=False)

    @app.agent(changes, name="forward")
    async def forward(stream: Any) -> None:
        async for event in stream.events():
            try:
                app.forwarder.accept(event.value)
            except Exception as error:
                # An exception of an agent alone would only skip this chunk.
                await app.crash(error)
                raise


def _add_caretaker(app: ForwardApp, site: Site, keys: HomeKeys) -> None:
    caretaker = Caretaker(site, keys, app.forwarder, lambda: bool(app.rebalancing))

    async def watch() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, app.forwarder.retry)
        caretaker.beat()
        caretaker.start()
        while not app.should_stop:
            caretaker.beat()
            await asyncio.sleep(_BEAT_SECONDS)

    app.task(watch)

    async def revoked(*_: Any, **__: Any) -> None:
        app.forwarder.give_up()

    async def shut_down(*_: Any, **__: Any) -> None:
        caretaker.stop()
        await app.forwarder.close()

    app.on_partitions_revoked.connect(revoked, weak=False)
    app.on_before_shutdown.connect(shut_down, weak=False)


def _ports(app: ForwardApp, site: Site, keys: HomeKeys, partition: TP) -> Ports:
    assert site.link is not None
    home, link = client_settings(site.kafka), client_settings(site.link)

    async def find_start(register: Register, below: int | None) -> Start:
        return await _in_thread(app, lambda: find_start_of(site, keys, register, below))

    async def load_schemas(register: Register) -> list[bytes]:
        return await _in_thread(app, lambda: load_schemas_of(site, register))

    async def keep_schemas(register: Register, schemas: Sequence[bytes]) -> None:
        publisher = Publisher(home, asyncio.get_running_loop())
        try:
            keyed = ((decode(schema)[1]["fingerprint"], schema) for schema in schemas)
            await asyncio.gather(*(publisher.publish(register.schemas_topic, v, key=k) for k, v in keyed))
        finally:
            await publisher.close(wait_seconds=0)

    async def seek_partition(offset: int) -> None:
        consumer = app.consumer
        assert isinstance(consumer, ChunkConsumer)
        try:
            await asyncio.wait_for(seek(consumer, partition, offset), SEEK_SECONDS_MAX)
        except IllegalStateError as error:
            raise TransportError("the partition is being assigned anew", remedy="none: it is tried again") from error

    async def restart(register: Register) -> None:
        connect = site.connect
        if connect is not None:
            await _in_thread(app, lambda: restart_connector(connect, f"capture.{register.name}"))

    return Ports(
        find_start=find_start,
        output=lambda: Publisher(link, asyncio.get_running_loop()),
        sealer=lambda register, incarnation: HomeSealer(lane=register.lane, keys=keys, incarnation=incarnation),
        load_schemas=load_schemas,
        keep_schemas=keep_schemas,
        seek=seek_partition,
        restart_connector=restart,
        became_ready=app.forwarder.became_ready,
        stops=StopFiles(site.state),
        now=lambda: datetime.now(UTC).isoformat(timespec="seconds"),
        jitter=lambda: random.uniform(0.8, 1.2),  # noqa: S311 (spreads retries, guards nothing)
    )


def _in_thread(app: ForwardApp, work: Callable[[], T]) -> Awaitable[T]:
    return asyncio.get_running_loop().run_in_executor(app.threads, work)


def _crash(app: ForwardApp, error: BaseException) -> None:
    app.pending_crash = asyncio.get_running_loop().create_task(app.crash(error))


def _await_home(site: Site) -> None:
    """Make the home topics that are missing; wait for the home broker as long as it takes."""
    topics = {register.changes_topic: home_topic_settings() for register in site.registers.values()}
    topics |= {register.schemas_topic: schemas_topic_settings() for register in site.registers.values()}
    while True:
        try:
            ensure_topics(site.kafka, topics)
        except TransportError as error:
            _log.warning("home_unreachable", reason=error.message)
            time.sleep(_HOME_WAIT_SECONDS)
        else:
            return


@contextlib.contextmanager
def _membership(site: Site) -> Iterator[str | None]:
    """The static member's name for the first worker of this machine, None for others: they stand by.

    A static member that comes back takes its partitions without a rebalance. Two of one name would drive each other
    out. The name holds the registers: the broker gives a static member its former partitions without looking at what
    it subscribes to now, so with other registers it must be another member.
    """
    folder = _workdir(site)
    with (folder / "worker.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            registers = hashlib.sha256(" ".join(sorted(site.registers)).encode()).hexdigest()[:8]
            yield f"{site.name}-{socket.gethostname()}-{registers}"


def _workdir(site: Site) -> Path:
    folder = site.state / "forward"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
