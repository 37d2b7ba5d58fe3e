"""The edge to Kafka: settings of confluent-kafka clients for a site's own broker and for the link, and topics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from data_embassy.config import Broker, Link, Register
from data_embassy.errors import TransportError
from data_embassy.retention import Retention

Settings = dict[str, str | int | float | bool]

RECORD_BYTES_MAX: Final = 64 << 20
"""Largest record of a home topic; larger stops the register."""
MESSAGE_BYTES_MAX: Final = 68 << 20
"""Broker limit of a home topic: a record and its framing."""
ENVELOPE_BYTES_MAX: Final = 80 << 20
"""Broker limit of a lane: one record that does not compress, header, wrapped keys and signatures."""
REMEDY_REPLICAS: Final = "start the site's other brokers, or write how many there are as kafka.replicas into site.toml"
_CREATE_TIMEOUT_SECONDS: Final = 40.0
_ANSWER_SECONDS: Final = 10.0
_LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call]
_EARLIEST: Final = OffsetSpec.earliest()  # type: ignore[no-untyped-call]


def client_settings(broker: Broker | Link) -> Settings:
    """Connection and security settings for a confluent-kafka client."""
    settings: Settings = {
        "bootstrap.servers": broker.bootstrap,
        "socket.keepalive.enable": True,
        # A broker on one machine comes back within seconds; the default backs off to 10 s.
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 2000,
        "broker.address.family": "v4",
        "log_level": 3,
    }
    if isinstance(broker, Link):
        if broker.ca_file is not None:
            settings |= {"security.protocol": "ssl", "ssl.ca.location": str(broker.ca_file)}
            # The broker's certificate names the site, not a host: the CA is the embassy's own and signs nothing else.
            settings["ssl.endpoint.identification.algorithm"] = "none"
        if broker.cert_file is not None and broker.key_file is not None:
            settings |= {
                "ssl.certificate.location": str(broker.cert_file),
                "ssl.key.location": str(broker.key_file),
            }
    elif broker.username is not None and broker.password is not None:
        settings |= {
            "security.protocol": "sasl_plaintext",
            "sasl.mechanism": "PLAIN",
            "sasl.username": broker.username,
            "sasl.password": broker.password.read().reveal(),
        }
    return settings


def ensure_topics(broker: Broker, topics: dict[str, dict[str, str]]) -> list[str]:
    """Create the topics that are missing, each with one partition and its settings; returns the created ones.

    Each has the site's replicas; what is written to it is acknowledged once all of them but one have it. Raises
    TransportError when the broker does not answer, or there are fewer brokers than replicas.
    """
    if not topics:
        return []
    # A broker that does not answer is said once, by the error, not by the library at every try.
    admin = AdminClient(client_settings(broker) | {"log_level": 0})
    in_sync = {"min.insync.replicas": str(max(1, broker.replicas - 1))}
    wanted = [
        NewTopic(name, num_partitions=1, replication_factor=broker.replicas, config=in_sync | config)
        for name, config in topics.items()
    ]
    created = []
    for name, future in admin.create_topics(wanted, operation_timeout=_CREATE_TIMEOUT_SECONDS).items():
        try:
            future.result(timeout=_CREATE_TIMEOUT_SECONDS)
        except TimeoutError as error:
            raise TransportError(f"topic {name} was not created in time", remedy="check the broker") from error
        except KafkaException as error:
            if error.args[0].name() == "TOPIC_ALREADY_EXISTS":
                continue
            is_short = error.args[0].name() == "INVALID_REPLICATION_FACTOR"
            raise TransportError(
                f"topic {name} cannot be created: {error.args[0].str()}",
                remedy=REMEDY_REPLICAS if is_short else "check the broker and its rights",
            ) from error
        created.append(name)
    return created


def delete_topics(broker: Broker | Link, topics: Sequence[str]) -> list[str]:
    """Delete these topics with all they hold; returns those that existed. Raises TransportError."""
    admin = AdminClient(client_settings(broker) | {"log_level": 0})
    deleted = []
    for name, future in admin.delete_topics(list(topics), operation_timeout=_CREATE_TIMEOUT_SECONDS).items():
        try:
            future.result(timeout=_CREATE_TIMEOUT_SECONDS)
        except TimeoutError as error:
            raise TransportError(f"topic {name} was not deleted in time", remedy="check the broker") from error
        except KafkaException as error:
            if error.args[0].name() == "UNKNOWN_TOPIC_OR_PART":
                continue
            raise TransportError(
                f"topic {name} cannot be deleted: {error.args[0].str()}", remedy="check the broker and its rights"
            ) from error
        deleted.append(name)
    return deleted


def replicas(broker: Broker | Link) -> dict[str, int]:
    """How many replicas each topic has that is seen there. Raises TransportError."""
    try:
        found = AdminClient(client_settings(broker) | {"log_level": 0}).list_topics(timeout=_ANSWER_SECONDS)
    except KafkaException as error:
        raise _silent(error) from error
    return {
        name: min((len(partition.replicas) for partition in topic.partitions.values()), default=0)
        for name, topic in found.topics.items()
    }


def home_topic_settings() -> dict[str, str]:
    """Settings of `changes.<register>` (stream-v1 section 1)."""
    return {"cleanup.policy": "delete", "retention.ms": "-1", "max.message.bytes": str(MESSAGE_BYTES_MAX)}


def home_topics(register: Register) -> dict[str, dict[str, str]]:
    """A register's topics on the home broker, with their settings."""
    return {register.changes_topic: home_topic_settings(), register.schemas_topic: schemas_topic_settings()}


