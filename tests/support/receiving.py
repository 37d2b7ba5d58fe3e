"""A small embassy for tests: a lane on a real broker, a real server, a receiver in this process or in its own."""

from __future__ import annotations

import datetime as dt
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from confluent_kafka import Producer

from consumers.lane import KafkaLane
from consumers.receipts import ReceiptWriter, receipt_producer, sender
from consumers.stops import StopFiles
from consumers.supervise import RegisterReceiver, Surroundings
from consumers.telling import ToldFiles
from data_embassy.config import Broker, PasswordFile, Postgres, Register
from data_embassy.envelope import HomeSealer, LaneOpener
from data_embassy.kafka import ensure_topics, lane_topic_settings
from tests.support.sealing import Sites, make_sites
from tests.support.synthetic_register import SyntheticRegister, seal
from tests.support.system import PlainPostgres

WAIT_SECONDS_MAX = 20.0


ROLE = "standby_writer"


def make_role(server: PlainPostgres) -> None:
    """The role that a DBA makes for the receiver: no superuser (as in deploy/local/standbys.py)."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone():
            return
        connection.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB CREATEROLE PASSWORD '{ROLE}'")
        connection.execute(f"GRANT SET ON PARAMETER session_replication_role TO {ROLE}")
        connection.execute(f"GRANT pg_signal_backend, pg_checkpoint TO {ROLE}")


def wait_for(condition: Callable[[], bool], *, seconds: float = WAIT_SECONDS_MAX, what: str = "condition") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not so after {seconds:g} s")
        time.sleep(0.05)


@dataclass
class Embassy:
    """Addresses and keys of the small embassy."""

    bootstrap: str
    server: PlainPostgres
    folder: Path
    control: str
    sites: Sites = field(default_factory=make_sites)

    @property
    def broker(self) -> Broker:
        return Broker(bootstrap=self.bootstrap, username=None, password=None, replicas=1)

    @property
    def postgres(self) -> Postgres:
        password = self.folder / "postgres-password"
        if not password.exists():
            password.touch(mode=0o600)
            password.write_text(ROLE)
            make_role(self.server)
        return Postgres(
            host=self.server.host, port=self.server.port, database=self.control, user=ROLE,
            password=PasswordFile(path=password),
        )  # fmt: skip

    def surroundings(self) -> Surroundings:
        def topics(register: Register) -> None:
            settings = lane_topic_settings() | {"max.message.bytes": str(64 << 20)}
            ensure_topics(self.broker, {register.lane_topic: settings, register.receipts_topic: settings})

        producer = receipt_producer(self.broker)
        return Surroundings(
            postgres=self.postgres,
            ensure_topics=topics,
            open_lane=lambda register: KafkaLane(self.broker, register.lane_topic),
            new_opener=lambda register: LaneOpener(lane=register.lane, keys=self.sites.embassy),
            receipts=lambda register: ReceiptWriter(
                lane=register.lane, keys=self.sites.embassy, send=sender(producer, register.receipts_topic)
            ),
            stops=StopFiles(self.folder / "state"),
            now=lambda: dt.datetime.now(dt.UTC),
            is_paused=lambda name: (self.folder / "state" / "paused" / name).exists(),
            tell=ToldFiles(self.folder / "state").write,
        )


@dataclass
class Link:
    """One register's way: synthetic records, sealed and appended to a real lane."""

    embassy: Embassy
    register: Register
    source: SyntheticRegister = field(default_factory=SyntheticRegister)
    sent: int = 0
    lane_end: int = 0

    def __post_init__(self) -> None:
        self.embassy.surroundings().ensure_topics(self.register)
        self._producer = Producer({"bootstrap.servers": self.embassy.bootstrap, "message.max.bytes": 64 << 20})
        self.sealer = self.new_sealer()

    def new_sealer(self, incarnation: int = 1, sites: Sites | None = None, lane: str | None = None) -> HomeSealer:
        return HomeSealer(
            lane=lane or self.register.lane, keys=(sites or self.embassy.sites).home, incarnation=incarnation
        )

    def send(self, *, size: int = 50) -> None:
        """Seal and append what was not sent yet."""
        last = len(self.source.log)
        self.append(*seal(
            self.sealer, self.source.log, first=self.sent, last=last, lane_end=self.lane_end, size=size
        ))  # fmt: skip
        self.sent = last

    def append(self, *envelopes: bytes) -> None:
        """Append raw messages to the lane."""
        for envelope in envelopes:
            self._producer.produce(self.register.lane_topic, envelope, partition=0)
        assert self._producer.flush(20) == 0
        self.lane_end += len(envelopes)

    def rows(self, database: str | None = None) -> dict[int, str | None]:
        """What the standby holds."""
        with psycopg.connect(self.embassy.server.dsn(database or self.register.name)) as connection:
            return dict(connection.execute("SELECT id, name FROM public.person").fetchall())

    def is_equal(self) -> bool:
        try:
            return self.rows() == self.source.rows
        except psycopg.Error:
            return False

    def wait_equal(self) -> None:
        wait_for(self.is_equal, what=f"{self.register.name} equal")


def new_embassy(bootstrap: str, server: PlainPostgres, folder: Path) -> Embassy:
    return Embassy(bootstrap=bootstrap, server=server, folder=folder, control=f"control_{secrets.token_hex(4)}")


def new_link(embassy: Embassy) -> Link:
    name = f"r{secrets.token_hex(4)}"
    return Link(embassy, Register(name=name, lane=secrets.token_hex(8), tier=1, source=None))


def describe(receiver: RegisterReceiver) -> str:
    """What its workers do, for a failed test's message."""
    lines = [f"{receiver.name}: crash {receiver.crash!r}"]
    lines += [
        f"{database}: {worker.phase} crash {worker.crash!r} stopped {worker.stopped} trouble {worker.trouble!r}"
        f" position {worker.position} progress {worker.progress}"
        for database, worker in receiver._workers.items()
    ]
    return "\n".join(lines)


@contextmanager
def receiving(*links: Link) -> Iterator[list[RegisterReceiver]]:
    """Receivers of these registers in this process."""
    receivers = [RegisterReceiver(link.register, link.embassy.surroundings()) for link in links]
    for receiver in receivers:
        receiver.start()
    try:
        try:
            yield receivers
        except AssertionError as error:
            for receiver in receivers:
                error.add_note(describe(receiver))
            raise
        for receiver in receivers:
            if receiver.crash is not None:
                raise receiver.crash
    finally:
        for receiver in receivers:
            receiver.stop()
        for receiver in receivers:
            receiver.join(20)


def receiver_process(link: Link, *, failpoint: str | None = None) -> subprocess.Popen[bytes]:
    """A receiver in a process of its own, which a failpoint may end."""
    environment = os.environ | ({} if failpoint is None else {"EMBASSY_FAILPOINT": failpoint})
    embassy = link.embassy
    arguments = [
        embassy.bootstrap, embassy.server.host, str(embassy.server.port), embassy.server.user,
        embassy.server.password, str(embassy.folder), embassy.control, link.register.name, link.register.lane,
    ]  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.receiver_process", *arguments], env=environment, cwd=Path.cwd()
    )
