"""The embassy's witness of one attempt: sees the standby exactly at the point, and answers while the applier goes on.

Steps, each an answer to home:
(1) `begin`, called by the applier while it stands at the point: a snapshot of its own, and the sequences' states;
(2) reached: position, how long the applier paused, sequences;
(3) every definition;
(4) every table's rows and digest, some at a time;
(5) questions of part 3 and above, read from the standby itself, until one ends the verification or none comes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

import psycopg
from psycopg import sql

from consumers.position import StandbyPosition
from consumers.verify.hold import POINT_PART, Question
from data_embassy import log
from data_embassy.errors import DataEmbassyError
from data_embassy.postgres import Connection
from data_embassy.types import Lsn
from schemas.content import Content, Moved, Name, begin_snapshot, live_sequences
from schemas.digest import Algorithm
from schemas.ranges import parse_cut

BEAT_SECONDS: Final = 3.0
"""Home takes a longer silence for a witness that died."""
IDLE_SECONDS_MAX: Final = 600.0
"""Without a question for so long the snapshot is given back: it keeps VACUUM from cleaning up."""
_POLL_SECONDS: Final = 0.1
_TABLES_PER_ANSWER: Final = 50
_HELD: Final = "held"
_HOLD: Final = sql.SQL("LOCK TABLE ONLY {} IN ACCESS SHARE MODE")
_QUESTIONS: Final = (
    "SELECT id::text, attempt::text, part::text, consistent_point::text, question, answer_key"
    " FROM data_embassy.checkpoint WHERE id = %s AND attempt = %s AND part > %s ORDER BY part"
)
_COLUMNS: Final = ("id", "attempt", "part", "consistent_point", "question", "answer_key")
_BROKEN: Final = (psycopg.pq.TransactionStatus.INERROR, psycopg.pq.TransactionStatus.UNKNOWN)
_log = log.get("verify")


class Answers(Protocol):
    """Sends an answer home; `done` keeps the report that home made."""

    def send(self, question: Question, part: int, content: Mapping[str, Any]) -> None: ...  # noqa: D102

    def keep(self, verification: str, report: Mapping[str, Any]) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Where the standby stood when it was seen."""

    position: StandbyPosition
    point: int
    paused_seconds: float


