"""Home's snapshot and the embassy's load in one process, without a broker: what is written is loaded at once."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest

from consumers import standby
from consumers.bases import StandbyBases
from consumers.beginnings import GenerationBegan
from consumers.control import Control
from consumers.load import Base, GenerationLoader, open_generation
from consumers.position import StandbyPosition
from consumers.verify.asked import Asker
from consumers.verify.hold import Question
from data_embassy.config import PasswordFile, Postgres, Register
from data_embassy.envelope.answer import KEY_BYTES, AnswerReader, Place
from data_embassy.postgres import Connection
from data_embassy.types import Lsn
from deploy.local.machine import write_private
from pipelines.snapshot import Options, take, take_snapshot
from pipelines.snapshot.words import Taken
from schemas.records import ORIGIN_SNAPSHOT, RecordKey, decode, encode
from tests.support.prepared_register import PreparedRegister

Record = tuple[RecordKey, bytes]


@dataclass
class Answer:
    place: Place
    content: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.content["kind"])


@dataclass
class Heard:
    """Both ends of the receipts topic."""

    reader: AnswerReader = field(
        default_factory=lambda: AnswerReader(key=bytes(KEY_BYTES), lane="", verification=secrets.token_hex(8))
    )
    heard_at: float = 0.0
    _answers: list[Answer] = field(default_factory=list)
    _number: int = 0

    def start(self) -> None:
        self._answers.clear()

    def poll(self) -> list[Answer]:
        found, self._answers = self._answers, []
        self.heard_at = self.clock() if found else self.heard_at
        return found

    def clock(self) -> float:
        return time.monotonic()

    def send(self, question: Question, part: int, content: Mapping[str, Any]) -> None:
        self._number += 1
        place = Place(verification=question.verification, attempt=question.attempt, part=part, message=self._number)
        self._answers.append(Answer(place, content))

    def keep(self, verification: str, report: Mapping[str, Any]) -> None:
        raise AssertionError


class DirectHealing:
    """A register at home and its generations at the embassy, on one server."""

    def __init__(self, home: PreparedRegister, folder: Path) -> None:
        self.home = home
        write_private(folder / "superuser", home.server.password)
        self.postgres = Postgres(
            host=home.server.host, port=home.server.port, database=f"c{secrets.token_hex(5)}", user=home.server.user,
            password=PasswordFile(path=folder / "superuser"),
        )  # fmt: skip
        self.register: Register = replace(home.register, name=f"h{secrets.token_hex(5)}")
        self.records: list[Record] = []
        self.heard = Heard()
        self.before_answer: Callable[[], None] = lambda: None
        self.builds: list[Base] = []

    def database(self, generation: int) -> str:
        return f"{self.register.name}_g{generation}"

    # -- home ------------------------------------------------------------------------------------------------------

    def take(self, patch: pytest.MonkeyPatch, *, is_differing: bool = True) -> Taken:
        """Take the next generation and load it as it is written."""
        patch.setattr(take, "ensure_topics", lambda *_: None)
        patch.setattr(take, "RecordWriter", lambda _broker, _topic, run: Wire(self, run))
        is_first = not self.records
        return take_snapshot(
            self.home.site,
            self.register,
            report=lambda _: None,
            options=Options(after_generation=0 if is_first else None, silence_seconds_max=2),
            answers=self.heard if is_differing else None,
        )

    # -- embassy ---------------------------------------------------------------------------------------------------

    def load(self, found: list[Record], *, asked: bool = True) -> None:
        """Load records of one attempt in one transaction, and make it live at its end."""
        generation = found[0][0].run >> 32
        database = self.database(generation)
        with closing(Control.open(self.postgres, role="test")) as control:
            if found[0][0].n == 1:
                open_generation(
                    control.connection, self.connect, database=database, key=found[0][0], begin=decode(found[0][1])[1]
                )
            with closing(self.connect(database)) as connection, closing(self.bases(database, asked=asked)) as bases:
                loader = GenerationLoader(connection, bases)
                progress = loader.take(found)
                if progress.is_complete:
                    self._finish(connection, progress.run, int(progress.consistent_point or 0))
                connection.commit()
            if progress.is_complete:
                self._make_live(control, database, found[0][0].run)

    def bases(self, database: str, *, asked: bool) -> StandbyBases:
        def build(base: Base, _database: str) -> None:
            self.builds.append(base)
            raise AssertionError(f"the live standby is not at {base}")

        return StandbyBases(
            postgres=self.postgres,
            register=self.register.name,
            own_database=database,
            asker=Asker(self.heard) if asked else None,
            build=build,
        )

    def connect(self, database: str) -> Connection:
        return standby.open_session(self.postgres, database, role="test")

    def _finish(self, connection: Connection, run: int, point: int) -> None:
        standby.prepare(connection)
        standby.insert_position(
            connection,
            StandbyPosition(
                generation=run >> 32, attempt=run & 0xFFFFFFFF, incarnation=1, home_offset=0, lane_offset=0,
                system_identifier="1", timeline=1, last_end=point,
            ),
        )  # fmt: skip

    def _make_live(self, control: Control, database: str, run: int) -> None:
        for one in control.standbys(self.register.name):
            control.remove(self.register.name, one.database)
        began = GenerationBegan(run=run, incarnation=1, home_offset=0, lane_offset=0, value=b"")
        control.add(self.register.name, database, began, state="live")

    def apply(self, generation: int, script: str) -> None:
        """The base went on behind its point: something is applied, and its position moves."""
        with closing(self.connect(self.database(generation))) as connection:
            connection.execute(script.encode())
            connection.execute("UPDATE embassy_local.position SET last_end = %s", (str(Lsn(1 << 50)),))
            connection.commit()

    def drop(self) -> None:
        with psycopg.connect(self.home.server.dsn(), autocommit=True) as control:
            for (name,) in control.execute(
                "SELECT datname FROM pg_database WHERE datname LIKE %s OR datname = %s",
                (f"{self.register.name}%", self.postgres.database),
            ).fetchall():
                control.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


class Wire:
    """Stands for the home topic, the lane and the receiver."""

    def __init__(self, healing: DirectHealing, run: int) -> None:
        self._healing, self._run = healing, run
        self._n = 0
        self._pending: list[Record] = []

    def write(self, name: str, record: dict[str, Any]) -> None:
        self._n += 1
        self._pending.append((RecordKey(ORIGIN_SNAPSHOT, self._run, self._n), encode(name, record)))

    def wait(self) -> None:
        pending, self._pending = self._pending, []
        self._healing.records += pending
        if pending:
            if decode(pending[-1][1])[0] == "SnapshotQuestion":
                self._healing.before_answer()
            self._healing.load(pending)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


@contextmanager
def direct_healing(home: PreparedRegister, folder: Path) -> Iterator[DirectHealing]:
    """Dropped at the end."""
    with ExitStack() as stack:
        one = DirectHealing(home, folder)
        stack.callback(one.drop)
        yield one
