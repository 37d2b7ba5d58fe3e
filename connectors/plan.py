"""A register's contract -> the configuration of its capture connector, and the topics that it writes to. Pure.

The settings on which stream v1 rests stand here so that `connector plan` shows them; the plugin knows them as well and
refuses a configuration that differs (`CaptureSettings.java`). Passwords are named by file, never written.
"""

from dataclasses import dataclass
from typing import Final

from data_embassy.config import PasswordFile, Register, Site
from data_embassy.errors import ConfigError, ContractError
from data_embassy.kafka import MESSAGE_BYTES_MAX, home_topics

CONNECTOR_CLASS: Final = "dataembassy.capture.RegisterConnector"
REQUIRED: Final[dict[str, str]] = {
    "plugin.name": "pgoutput",
    "publication.autocreate.mode": "disabled",
    "snapshot.mode": "no_data",
    "provide.transaction.metadata": "true",
    "skipped.operations": "none",
    "tombstones.on.delete": "false",
    "event.converting.failure.handling.mode": "fail",
    "event.processing.failure.handling.mode": "fail",
    "heartbeat.interval.ms": "0",
    "errors.max.retries": "0",
    "lsn.flush.mode": "connector",
    "slot.drop.on.stop": "false",
    "extended.headers.enabled": "false",
    "table.include.list": r"data_embassy_shape\.s[0-9]+",
    "binary.handling.mode": "bytes",
    "include.schema.comments": "false",
}
"""What the plugin insists on; the reasons stand in CaptureSettings.java and docs/adr/0002-encode-in-the-task.md."""
_FLOW: Final[dict[str, str]] = {
    # A poll returns when a batch is full or this time is over: it bounds the wait of a lone change.
    "poll.interval.ms": "20",
    "max.batch.size": "4096",
    "max.queue.size": "16384",
    # Counted in records alone, a transaction of large values would fill the heap, at every start again.
    "max.queue.size.in.bytes": str(32 << 20),
    # A task that follows a killed one waits for the server to free the slot: 12 times 4 s stay below the plugin's 60 s.
    "slot.max.retries": "12",
    "slot.retry.delay.ms": "4000",
    "executor.shutdown.timeout.ms": "3000",
}
# The worker must run without exactly.once.source.support: control records of transactions would be holes in the topic.
_PRODUCER: Final[dict[str, str]] = {
    "acks": "all",
    "enable.idempotence": "true",
    "max.in.flight.requests.per.connection": "5",
    "max.request.size": str(MESSAGE_BYTES_MAX),
    "buffer.memory": str(MESSAGE_BYTES_MAX + (16 << 20)),
    "batch.size": str(256 << 10),
    "linger.ms": "0",
    "compression.type": "lz4",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorPlan:
    """What `connector apply` makes so."""

    name: str
    config: dict[str, str]
    topics: dict[str, dict[str, str]]


def connector_name(register: str) -> str:
    """Name of a register's connector in Kafka Connect."""
    return f"capture.{register}"


def plan(site: Site, name: str) -> ConnectorPlan:
    """The connector of a register of this site; raises ConfigError."""
    if site.role != "home":
        raise ConfigError("only home captures", remedy="run the command at home: embassy --site HOME connector ...")
    register = site.register(name)
    return ConnectorPlan(
        name=connector_name(name),
        config=_config(register),
        topics=home_topics(register),
    )


def _config(register: Register) -> dict[str, str]:
    source = register.source
    if source is None:
        raise ContractError(f"the contract of {register.name} has no [source]", remedy="add it to the contract")
    database = {
        "database.hostname": source.capture.host,
        "database.port": str(source.capture.port),
        "database.dbname": source.capture.database,
        "database.user": source.capture.user,
    }
    if source.capture.password is not None:
        database["database.password"] = password_reference(source.capture.password)
    return {
        "connector.class": CONNECTOR_CLASS,
        "tasks.max": "1",
        "topic.prefix": register.name,
        **database,
        "slot.name": source.slot,
        "publication.name": source.publication,
        **REQUIRED,
        **_FLOW,
        "key.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
        "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
        "errors.tolerance": "none",
        **{f"producer.override.{setting}": value for setting, value in _PRODUCER.items()},
    }


def password_reference(password: PasswordFile) -> str:
    """Name of a password that Kafka Connect reads itself: its DirectoryConfigProvider, known to it as `directory`."""
    return f"${{directory:{password.path.parent}:{password.path.name}}}"
