"""Causes that stop a register at home, on real brokers: what its stop names makes the forwarder go on, exactly."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from data_embassy.keys import Role, encode_bundle, import_bundle, init_keys, init_recovery, load_keyring
from operations.status.home import home_status
from operations.status.stations import FORWARDER_SECONDS
from tests.support.commands import command
from tests.support.forwarding import Bench, bench, until

SECONDS = 90
LARGE = 80 << 20


def stop_of(site: Bench, register: str, cause: str) -> str:
    """Wait for the stop; its remedy."""

    def is_there() -> bool:
        return site.stop_file(register).exists() and said(site, register)["cause"] == cause

    until(is_there, SECONDS)
    return str(said(site, register)["remedy"])


def said(site: Bench, register: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(site.stop_file(register).read_text())
    return found


def goes_on(site: Bench, register: str) -> None:
    """The last step of every remedy, then all is on the lane."""
    command(site.folder / "home", "register", "resume", register)
    until(lambda: site.has_forwarded(register) and not site.stop_file(register).exists(), SECONDS)


def takes_at_most(site: Bench, register: str, size: int) -> None:
    """The embassy's operator sets how large a message of the lane may be."""
    topic = site.site.registers[register].lane_topic
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": site.brokers.embassy})
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)


def write_large(site: Bench, register: str) -> None:
    """A change that does not compress."""
    writer = site.writer(register)
    writer.write(writer.change() + os.urandom(100_000))


@contextmanager
def another_folder(keys: Path) -> Iterator[None]:
    """Another home's folder, whole, in the place of home's own."""
    own = keys.rename(keys.with_name("own-keys"))
    ring = load_keyring(own)
    init_keys(keys, role=Role.HOME, site=ring.site)
    init_recovery(keys.with_name("other-recovery"), home=keys)
    for peer in ring.peers:
        if peer.role is Role.EMBASSY:
            import_bundle(keys, encode_bundle(peer), fingerprint=peer.fingerprint)
    yield
    shutil.rmtree(keys)
    own.rename(keys)


@contextmanager
def without(path: Path) -> Iterator[None]:
    """A file is lost, and restored."""
    away = path.rename(path.with_name(f"{path.name}.away"))
    yield
    away.rename(path)


@pytest.mark.clears("MessageTooLarge", "Unsealable", "KeyMissing", "RecoveryMissing", "LaneUnreadable")
def test_each_stop_at_home_is_cleared_by_what_it_names(brokers):
    with bench(brokers, registers=3) as site, site.worker():
        large, foreign, keyed = site.registers
        for register in site.registers:
            site.write(register, 100)
            until(lambda: site.has_forwarded(register), SECONDS)  # noqa: B023

        takes_at_most(site, large, 1000)
        write_large(site, large)
        site.write(large, 100)
        assert "80 MiB" in stop_of(site, large, "MessageTooLarge")
        takes_at_most(site, large, LARGE)
        goes_on(site, large)
        assert site.opened(large).records == site.home_records(large)

        # Somebody else writes to the home topic: without a key, and with a short one.
        for key in (None, b"short"):
            writer = site.writer(foreign)
            writer._producer.produce(writer._topic, b"foreign", key, partition=0)
            site.write(foreign, 10)
            assert "embassy register snapshot" in stop_of(site, foreign, "Unsealable")
            writer.write_snapshot(2 if key is None else 3, chunks=5)
            site.write(foreign, 10)
            goes_on(site, foreign)
        newest = site.newest_header(foreign)
        assert newest is not None
        assert newest.incarnation > 1

        keys = site.folder / "home" / "keys"
        with without(next(keys.glob("sign*.key"))):
            site.writer(keyed).write_snapshot(2, chunks=5)  # Its epoch asks for the keys.
            site.write(keyed, 10)
            stop_of(site, keyed, "KeyMissing")
        goes_on(site, keyed)
        next((keys / "peers").glob("*.recovery.*")).unlink()
        site.writer(keyed).write_snapshot(3, chunks=5)
        site.write(keyed, 10)
        stop_of(site, keyed, "RecoveryMissing")
        command(site.folder / "home", "keys", "init", "--recovery", str(site.folder / "recovery-again"))
        goes_on(site, keyed)
        with another_folder(keys):
            takes_at_most(site, keyed, 1000)
            write_large(site, keyed)
            site.write(keyed, 10)
            stop_of(site, keyed, "MessageTooLarge")
            takes_at_most(site, keyed, LARGE)
            command(site.folder / "home", "register", "resume", keyed)
            stop_of(site, keyed, "LaneUnreadable")
        goes_on(site, keyed)
        assert site.opened(keyed).records == site.home_records(keyed)


@pytest.mark.clears("ForwarderDown")
def test_a_forwarder_that_does_not_run_is_named_until_it_does(brokers):
    def causes() -> list[str | None]:
        later = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=FORWARDER_SECONDS - 5)
        (shown,) = home_status(site.site, clock=lambda: later)
        return [part.cause for part in shown.parts if part.name == "forward"]

    with bench(brokers) as site:
        assert causes() == ["ForwarderDown"]
        with site.worker():
            until(lambda: causes() == [None], SECONDS)
