"""One Kafka broker that is its own KRaft controller: its configuration, its storage, its start command."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from data_embassy.kafka import ENVELOPE_BYTES_MAX
from deploy.local.jars import JarPaths
from deploy.local.java import java_command, logging_config
from deploy.local.machine import LOOPBACK, LocalError, write_private

REQUEST_BYTES_MAX = ENVELOPE_BYTES_MAX + (4 << 20)  # An envelope and the request around it.
FORMAT_SECONDS_MAX = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One way to reach the broker. `advertised` differs from `port` when clients come through a proxy."""

    name: str
    protocol: str
    port: int
    advertised: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A broker's folder and listeners; the first listener is also for the broker itself."""

    folder: Path
    controller_port: int
    listeners: tuple[Listener, ...]
    heap_mb: int = 512
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        """The broker's properties file."""
        return self.folder / "server.properties"

    @property
    def port(self) -> int:
        """Port of the first listener."""
        return self.listeners[0].port


def properties(broker: Broker) -> dict[str, str]:
    """The broker's whole configuration."""
    own = broker.listeners[0]
    protocols = {listener.name: listener.protocol for listener in broker.listeners}
    protocols["CONTROLLER"] = "SASL_PLAINTEXT" if own.protocol.startswith("SASL") else "PLAINTEXT"
    base = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:{broker.controller_port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": own.name,
        "listeners": ",".join(
            [f"{item.name}://{LOOPBACK}:{item.port}" for item in broker.listeners]
            + [f"CONTROLLER://{LOOPBACK}:{broker.controller_port}"]
        ),
        "advertised.listeners": ",".join(
            f"{item.name}://{LOOPBACK}:{item.advertised or item.port}" for item in broker.listeners
        ),
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
        "log.dirs": str(broker.folder / "data"),
        "auto.create.topics.enable": "false",
        "num.partitions": "1",
        "offsets.topic.num.partitions": "1",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "log.retention.ms": "-1",
        "log.retention.bytes": "-1",
        "message.max.bytes": str(ENVELOPE_BYTES_MAX),
        "replica.fetch.max.bytes": str(ENVELOPE_BYTES_MAX),
        "socket.request.max.bytes": str(REQUEST_BYTES_MAX),
        # A killed broker may register again only after its old session ended: the default makes it wait for 9 s.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
    }
    return base | dict(broker.settings)


def write_config(broker: Broker, jars: JarPaths) -> None:
    """Write the configuration and, the first time, format the storage."""
    broker.folder.mkdir(parents=True, exist_ok=True)
    write_private(broker.config, "".join(f"{name}={value}\n" for name, value in properties(broker).items()))
    logging_config(broker.folder)
    if not (broker.folder / "data" / "meta.properties").exists():
        _format(broker, jars)


def start_command(broker: Broker, jars: JarPaths) -> list[str]:
    """Command that runs the broker in the foreground."""
    return java_command("kafka.Kafka", str(broker.config), jars=jars, heap_mb=broker.heap_mb, logging=broker.folder)


def _format(broker: Broker, jars: JarPaths) -> None:
    command = java_command(
        "kafka.tools.StorageTool", "format", "--config", str(broker.config), "--cluster-id", uuid4().hex[:22],
        jars=jars, heap_mb=128, logging=broker.folder,
    )  # fmt: skip
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=FORMAT_SECONDS_MAX, check=False
    )
    if done.returncode != 0:
        raise LocalError(f"the broker's storage was not formatted:\n{done.stdout[-2000:]}", remedy="embassy local down")
