"""Faust's methods that the chunk transport overrides or calls must stay as they were when it was written."""

import hashlib
import inspect
from typing import Any

import pytest
from faust.app import App
from faust.transport import consumer as base
from faust.transport.conductor import Conductor
from faust.transport.drivers import aiokafka as driver

from pipelines.chunks import ChunkConsumer, ForwardApp

# SHA-256 of the source with Faust 0.15.3. After an upgrade: read the new source, check chunks.py, then renew.
METHODS: dict[str, tuple[Any, str]] = {
    "ThreadDelegateConsumer._getmany": (base.ThreadDelegateConsumer._getmany, "f9d47aa9010b5ff2"),
    "Consumer.getmany": (base.Consumer.getmany, "4b168d84882a70d6"),
    "Consumer._wait_next_records": (base.Consumer._wait_next_records, "6218e1969a636b3f"),
    "Consumer._drain_messages": (base.Consumer._drain_messages, "44a2500309e83c63"),
    "Consumer.perform_seek": (base.Consumer.perform_seek, "0e8c130ff4b0afd8"),
    "Consumer.stop_flow": (base.Consumer.stop_flow, "cf7e875a2b0d40e8"),
    "Consumer.resume_flow": (base.Consumer.resume_flow, "db59630f25b5819b"),
    "Consumer.commit": (base.Consumer.commit, "a354437baaa08bf8"),
    "ThreadDelegateConsumer.seek_to_committed": (base.ThreadDelegateConsumer.seek_to_committed, "f1d483b861b0328b"),
    "ThreadDelegateConsumer.seek_wait": (base.ThreadDelegateConsumer.seek_wait, "e9db5bbc4ceb2543"),
    "ThreadDelegateConsumer._commit": (base.ThreadDelegateConsumer._commit, "a20eec84e4b2ed50"),
    "AIOKafkaConsumerThread.getmany": (driver.AIOKafkaConsumerThread.getmany, "26fc5fc9f3b667e1"),
    "AIOKafkaConsumerThread._fetch_records": (driver.AIOKafkaConsumerThread._fetch_records, "39a2c6c79fc1455a"),
    "AIOKafkaConsumerThread._seek_wait": (driver.AIOKafkaConsumerThread._seek_wait, "9d221e816d940467"),
    "AIOKafkaConsumerThread._commit": (driver.AIOKafkaConsumerThread._commit, "932852ce7a23f658"),
    "AIOKafkaConsumerThread.subscribe": (driver.AIOKafkaConsumerThread.subscribe, "74f90b8c8cbc6384"),
    "Conductor._update_indices": (Conductor._update_indices, "619b3247b96ac7d5"),
    "Conductor._update_tp_index": (Conductor._update_tp_index, "e8e3ac9025ef44f7"),
    "App._on_partitions_assigned": (App._on_partitions_assigned, "de932b7927db85b3"),
    "App._new_transport": (App._new_transport, "42db531312dd776f"),
}


@pytest.mark.parametrize("name", METHODS)
def test_faust_is_as_it_was(name):
    method, expected = METHODS[name]
    assert hashlib.sha256(inspect.getsource(method).encode()).hexdigest()[:16] == expected


@pytest.mark.parametrize("name", ["_getmany", "getmany", "seek_to_committed", "commit", "verify_event_path"])
def test_what_is_overridden_exists_with_the_same_arguments(name):
    theirs = inspect.signature(getattr(driver.Consumer, name))
    ours = inspect.signature(ChunkConsumer.__dict__[name])
    assert list(ours.parameters) == list(theirs.parameters)


def test_the_app_takes_its_own_transport():
    assert "_new_transport" in ForwardApp.__dict__