class Witness(threading.Thread):
    """Sees and answers for one attempt."""

    def __init__(self, connect: Callable[[], Connection], answers: Answers, question: Question) -> None:
        """Connect at once, so that the pause is short; raises TransportError."""
        super().__init__(name=f"witness-{question.verification[:8]}", daemon=True)
        self._question, self._answers = question, answers
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._told_at = 0.0
        self._under = connect()
        try:
            self._look = connect()
        except BaseException:
            self._under.close()
            raise
        self._reached: Reached | None = None
        self._point: Question | None = None
        self._sequences: dict[Name, tuple[int, bool]] = {}

    def begin(self, point: Question) -> None:
        """(1) Take the snapshot; the caller makes sure that nobody writes meanwhile. Raises psycopg.Error."""
        begin_snapshot(self._under)
        self._under.execute("SELECT 1")
        self._point = point
        self._under.execute(f"SAVEPOINT {_HELD}".encode())
        for name in _names(point.content.get("hold")):
            with suppress(psycopg.errors.UndefinedTable), self._under.transaction():
                self._under.execute(_HOLD.format(sql.Identifier(*name)))
        self._sequences = live_sequences(self._look)

    def go(self, reached: Reached) -> None:
        """The applier goes on; the rest is this thread's."""
        self._reached = reached
        self.start()

    def stop(self) -> None:
        """End soon; the answers that are owed stay owed."""
        self._stopping.set()
        with suppress(psycopg.Error):
            self._under.cancel_safe(timeout=2.0)

    @property
    def is_lost(self) -> bool:
        """True when its own sessions broke: the applier's did not."""
        return self._under.info.transaction_status in _BROKEN or self._look.info.transaction_status in _BROKEN

    def close(self) -> None:
        """Give up before it began."""
        self._under.close()
        self._look.close()

    def run(self) -> None:
        """Thread body."""
        beating = threading.Thread(target=self._beat, name=f"{self.name}-beat", daemon=True)
        beating.start()
        try:
            with closing(self._under), closing(self._look):
                self._witness()
        except _Ended:
            pass
        except (psycopg.Error, DataEmbassyError) as error:
            self._fail(type(error).__name__)
        except Exception as error:  # noqa: BLE001 (a proof that fails is no reason to stop the register)
            self._fail(type(error).__name__)
        finally:
            self._stopping.set()
            beating.join()

    def _fail(self, cause: str) -> None:
        # Texts of PostgreSQL may quote values: only the kind is told.
        _log.warning("verification failed", cause=cause)
        if not self._stopping.is_set():
            self._tell(POINT_PART, {"kind": "failed", "cause": cause})

    def _witness(self) -> None:
        reached, point = self._reached, self._point
        assert reached is not None
        assert point is not None
        content = Content(self._under, self._look)
        algorithm = Algorithm.between(
            self._under.info.server_version, int(point.content.get("server_version") or self._under.info.server_version)
        )
        self._tell(
            POINT_PART, _reached_answer(reached, self._sequences, algorithm, self._under.info.server_version)
        )  # (2)
        wanted = point.content.get("tables")
        if wanted is None or point.content.get("catalog"):
            self._tell(POINT_PART, _catalog_answer(content))  # (3)
        self._digest(content, algorithm, list(content.tables) if wanted is None else _names(wanted))  # (4)
        # The locks must not outlast the reading: the applier may wait for them, and every question comes behind it.
        self._under.execute(f"ROLLBACK TO SAVEPOINT {_HELD}".encode())
        self._tell(POINT_PART, {"kind": "done"})
        self._serve(content, algorithm)  # (5)

    def _digest(self, content: Content, algorithm: Algorithm, names: Sequence[Name]) -> None:
        gathered: list[list[Any]] = []
        told_at = time.monotonic()
        for name in names:
            if self._stopping.is_set():
                raise _Ended
            try:
                sums = content.digest(name, algorithm)
                gathered.append([*name, sums.rows, sums.digest])
            except Moved:
                gathered.append([*name, None, None])
            if len(gathered) >= _TABLES_PER_ANSWER or time.monotonic() - told_at > BEAT_SECONDS:
                self._tell(POINT_PART, {"kind": "tables", "tables": gathered})
                gathered, told_at = [], time.monotonic()
        self._tell(POINT_PART, {"kind": "tables", "tables": gathered})

    def _serve(self, content: Content, algorithm: Algorithm) -> None:
        answered = POINT_PART
        heard_at = time.monotonic()
        while time.monotonic() - heard_at < IDLE_SECONDS_MAX and not self._stopping.wait(_POLL_SECONDS):
            rows = self._look.execute(
                _QUESTIONS, (self._question.verification, self._question.attempt, answered)
            ).fetchall()
            for row in rows:
                question = Question.parse(dict(zip(_COLUMNS, row, strict=True)))
                if question is None:
                    continue
                answered, heard_at = question.part, time.monotonic()
                self._answer(question, content, algorithm)

    def _answer(self, question: Question, content: Content, algorithm: Algorithm) -> None:
        match question.content.get("kind"):
            case "ranges":
                self._tell(question.part, ranges_answer(question.content, content, algorithm))
            case "end":
                report = question.content.get("report")
                if isinstance(report, dict):
                    self._answers.keep(question.verification, report)
                self._tell(question.part, {"kind": "ended"})
                raise _Ended
            case _:
                self._tell(question.part, {"kind": "failed", "cause": "UnknownQuestion"})

    def _tell(self, part: int, content: Mapping[str, Any]) -> None:
        with self._lock:
            self._told_at = time.monotonic()
            self._answers.send(self._question, part, content)

    def _beat(self) -> None:
        """A long digest is no silence."""
        while not self._stopping.wait(_POLL_SECONDS):
            if time.monotonic() - self._told_at > BEAT_SECONDS:
                self._tell(POINT_PART, {"kind": "working"})


class _Ended(Exception):
    """Home wants nothing more, or this process ends."""


def _names(data: Any) -> list[Name]:
    return [(str(one[0]), str(one[1])) for one in data or ()]


def _reached_answer(
    reached: Reached, sequences: Mapping[Name, tuple[int, bool]], algorithm: Algorithm, server_version: int
) -> dict[str, Any]:
    return {
        "kind": "reached",
        "consistent_point": str(Lsn(reached.point)),
        "position": str(Lsn(reached.position.last_end)),
        "generation": reached.position.generation,
        "attempt": reached.position.attempt,
        "pause_ms": round(reached.paused_seconds * 1000, 1),
        "server_version": server_version,
        "algorithm": algorithm.value,
        "sequences": [[*name, *state] for name, state in sequences.items()],
    }


def _catalog_answer(content: Content) -> dict[str, Any]:
    try:
        return {"kind": "catalog", "lines": content.catalog()}
    except Moved:
        return {"kind": "catalog", "lines": None}


def ranges_answer(asked: Mapping[str, Any], content: Content, algorithm: Algorithm) -> dict[str, Any]:
    """Digests of the parts of each range asked about; None where the table moved."""
    answers: list[list[list[Any]] | None] = []
    for name, within, bounds in map(parse_cut, asked.get("ranges") or ()):
        try:
            parts = content.parts(name, within, bounds, algorithm)
            answers.append([[sums.rows, sums.digest] for sums in parts])
        except Moved:
            answers.append(None)
    return {"kind": "ranges", "ranges": answers}
