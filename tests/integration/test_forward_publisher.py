"""What is published leaves no hole: behind a message that failed nothing more goes, whatever the broker knows again."""

from __future__ import annotations

import asyncio
import secrets
import time

import pytest

from data_embassy.config import Broker
from data_embassy.errors import TransportError
from data_embassy.kafka import client_settings, delete_topics, ensure_topics, lane_topic_settings
from pipelines.logs import LogReader, Publisher

QUICK = {"topic.metadata.propagation.max.ms": 1, "topic.metadata.refresh.interval.ms": 200}
"""A topic that the broker does not know fails what waits at once, and not after half a minute."""
TRIED_SECONDS = 2.0


async def publish(publisher: Publisher, topic: str, value: bytes) -> int:
    return await asyncio.wait_for(publisher.publish(topic, value), 30)


async def fail_and_go_on(broker: Broker, topic: str) -> None:
    settings = client_settings(broker)
    publisher = Publisher(settings | QUICK, asyncio.get_running_loop())
    other = Publisher(settings, asyncio.get_running_loop())
    try:
        assert await publish(publisher, topic, b"before") == 0
        delete_topics(broker, [topic])
        with pytest.raises(TransportError):
            await publish(publisher, topic, b"lost")
        ensure_topics(broker, {topic: lane_topic_settings()})
        assert await publish(other, topic, b"of another") == 0
        began = time.monotonic()
        while time.monotonic() - began < TRIED_SECONDS:
            with pytest.raises(TransportError):
                await publish(publisher, topic, b"behind the hole")
            await asyncio.sleep(0.1)  # Its client has learnt by then that the topic is there.
    finally:
        await publisher.close(wait_seconds=0)
        await other.close(wait_seconds=0)


def test_nothing_goes_behind_a_message_that_failed(broker: str):
    embassy, topic = Broker(bootstrap=broker, username=None, password=None, replicas=1), f"lane.{secrets.token_hex(8)}"
    ensure_topics(embassy, {topic: lane_topic_settings()})
    asyncio.run(fail_and_go_on(embassy, topic))
    with LogReader(client_settings(embassy), topic) as reader:
        end = reader.bounds().end
        assert [value for _, _, value in reader.read(0, end - 1)] == [b"of another"]
    delete_topics(embassy, [topic])
