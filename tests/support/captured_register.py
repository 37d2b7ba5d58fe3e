"""A register for tests of capture: a database prepared by the least SQL, its connector, and the topic read back."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from confluent_kafka import Consumer, TopicPartition
from psycopg import sql

from connectors.client import ConnectClient, ConnectorStatus
from connectors.plan import plan
from data_embassy.config import Broker, Metrics, PasswordFile, Postgres, Register, Site, Source
from data_embassy.kafka import ensure_topics
from data_embassy.postgres import PINNED_SETTINGS
from deploy.local.machine import wait_until, write_private
from tests.support.assemble_reference import Assembler, Relation, Row
from tests.support.connect_worker import ConnectWorker
from tests.support.system import PlainPostgres

RUN_SECONDS_MAX = 120
Keys = Mapping[Relation, tuple[str, ...]]
_SCRIPT: LiteralString = """
    CREATE SCHEMA data_embassy;
    CREATE SEQUENCE data_embassy.capture_session;
    GRANT USAGE ON SCHEMA data_embassy TO test_capture;
    GRANT USAGE ON SEQUENCE data_embassy.capture_session TO test_capture;
    CREATE TABLE data_embassy.pulse (id int PRIMARY KEY, beat bigint);
    CREATE PUBLICATION data_embassy FOR ALL TABLES;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedRegister:
    """One register: where it lies, who captures it."""

    name: str
    server: PlainPostgres
    bootstrap: str
    worker: ConnectWorker
    keys: dict[Relation, tuple[str, ...]]

    @property
    def site(self) -> Site:
        """Home, with this register alone."""
        access = Postgres(
            host=self.server.host, port=self.server.port, database=self.name, user="test_capture",
            password=PasswordFile(path=self.worker.secrets / "capture"),
        )  # fmt: skip
        source = Source(capture=access, pulse=access, slot=f"slot_{self.name}", publication="data_embassy")
        register = Register(name=self.name, lane="0123456789abcdef", tier=1, source=source)
        folder = self.worker.folder
        return Site(
            role="home", name="home", folder=folder, keys=folder, state=folder,
            kafka=Broker(bootstrap=self.bootstrap, username=None, password=None, replicas=1), connect=None, link=None,
            postgres=None, metrics=Metrics(forward=0, pulse=0, receive=0), registers={self.name: register},
        )  # fmt: skip

    def connect(self) -> psycopg.Connection:
        """A superuser's connection to the register, not in autocommit."""
        return psycopg.connect(self.server.dsn(self.name))

    def execute(self, *statements: LiteralString) -> None:
        """Run statements, each in a transaction of its own."""
        with psycopg.connect(self.server.dsn(self.name), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def apply(self) -> None:
        """What `connector apply` does."""
        wanted = plan(self.site, self.name)
        ensure_topics(self.site.kafka, wanted.topics)
        with ConnectClient(self.worker.url) as client:
            client.put(wanted.name, wanted.config)

    def remove(self) -> None:
        """Delete the connector."""
        with ConnectClient(self.worker.url) as client:
            client.remove(plan(self.site, self.name).name)

    def status(self) -> ConnectorStatus:
        """The connector's state."""
        with ConnectClient(self.worker.url) as client:
            return client.status(plan(self.site, self.name).name)

    def wait_for(self, state: str) -> ConnectorStatus:
        """Wait until the connector is in this state."""
        wait_until(lambda: self.status().state == state, seconds=RUN_SECONDS_MAX, what=f"{self.name} is {state}")
        return self.status()

    def beat(self) -> int:
        """Commit a beat and return its number: once it is in the topic, so is all before it."""
        with self.connect() as connection:
            row = connection.execute("UPDATE data_embassy.pulse SET beat = beat + 1 RETURNING beat").fetchone()
        assert row is not None
        return int(row[0])

    def topic(self) -> list[tuple[bytes, bytes]]:
        """Everything in the home topic."""
        return list(read_topic(self.bootstrap, f"changes.{self.name}"))

    def end_offset(self) -> int:
        """Number of records in the home topic."""
        with closing(_consumer(self.bootstrap)) as consumer:
            return consumer.get_watermark_offsets(TopicPartition(f"changes.{self.name}", 0), timeout=30)[1]

    def assemble(self) -> Assembler:
        """Assemble the topic until it holds the newest beat."""
        beat = str(self.beat())
        assembled: list[Assembler] = []

        def is_level() -> bool:
            assembler = Assembler({**self.keys, ("data_embassy", "pulse"): ("id",)})
            assembler.read(self.topic())
            assembled[:] = [assembler]
            return ("1", beat) in assembler.rows(("data_embassy", "pulse"))

        wait_until(is_level, seconds=RUN_SECONDS_MAX, what="the newest beat is in the home topic")
        return assembled[0]

    def rows(self, relation: Relation) -> Counter[Row]:
        """The register's rows as PostgreSQL's text under the pinned settings."""
        with self.connect() as connection:
            for name, value in PINNED_SETTINGS.items():
                connection.execute(sql.SQL("SELECT set_config({}, {}, false)").format(name, value))
            cursor = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(*relation)))
            result = cursor.pgresult
            assert result is not None
            found = Counter[Row]()
            for number in range(result.ntuples):
                raw = (result.get_value(number, column) for column in range(result.nfields))
                found[tuple(None if text is None else text.decode() for text in raw)] += 1
            return found


def make_register(
    name: str, worker: ConnectWorker, server: PlainPostgres, *, tables: LiteralString, keys: Keys
) -> CapturedRegister:
    """Make the database, its tables, publication and slot; the connector is not applied yet."""
    secret = worker.secrets / "capture"
    write_private(secret, "capture-password\n")
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'test_capture'").fetchone():
            connection.execute("CREATE ROLE test_capture LOGIN REPLICATION PASSWORD 'capture-password'")
            connection.execute("GRANT pg_monitor TO test_capture")
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    register = CapturedRegister(name=name, server=server, bootstrap=worker.bootstrap, worker=worker, keys=dict(keys))
    register.execute(tables, _SCRIPT)
    with register.connect() as connection:
        connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [f"slot_{name}"])
    register.execute("INSERT INTO data_embassy.pulse VALUES (1, 0)")
    return register


def read_topic(bootstrap: str, topic: str) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a topic with one partition, from its beginning to its present end."""
    with closing(_consumer(bootstrap)) as consumer:
        partition = TopicPartition(topic, 0, 0)
        _, end = consumer.get_watermark_offsets(partition, timeout=30)
        consumer.assign([partition])
        offset = 0
        while offset < end:
            first = consumer.poll(1.0)  # A call for many waits until they are there or its time is over.
            for message in () if first is None else (first, *consumer.consume(10_000, timeout=0)):
                if message.error() is not None:
                    raise RuntimeError(str(message.error()))
                key, value, offset = message.key(), message.value(), (message.offset() or 0) + 1
                assert key is not None
                assert value is not None
                yield key, value


def _consumer(bootstrap: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "test",
            "enable.auto.commit": False,
            "enable.partition.eof": False,
            "fetch.message.max.bytes": 100_000_000,
            "receive.message.max.bytes": 200_000_000,
        }
    )
