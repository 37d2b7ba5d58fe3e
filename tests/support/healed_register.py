"""A register whose slot is lost, its lane and its embassy: home's real snapshot, the real receiver, no capture."""

from __future__ import annotations

import os
import secrets
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
from confluent_kafka import Consumer, TopicPartition

from consumers.receipts import receipt_producer
from consumers.supervise import RegisterReceiver, Surroundings
from consumers.verify.answers import AnswerSender, patient_sender
from data_embassy.config import Register
from data_embassy.envelope.answer import KEY_BYTES, AnswerReader
from data_embassy.kafka import client_settings, ensure_topics, home_topics
from operations.verify.answerlog import AnswerLog
from pipelines.logs import LogReader
from pipelines.snapshot import Options, take_snapshot
from pipelines.snapshot.words import Progress, Taken
from schemas.records import decode
from tests.support.prepared_register import PreparedRegister, contents, prepared_register, records
from tests.support.receiving import Embassy, Link, new_embassy, wait_for
from tests.support.system import PlainPostgres


class Pump(threading.Thread):
    """Seals what stands in the home topic onto the lane, as the forwarder does."""

    def __init__(self, link: Link) -> None:
        super().__init__(daemon=True)
        self._link = link
        self._ending = threading.Event()

    def run(self) -> None:
        link = self._link
        settings = {"group.id": "x", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
        consumer = Consumer(client_settings(link.embassy.broker) | settings)
        consumer.assign([TopicPartition(link.register.changes_topic, 0, 0)])
        with closing(consumer):
            while not self._ending.is_set():
                first = consumer.poll(0.1)
                if first is None or first.error() is not None:
                    continue
                for message in (first, *consumer.consume(500, 0)):
                    link.source.log.append((message.key() or b"", message.value() or b""))
                link.send(size=4)

    def end(self) -> None:
        self._ending.set()
        self.join(20)


@dataclass
class HealedRegister:
    """Home's real side and the embassy's, on one server and one broker."""

    home: PreparedRegister
    embassy: Embassy
    register: Register
    link: Link = field(init=False)
    told: list[Progress] = field(default_factory=list)

    def __post_init__(self) -> None:
        ensure_topics(self.embassy.broker, home_topics(self.register))
        self.link = Link(self.embassy, self.register)

    @property
    def surroundings(self) -> Surroundings:
        """The embassy's, with a voice for answers."""
        producer = receipt_producer(self.embassy.broker)
        return replace(
            self.embassy.surroundings(),
            answers=lambda register: AnswerSender(
                register=register.name,
                lane=register.lane,
                keys=self.embassy.sites.embassy,
                state=self.embassy.folder / "state",
                send=patient_sender(producer, register.receipts_topic),
            ),
        )

    def snapshot(self) -> Taken:
        """A generation with every row."""
        return take_snapshot(self.home.site, self.register, report=self.told.append)

    def heal(self, *, silence_seconds_max: float = 30.0) -> Taken:
        """A generation with what differs."""
        with closing(LogReader(client_settings(self.embassy.broker), self.register.receipts_topic)) as topic:
            answers = AnswerLog(
                topic=topic,
                keys=self.embassy.sites.home,
                lane=self.register.lane,
                reader=AnswerReader(key=os.urandom(KEY_BYTES), lane=self.register.lane, verification=str(uuid.uuid4())),
                clock=time.monotonic,
            )
            options = Options(silence_seconds_max=silence_seconds_max)
            return take_snapshot(
                self.home.site, self.register, report=self.told.append, options=options, answers=answers
            )

    def bytes_of(self, generation: int) -> int:
        """Size of all snapshot records of a generation in the home topic."""
        return sum(
            len(value)
            for key, value in records(self.embassy.bootstrap, self.register.changes_topic)
            if key.run >> 32 == generation
        )

    def names_of(self, generation: int) -> list[str]:
        """Names of its records, in order."""
        return [
            decode(value)[0]
            for key, value in records(self.embassy.bootstrap, self.register.changes_topic)
            if key.run >> 32 == generation
        ]

    def source(self) -> dict[str, list[str]]:
        """Every row of the register as text."""
        return contents(self.home.server.dsn(self.home.register.name))

    def standby(self, database: str | None = None) -> dict[str, list[str]]:
        """Every row of the standby as text."""
        return contents(self.embassy.server.dsn(database or self.register.name))

    def sequences(self, database: str) -> list[tuple[object, ...]]:
        """States of all sequences of a database."""
        with psycopg.connect(self.embassy.server.dsn(database)) as connection:
            query = (
                "SELECT schemaname, sequencename, last_value FROM pg_sequences WHERE schemaname <> 'embassy_local'"
                " ORDER BY 1, 2"
            )
            return connection.execute(query).fetchall()

    def generation(self) -> int | None:
        """Generation of the live standby."""
        with suppress(psycopg.Error), psycopg.connect(self.embassy.server.dsn(self.register.name)) as connection:
            row = connection.execute("SELECT generation FROM embassy_local.position").fetchone()
            return None if row is None else int(row[0])
        return None

    def wait_live(self, generation: int, *, seconds: float = 60) -> None:
        """Wait until a generation is the live standby."""
        wait_for(lambda: self.generation() == generation, seconds=seconds, what=f"generation {generation} live")

    @contextmanager
    def receiving(self) -> Iterator[RegisterReceiver]:
        """A receiver in this process, and what feeds its lane."""
        receiver, pump = RegisterReceiver(self.register, self.surroundings), Pump(self.link)
        with ExitStack() as stack:
            self.link.source.log.clear()
            self.link.sent = 0
            for thread in (pump, receiver):
                thread.start()
            stack.callback(pump.end)
            stack.callback(receiver.join, 20)
            stack.callback(receiver.stop)
            try:
                yield receiver
            except AssertionError as error:
                workers = receiver._workers.values()
                error.add_note(f"{receiver.crash!r} {[(w.phase, w.stopped, w.trouble, w.progress) for w in workers]}")
                raise
            if receiver.crash is not None:
                raise receiver.crash


@contextmanager
def healed_register(server: PlainPostgres, bootstrap: str, folder: Path, *, schema: str) -> Iterator[HealedRegister]:
    """A register with its embassy; nothing runs yet."""
    with prepared_register(server, folder, bootstrap=bootstrap, schema=schema) as home:
        register = replace(home.register, name=f"h{secrets.token_hex(5)}", lane=secrets.token_hex(8))
        yield HealedRegister(home, new_embassy(bootstrap, server, folder), register)
