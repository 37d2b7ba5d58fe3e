"""The services of both sites as this machine runs them, built from the layout: two servers, two brokers, Connect."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data_embassy.kafka import MESSAGE_BYTES_MAX
from deploy.local import postgres
from deploy.local.broker import Broker, Listener
from deploy.local.jars import JarPaths, capture_jar
from deploy.local.java import java_command, logging_config
from deploy.local.layout import Layout, password
from deploy.local.machine import LOOPBACK, write_private
from deploy.local.postgres import PostgresServer
from deploy.local.sites import EMBASSY_USER, HOME_USER

LINK_PRINCIPAL = "User:link:home"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heaps:
    """Java heaps in megabytes."""

    broker: int = 512
    connect: int = 1024


def home_postgres(layout: Layout) -> PostgresServer:
    """The server with the registers."""
    return PostgresServer(
        folder=layout.service("home", "postgres"),
        port=layout.ports.home_postgres,
        password=password(layout.operator / "home-postgres"),
    )


def embassy_postgres(layout: Layout) -> PostgresServer:
    """The server with the standbys."""
    return PostgresServer(
        folder=layout.service("embassy", "postgres"),
        port=layout.ports.embassy_postgres,
        password=password(layout.operator / "embassy-postgres"),
    )


def home_broker(layout: Layout, heaps: Heaps) -> Broker:
    """Home's broker: one listener, one user."""
    secret = password(layout.site("home") / "secrets" / "kafka")
    return Broker(
        folder=layout.service("home", "kafka"),
        controller_port=layout.ports.home_controller,
        listeners=(Listener(name="INTERNAL", protocol="SASL_PLAINTEXT", port=layout.ports.home_kafka),),
        heap_mb=heaps.broker,
        settings=_sasl(HOME_USER, secret),
    )


def embassy_broker(layout: Layout, heaps: Heaps) -> Broker:
    """The embassy's broker: a listener of its own, and one for the link that asks for home's certificate.

    A certificate's principal starts with `link:`, so that none can name itself like the embassy's own user.
    """
    secret = password(layout.site("embassy") / "secrets" / "kafka")
    tls = layout.site("embassy") / "tls"
    link = "listener.name.link."
    settings = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": f"User:{EMBASSY_USER}",
        f"{link}ssl.client.auth": "required",
        f"{link}ssl.enabled.protocols": "TLSv1.3",
        f"{link}ssl.keystore.type": "PEM",
        f"{link}ssl.keystore.location": str(tls / "broker.pem"),
        f"{link}ssl.truststore.type": "PEM",
        f"{link}ssl.truststore.location": str(tls / "ca.pem"),
        f"{link}ssl.principal.mapping.rules": "RULE:^CN=([^,]+)$/link:$1/",
    }
    return Broker(
        folder=layout.service("embassy", "kafka"),
        controller_port=layout.ports.embassy_controller,
        listeners=(
            Listener(name="INTERNAL", protocol="SASL_PLAINTEXT", port=layout.ports.embassy_kafka),
            Listener(name="LINK", protocol="SSL", port=layout.ports.embassy_link, advertised=layout.ports.link),
        ),
        heap_mb=heaps.broker,
        settings=_sasl(EMBASSY_USER, secret) | settings,
    )


def connect_properties(layout: Layout) -> dict[str, str]:
    """Configuration of Kafka Connect's worker."""
    folder = layout.service("home", "connect")
    secret_folder = layout.site("home") / "secrets"
    jaas = _jaas(HOME_USER, (secret_folder / "kafka").read_text())
    security = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.jaas.config": jaas}
    base = {
        "bootstrap.servers": f"{LOOPBACK}:{layout.ports.home_kafka}",
        "group.id": "connect",
        "listeners": f"http://{LOOPBACK}:{layout.ports.connect}",
        "rest.advertised.host.name": LOOPBACK,
        "rest.advertised.port": str(layout.ports.connect),
        "plugin.path": str(folder / "plugins"),
        "plugin.discovery": "service_load",
        "connector.client.config.override.policy": "All",
        "key.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
        "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
        "config.providers": "file,directory",
        "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
        "config.providers.file.param.allowed.paths": str(secret_folder),
        "config.providers.directory.class": "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
        "config.providers.directory.param.allowed.paths": str(secret_folder),
        # The slot may move on only after offsets are stored: often, so that a restart has little to repeat.
        "offset.flush.interval.ms": "2000",
        # One worker: nobody else could take its tasks, so a killed one need not be waited for.
        "scheduled.rebalance.max.delay.ms": "0",
        "session.timeout.ms": "6000",
        "heartbeat.interval.ms": "2000",
        "producer.max.request.size": str(MESSAGE_BYTES_MAX),
        "producer.buffer.memory": str(2 * MESSAGE_BYTES_MAX),
    }
    for topic in ("config", "offset", "status"):
        base |= {f"{topic}.storage.topic": f"connect.{topic}", f"{topic}.storage.replication.factor": "1"}
    base |= {"offset.storage.partitions": "1", "status.storage.partitions": "1"}
    return base | security | {f"{who}.{key}": value for who in _CLIENTS for key, value in security.items()}


def write_connect(layout: Layout, jars: JarPaths, progress: Callable[[str], None]) -> None:
    """Write Connect's configuration and its one plugin folder: Debezium and the capture plugin that wraps it."""
    folder = layout.service("home", "connect")
    text = "".join(f"{name}={value}\n" for name, value in connect_properties(layout).items())
    write_private(folder / "connect.properties", text)
    logging_config(folder)
    plugin = folder / "plugins" / "data-embassy-capture"
    plugin.mkdir(parents=True, exist_ok=True)
    for jar in [*(jars.plugins / "debezium-connector-postgres").glob("*.jar"), capture_jar(progress)]:
        _refresh(jar, plugin / jar.name)


def connect_command(layout: Layout, jars: JarPaths, heaps: Heaps) -> list[str]:
    """Command that runs Connect in the foreground."""
    folder = layout.service("home", "connect")
    return java_command(
        "org.apache.kafka.connect.cli.ConnectDistributed", str(folder / "connect.properties"),
        jars=jars, heap_mb=heaps.connect, logging=folder,
    )  # fmt: skip


def postgres_commands(layout: Layout) -> dict[str, list[str]]:
    """Commands that run both servers in the foreground."""
    return {
        "home-postgres": postgres.start_command(home_postgres(layout)),
        "embassy-postgres": postgres.start_command(embassy_postgres(layout)),
    }


_CLIENTS = ("producer", "consumer", "admin")


def _sasl(user: str, secret: str) -> dict[str, str]:
    """Settings of a broker whose own traffic and whose clients use one user.

    The controller's listener asks for it as well: everybody on this machine can reach loopback.
    """
    jaas = f'{_jaas(user, secret)[:-1]} user_{user}="{secret}";'
    return {
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.internal.plain.sasl.jaas.config": jaas,
        "listener.name.controller.plain.sasl.jaas.config": jaas,
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
    }


def _jaas(user: str, secret: str) -> str:
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    return f'{module} required username="{user}" password="{secret}";'


def _refresh(source: Path, target: Path) -> None:
    known = target.stat() if target.exists() else None
    fresh = source.stat()
    if known is None or (known.st_size, known.st_mtime_ns) != (fresh.st_size, fresh.st_mtime_ns):
        shutil.copy2(source, target)