def schemas_topic_settings() -> dict[str, str]:
    """Settings of `schemas.<register>`."""
    return {"cleanup.policy": "compact", "max.message.bytes": str(MESSAGE_BYTES_MAX)}


def lane_topic_settings() -> dict[str, str]:
    """Settings of `lane.<id>` and `receipts.<id>`: kept without limit, whatever the clocks say.

    A broker refuses messages whose sender's clock is more than an hour ahead of its own, unless told otherwise.
    """
    return {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "max.message.bytes": str(ENVELOPE_BYTES_MAX),
        "message.timestamp.after.max.ms": str((1 << 63) - 1),
    }


class TopicAdmin:
    """Asks a broker about topics of one partition, again and again over one connection. Not for several threads."""

    def __init__(self, broker: Broker | Link, *, answer_seconds: float = _ANSWER_SECONDS) -> None:
        self._admin = AdminClient(client_settings(broker) | {"log_level": 0})
        self._answer_seconds = answer_seconds

    def ends(self, topics: Iterable[str]) -> dict[str, int]:
        """End of each topic that the broker knows; raises TransportError when it does not answer."""
        return self._offsets(self._known(topics), _LATEST)

    def bounds(self, topics: Iterable[str]) -> dict[str, tuple[int, int]]:
        """First offset present and end of each topic that the broker knows; raises TransportError, as `ends`."""
        known = self._known(topics)
        ends = self._offsets(known, _LATEST)
        lows = self._offsets(ends, _EARLIEST)
        return {topic: (lows[topic], end) for topic, end in ends.items() if topic in lows}

    def _known(self, topics: Iterable[str]) -> list[str]:
        try:
            known = self._admin.list_topics(timeout=self._answer_seconds).topics
        except KafkaException as error:
            raise _silent(error) from error
        return [topic for topic in topics if topic in known]

    def _offsets(self, topics: Iterable[str], place: OffsetSpec) -> dict[str, int]:
        asked = {TopicPartition(topic, 0): place for topic in topics}
        found = {}
        answers = self._admin.list_offsets(asked, request_timeout=self._answer_seconds) if asked else {}
        for partition, future in answers.items():
            try:
                found[partition.topic] = future.result(timeout=self._answer_seconds).offset
            except (KafkaException, TimeoutError):
                continue  # Its leader is being chosen, or it was deleted just now.
        return found

    def retentions(self, topics: Iterable[str]) -> dict[str, Retention]:
        """What each topic keeps, as far as this site may read its settings."""
        asked = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
        found = {}
        answers = self._admin.describe_configs(asked, request_timeout=_ANSWER_SECONDS) if asked else {}
        for resource, future in answers.items():
            try:
                entries = future.result(timeout=_ANSWER_SECONDS)
                found[resource.name] = Retention.of({name: entry.value for name, entry in entries.items()})
            except (KafkaException, TimeoutError, KeyError, ValueError):
                continue
        return found


def _silent(error: KafkaException) -> TransportError:
    return TransportError(f"the broker does not answer: {error.args[0].str()}", remedy="check the broker")
