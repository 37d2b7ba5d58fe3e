"""The forward worker: one Faust app for all registers of the home site."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from functools import partial
from typing import Any, Final, NoReturn

import faust

from data_embassy import log, metrics
from data_embassy.config import LOOK_SECONDS, Broker, LiveSite, Register, Site
from data_embassy.errors import ConfigError, TransportError
from data_embassy.keys import HomeKeys, load_home_keys
from pipelines.batches import limits_of_one_of
from pipelines.caretaker import Caretaker
from pipelines.chunks import ForwardApp, subscribe
from pipelines.contracts import Contracts, make_home_topics, topics_of
from pipelines.forwarder import Forwarder
from pipelines.membership import Membership, membership, work_folder
from pipelines.precedence import Precedence
from pipelines.session import Session
from pipelines.wiring import in_thread, ports_of

FETCH_BYTES_MAX: Final = 4 << 20
"""Bytes of one fetch; a larger record still comes, alone."""
SESSION_SECONDS: Final = 6.0
"""After so long without a sign of life another worker has a killed one's registers: the least that brokers allow."""
POLL_SECONDS_MAX: Final = 7 * 86_400.0
"""Workers whose registers are all paused or stopped fetch nothing and stay members; the watchdog judges reading."""
EXIT_CRASHED: Final = 71
_HOME_WAIT_SECONDS: Final = 2.0
_BEAT_SECONDS: Final = 1.0

_log = log.get("forward")


def build_app(live: LiveSite, member: Membership) -> ForwardApp:
    """The worker's app; a member without a name stands by. Raises ConfigError or KeyringError."""
    site = live.site
    if site.role != "home" or site.link is None:
        raise ConfigError("the forwarder runs at the home site", remedy="choose home's folder: --site FOLDER")
    load_keys = partial(load_home_keys, site.keys, site=site.name)
    keys = load_keys()
    app = ForwardApp(_group(site), **_settings(site, member.name))
    precedence = Precedence(clock=time.monotonic)
    app.forwarder = Forwarder(
        lambda register, partition: Session(
            register,
            ports_of(app, site, load_keys, partition),
            limits_of_one_of(len(live.site.registers)),
            precedence=precedence,
        ),
        lambda error: _crash(app, error),
    )
    _add_agent(app, topics_of(site))
    _add_caretaker(app, live, keys, member, precedence)
    return app


def run_forward(site: Site) -> NoReturn:
    """Forward until SIGTERM; SIGHUP lets stopped registers try again. Ends the process.

    Contracts and pauses that come, change and go meanwhile are heeded. Exit codes: 0 after SIGTERM, 70 when the
    watchdog ended it, 71 after a fault: the supervisor starts it again.
    """
    metrics.serve(site.metrics.forward)
    live = LiveSite(site)
    _await_registers(live)
    _await_home(live.site)
    with membership(site, topics_of(live.site)) as member:
        app = build_app(live, member)
        worker = faust.Worker(
            app, quiet=True, override_logging=False, redirect_stdouts=False, workdir=work_folder(site)
        )
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


def _await_registers(live: LiveSite) -> None:
    """Without registers there is nothing to forward: wait for the first contract."""
    if live.look().registers:
        return
    ended = threading.Event()
    former = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    _log.info("no_registers")
    faults: set[str] = set()
    while not live.look().registers:
        metrics.show_faults(live.site.faults, faults)
        if ended.wait(LOOK_SECONDS):
            sys.exit(0)
    for number, handler in former.items():
        signal.signal(number, handler)


def _await_home(site: Site) -> None:
    """Make the home topics that are missing; wait for the home broker as long as it takes."""
    while True:
        try:
            make_home_topics(site, site.registers.values())
        except TransportError as error:
            _log.warning("home_unreachable", reason=error.message)
            time.sleep(_HOME_WAIT_SECONDS)
        else:
            return


def _group(site: Site) -> str:
    """Consumer group: the workers of a site share its registers."""
    return f"forward-{site.name}"


def _settings(site: Site, member: str | None) -> dict[str, Any]:
    return {
        "broker": ";".join(f"kafka://{address}" for address in site.kafka.bootstrap.split(",")),
        "broker_credentials": _credentials(site.kafka),
        "broker_session_timeout": SESSION_SECONDS,
        "broker_heartbeat_interval": 1.0,
        "broker_max_poll_records": 5_000,
        "broker_max_poll_interval": POLL_SECONDS_MAX,
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
        "datadir": str(work_folder(site)),
        "worker_redirect_stdouts": False,
    }


def _credentials(broker: Broker) -> faust.SASLCredentials | None:
    if broker.username is None or broker.password is None:
        return None
    return faust.SASLCredentials(
        username=broker.username, password=broker.password.read().reveal(), mechanism="PLAIN", ssl_context=None
    )


def _add_agent(app: ForwardApp, topics: Iterable[str]) -> None:
    changes = app.topic(*sorted(topics), key_serializer="raw", value_serializer="raw", acks=False)

    @app.agent(changes, name="forward")
    async def forward(stream: Any) -> None:
        async for event in stream.events():
            try:
                app.forwarder.accept(event.value)
            except Exception as error:
                # An exception of an agent alone would only skip this chunk.
                await app.crash(error)
                raise


def _add_caretaker(app: ForwardApp, live: LiveSite, keys: HomeKeys, member: Membership, precedence: Precedence) -> None:
    caretaker = Caretaker(
        live.site,
        keys,
        app.forwarder,
        lambda: bool(app.rebalancing),
        down=app.down,
        rate=precedence.rate,
        carried=precedence.carried,
    )
    contracts = _contracts(app, live, member)

    async def watch() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, app.forwarder.retry)
        caretaker.beat()
        caretaker.start()
        while not app.should_stop:
            caretaker.beat()
            await asyncio.sleep(_BEAT_SECONDS)

    async def follow_contracts() -> None:
        try:
            while not app.should_stop:
                await contracts.step()
                await asyncio.sleep(LOOK_SECONDS)
        except Exception as error:
            await app.crash(error)
            raise

    app.task(watch)
    app.task(follow_contracts)

    async def assigned(*sent: Any, **_: Any) -> None:
        app.forwarder.keep_only(sent[1])

    async def shut_down(*_: Any, **__: Any) -> None:
        caretaker.stop()
        await app.forwarder.close()

    app.on_partitions_assigned.connect(assigned, weak=False)
    app.on_before_shutdown.connect(shut_down, weak=False)


def _contracts(app: ForwardApp, live: LiveSite, member: Membership) -> Contracts:
    async def make_topics(registers: Iterable[Register]) -> None:
        await in_thread(app, lambda: make_home_topics(live.site, registers))

    async def subscribe_to(topics: set[str]) -> bool:
        done = await subscribe(app, topics)
        if done:
            member.subscribed(topics)
        return done

    return Contracts(
        live=live,
        working=app.forwarder,
        make_topics=make_topics,
        subscribe=subscribe_to,
        subscribed=topics_of(live.site),
    )


def _crash(app: ForwardApp, error: BaseException) -> None:
    app.pending_crash = asyncio.get_running_loop().create_task(app.crash(error))
