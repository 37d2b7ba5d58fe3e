"""A register prepared by the real script, its snapshot records and their load."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Consumer, TopicPartition
from psycopg import sql

from connectors.prepare import prepare_sql
from consumers.load import GenerationLoader, LoadProgress, open_generation
from data_embassy.config import Broker, Metrics, PasswordFile, Postgres, Register, Site, Source
from data_embassy.postgres import PINNED_SETTINGS, Connection, connect
from deploy.local.machine import write_private
from schemas.records import RecordKey, decode
from tests.support.system import PlainPostgres

Record = tuple[RecordKey, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRegister:
    """A register at home, alone at its site."""

    site: Site
    register: Register
    server: PlainPostgres

    def connect(self, *, user: str | None = None) -> psycopg.Connection[tuple[Any, ...]]:
        """An autocommitting connection of the superuser, or of a role without password checks."""
        connection = psycopg.connect(self.server.dsn(self.register.name), autocommit=True)
        if user is not None:
            connection.execute(sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(user)))
        return connection

    def run(self, script: str) -> None:
        """Run a script as superuser."""
        with self.connect() as connection:
            connection.execute(script.encode())

    def query(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query by the superuser."""
        with self.connect() as connection:
            return connection.execute(query.encode()).fetchall()


@contextmanager
def prepared_register(
    server: PlainPostgres, folder: Path, *, bootstrap: str = "127.0.0.1:1", schema: str = ""
) -> Iterator[PreparedRegister]:
    """A database of its own, filled by `schema`, then prepared; dropped with its slot at the end."""
    name = f"r{secrets.token_hex(6)}"
    access = {}
    for who in ("capture", "pulse"):
        write_private(folder / who, f"secret-{who}")
        access[who] = Postgres(
            host=server.host, port=server.port, database=name, user=f"data_embassy_{who}",
            password=PasswordFile(path=folder / who),
        )  # fmt: skip
    source = Source(
        capture=access["capture"], pulse=access["pulse"], slot=f"data_embassy_{name}", publication="data_embassy"
    )
    register = Register(name=name, lane="0123456789abcdef", tier=1, source=source)
    site = Site(
        role="home", name="home", folder=folder, keys=folder, state=folder / "state",
        kafka=Broker(bootstrap=bootstrap, username=None, password=None, replicas=1),
        connect=None, link=None, postgres=None,
        metrics=Metrics(forward=0, pulse=0, receive=0), registers={name: register},
    )  # fmt: skip
    with psycopg.connect(server.dsn(), autocommit=True) as control:
        control.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        one = PreparedRegister(site=site, register=register, server=server)
        try:
            if schema:
                one.run(schema)
            one.run(prepare_sql(register))
            for who in ("capture", "pulse"):
                one.run(f"ALTER ROLE data_embassy_{who} PASSWORD 'secret-{who}'")
            yield one
        finally:
            control.execute(
                "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = %s AND active",
                (name,),
            )
            for (slot,) in control.execute(
                "SELECT slot_name FROM pg_replication_slots WHERE database = %s AND NOT temporary", (name,)
            ).fetchall():
                control.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
            control.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def records(bootstrap: str, topic: str) -> list[Record]:
    """Everything that stands in a topic now, offsets checked to be contiguous."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "x", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    )
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=20)
        consumer.assign([TopicPartition(topic, 0, low)])
        found: list[Record] = []
        while len(found) < high - low:
            message = consumer.poll(20)
            assert message is not None
            assert message.error() is None
            key, value = message.key(), message.value()
            assert message.offset() == low + len(found)
            assert isinstance(key, bytes)
            assert isinstance(value, bytes)
            found.append((RecordKey.unpack(key), value))
        return found
    finally:
        consumer.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standby:
    """A database that a load fills."""

    server: PlainPostgres
    database: str
    password: PasswordFile

    def connect(self, database: str | None = None, *, autocommit: bool = False) -> Connection:
        """A connection with the pinned settings."""
        target = Postgres(
            host=self.server.host, port=self.server.port, database=database or self.database, user=self.server.user,
            password=self.password,
        )  # fmt: skip
        return connect(target, application_name="test load", autocommit=autocommit)

    def open(self, record: Record) -> bool:
        """Make the generation's database for a SnapshotBegin."""
        with self.connect("postgres", autocommit=True) as control:
            return open_generation(
                control, self.connect, database=self.database, key=record[0], begin=decode(record[1])[1]
            )

    def load(self, found: list[Record], *, batch: int = 7) -> LoadProgress:
        """Open and load, `batch` records per transaction."""
        self.open(found[0])
        with self.connect() as connection:
            for start in range(0, len(found), batch):
                GenerationLoader(connection).take(found[start : start + batch])
                connection.commit()
            return GenerationLoader(connection).progress


@contextmanager
def standby(server: PlainPostgres, folder: Path) -> Iterator[Standby]:
    """A name for a generation's database; dropped at the end."""
    write_private(folder / "superuser", server.password)
    one = Standby(
        server=server, database=f"s{secrets.token_hex(6)}_g1", password=PasswordFile(path=folder / "superuser")
    )
    try:
        yield one
    finally:
        with psycopg.connect(server.dsn(), autocommit=True) as control:
            control.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(one.database)))


def contents(dsn: str, *, without: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Every row of every logged table as text, sorted; `without` names tables that move on their own."""
    with psycopg.connect(dsn) as connection:
        for name, value in PINNED_SETTINGS.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        names = [
            (row[0], row[1])
            for row in connection.execute(
                "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                "WHERE c.relkind IN ('r', 'm') AND c.relpersistence = 'p' AND c.relispopulated "
                "AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'embassy_local')"
            )
        ]
        return {
            f"{schema}.{name}": sorted(
                row[0]
                for row in connection.execute(
                    sql.SQL("SELECT t::text FROM ONLY {} t").format(sql.Identifier(schema, name))
                )
            )
            for schema, name in names
            if f"{schema}.{name}" not in without
        }


def write_site(one: PreparedRegister, folder: Path) -> None:
    """The register's site as the folder that a process of its own reads."""
    (folder / "registers").mkdir(parents=True, exist_ok=True)
    (folder / "site.toml").write_text(
        '[site]\nrole = "home"\nname = "home"\n'
        f'[kafka]\nbootstrap = "{one.site.kafka.bootstrap}"\nreplicas = 1\n'
        '[connect]\nurl = "http://127.0.0.1:1"\n'
        '[link]\nbootstrap = "127.0.0.1:1"\n'
    )
    for who in ("capture", "pulse"):
        write_private(folder / who, f"secret-{who}")
    (folder / "registers" / f"{one.register.name}.toml").write_text(
        f'lane = "{one.register.lane}"\ntier = 1\n[source]\nhost = "{one.server.host}"\nport = {one.server.port}\n'
        f'database = "{one.register.name}"\ncapture_password_file = "capture"\npulse_password_file = "pulse"\n'
    )
