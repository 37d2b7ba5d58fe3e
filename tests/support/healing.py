"""A register whose slot is lost: home's real snapshot and the real receiver, lane and receipts in memory."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
from psycopg import sql

from consumers.supervise import RegisterReceiver, Surroundings
from consumers.verify.answers import AnswerSender
from data_embassy.config import Register
from operations.verify.answerlog import new_answers
from pipelines.snapshot import Options, take, take_snapshot
from pipelines.snapshot.words import Taken
from schemas.records import ORIGIN_SNAPSHOT, RecordKey, decode, encode
from tests.support.memory_lane import MemoryEmbassy, MemoryLink
from tests.support.prepared_register import PreparedRegister, contents, prepared_register
from tests.support.receiving import describe, wait_for
from tests.support.system import PlainPostgres
from tests.unit.test_forward_beside import MemoryReceipts

ENVELOPE_RECORDS = 6
WAIT_SECONDS = 240.0


class HealingEmbassy(MemoryEmbassy):
    """It answers home's questions."""

    def surroundings(self) -> Surroundings:
        return dataclasses.replace(
            super().surroundings(),
            answers=lambda register: AnswerSender(
                register=register.name,
                lane=register.lane,
                keys=self.sites.embassy,
                state=self.folder / "state",
                send=self.receipts.setdefault(register.lane, []).append,
            ),
        )


class Healing:
    """A register at home, its lane, its standby."""

    def __init__(self, home: PreparedRegister, embassy: HealingEmbassy) -> None:
        self.home, self.embassy = home, embassy
        self.register: Register = dataclasses.replace(
            home.register, name=f"h{secrets.token_hex(5)}", lane=secrets.token_hex(8)
        )
        self.link = MemoryLink(embassy, self.register)
        self.asked = 0
        self.on_question: dict[int, Callable[[], None]] = {}
        """What happens before home's question of this number is on the lane."""
        self.receiver: RegisterReceiver | None = None

    # -- home ------------------------------------------------------------------------------------------------------

    def take(self, *, is_differing: bool, silence_seconds_max: float = 60.0) -> Taken:
        """Take the next generation."""
        topic = MemoryReceipts()
        topic.receipts = self.embassy.receipts.setdefault(self.register.lane, [])
        answers = new_answers(self.register, self.embassy.sites.home, topic)
        self.asked = 0
        return take_snapshot(
            self.home.site,
            self.register,
            report=lambda _: None,
            options=Options(
                after_generation=None if self.link.source.log else 0, silence_seconds_max=silence_seconds_max
            ),
            answers=answers if is_differing else None,
        )

    def records(self, generation: int) -> list[tuple[str, int]]:
        """Names and sizes of the snapshot records of a generation, in order."""
        found = []
        for raw, value in self.link.source.log:
            key = RecordKey.unpack(raw)
            if key.origin == ORIGIN_SNAPSHOT and key.run >> 32 == generation:
                found.append((decode(value)[0], len(value)))
        return found

    def bytes_of(self, generation: int) -> int:
        return sum(size for _, size in self.records(generation))

    def lane_bytes(self) -> int:
        """Size of all envelopes on the lane."""
        return sum(map(len, self.embassy.lanes[self.register.lane]))

    def receipt_bytes(self) -> int:
        """Size of all receipts."""
        return sum(map(len, self.embassy.receipts[self.register.lane]))

    # -- embassy ---------------------------------------------------------------------------------------------------

    def start(self) -> RegisterReceiver:
        self.receiver = RegisterReceiver(self.register, self.embassy.surroundings())
        self.receiver.start()
        return self.receiver

    def stop(self) -> None:
        if self.receiver is not None:
            self.receiver.stop()
            self.receiver.join(60)
            crash, self.receiver = self.receiver.crash, None
            if crash is not None:
                raise crash

    def stops(self) -> list[str]:
        return [stop.cause for stop in self.embassy.surroundings().stops.read(self.register.name)]

    def standby(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the live standby; none where there is no such thing."""
        with suppress(psycopg.Error), psycopg.connect(self.embassy.server.dsn(self.register.name)) as connection:
            return connection.execute(query.encode()).fetchall()
        return []

    def wait_live(self, generation: int) -> None:
        query = "SELECT generation FROM embassy_local.position"
        self.wait(lambda: self.standby(query) == [(generation,)], f"generation {generation} live")

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        try:
            wait_for(condition, seconds=WAIT_SECONDS, what=what)
        except AssertionError as error:
            if self.receiver is not None:
                error.add_note(describe(self.receiver))
            raise

    def edit(self, script: str) -> None:
        """Somebody with too many rights at the embassy."""
        with psycopg.connect(self.embassy.server.dsn(self.register.name), autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica; SET default_transaction_read_only = off")
            connection.execute(script.encode())

    def end_sessions(self) -> None:
        """Every session of the receiver ends, as with its server."""
        with psycopg.connect(self.embassy.server.dsn(), autocommit=True) as control:
            control.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE %s OR datname = %s",
                (f"{self.register.name}%", self.embassy.control),
            )

    def databases(self) -> set[str]:
        with psycopg.connect(self.embassy.server.dsn()) as connection:
            query = "SELECT datname FROM pg_database WHERE datname LIKE %s"
            return {row[0] for row in connection.execute(query, (f"{self.register.name}%",))}

    def drop_standbys(self) -> None:
        with psycopg.connect(self.embassy.server.dsn(), autocommit=True) as control:
            for name in (*self.databases(), self.embassy.control):
                control.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    # -- both --------------------------------------------------------------------------------------------------------

    def assert_equal(self) -> None:
        """Every row of every table, and every sequence."""
        names = self.home.register.name, self.register.name
        here, there = (contents(self.home.server.dsn(name)) for name in names)
        assert here.keys() == there.keys()
        assert [name for name in here if here[name] != there[name]] == []
        query = "SELECT schemaname, sequencename, last_value FROM pg_sequences WHERE schemaname <> 'embassy_local'"
        assert sorted(self.home.query(query), key=str) == sorted(self.standby(query), key=str)


class Wire:
    """Stands for the home topic and the forwarder: what home writes stands on the lane when it waits for it."""

    def __init__(self, healing: Healing, run: int) -> None:
        self._healing, self._run = healing, run
        self._n = 0

    def write(self, name: str, record: dict[str, Any]) -> None:
        one = self._healing
        if name == "SnapshotQuestion":
            one.asked += 1
            one.on_question.pop(one.asked, lambda: None)()
        self._n += 1
        one.link.source.append(ORIGIN_SNAPSHOT, self._run, self._n, encode(name, record))

    def wait(self) -> None:
        self._healing.link.send(size=ENVELOPE_RECORDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


@contextmanager
def healing(
    server: PlainPostgres, folder: Path, patch: pytest.MonkeyPatch, *, schema: str, is_begun: bool = True
) -> Iterator[Healing]:
    """A register whose first generation, if it is begun, is live; everything is dropped at the end."""
    embassy = HealingEmbassy(bootstrap="127.0.0.1:1", server=server, folder=folder, control=f"c_{secrets.token_hex(4)}")
    with prepared_register(server, folder, schema=schema) as home, ExitStack() as stack:
        one = Healing(home, embassy)
        patch.setattr(take, "ensure_topics", lambda *_: None)
        patch.setattr(take, "RecordWriter", lambda _broker, _topic, run: Wire(one, run))
        stack.callback(one.drop_standbys)
        stack.callback(one.stop)
        if is_begun:
            one.start()
            one.take(is_differing=False)
            one.wait_live(1)
        yield one
