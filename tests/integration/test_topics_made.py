"""Topics as the site's file says: so many replicas, and a write counts once all but one have it."""

import secrets

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]

from data_embassy.config import Broker
from data_embassy.errors import TransportError
from data_embassy.kafka import ensure_topics, home_topic_settings, replicas


@pytest.fixture
def topic() -> str:
    return f"changes.{secrets.token_hex(8)}"


def at(bootstrap: str, count: int) -> Broker:
    return Broker(bootstrap=bootstrap, username=None, password=None, replicas=count)


def setting(bootstrap: str, topic: str, name: str) -> str:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    admin = AdminClient({"bootstrap.servers": bootstrap})
    return str(admin.describe_configs([resource])[resource].result(timeout=20)[name].value)


def test_a_topic_has_the_replicas_that_the_site_names(broker, topic):
    assert ensure_topics(at(broker, 1), {topic: home_topic_settings()}) == [topic]
    assert replicas(at(broker, 1))[topic] == 1
    assert setting(broker, topic, "min.insync.replicas") == "1"
    assert setting(broker, topic, "retention.ms") == "-1"


def test_fewer_brokers_than_replicas_are_named(broker, topic):
    with pytest.raises(TransportError, match="only 1 broker") as raised:
        ensure_topics(at(broker, 3), {topic: {}})
    assert "kafka.replicas" in str(raised.value.remedy)
    assert topic not in replicas(at(broker, 3))


def test_a_topic_that_is_there_stays_as_it_is(broker, topic):
    ensure_topics(at(broker, 1), {topic: {}})
    assert ensure_topics(at(broker, 3), {topic: {}}) == []
    assert replicas(at(broker, 3))[topic] == 1
