"""A whole verification without Kafka: home's side for real, the embassy's witness for real, rows carried by hand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from consumers.position import StandbyPosition
from consumers.verify.hold import Question
from consumers.verify.witness import Reached, Witness
from data_embassy.envelope.answer import Place
from data_embassy.postgres import connect
from operations.verify import attempt as attempts
from operations.verify import conversation
from operations.verify.answerlog import Answer
from operations.verify.attempt import Asked, Attempt, Outcome
from operations.verify.errors import PointBlocked, PointNotReached
from tests.support.prepared_register import PreparedRegister, prepared_register
from tests.support.system import PlainPostgres
from tests.support.verify_pair import SCHEMA, Pair, copied

ID = "00000000-0000-4000-8000-00000000000a"
_ROWS = (
    "SELECT id::text, attempt::text, part::text, consistent_point::text, question, answer_key, at::text"
    " FROM data_embassy.checkpoint ORDER BY attempt, part"
)
_NAMES = ("id", "attempt", "part", "consistent_point", "question", "answer_key")


@dataclass
class ByHand(threading.Thread):
    """Carries the register's questions to the standby, and the witness's answers home, as lane and receipts do."""

    pair: Pair
    is_deaf: bool = False
    heard_at: float = 0.0
    told: dict[str, Any] = field(default_factory=dict)
    kept: list[Mapping[str, Any]] = field(default_factory=list)
    before_reading: str | None = None
    """A script that home's people run once the point is taken."""
    before_questions: str | None = None
    """What the applier runs at the standby before the first question comes."""
    clock = staticmethod(time.monotonic)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self._answers: list[Answer] = []
        self._ended = threading.Event()
        self._witness: Witness | None = None

    __hash__ = threading.Thread.__hash__

    def send(self, question: Question, part: int, content: Mapping[str, Any]) -> None:
        place = Place(verification=ID, attempt=question.attempt, part=part, message=len(self._answers))
        self._answers.append(Answer(place, json.loads(json.dumps(content))))

    def keep(self, verification: str, report: Mapping[str, Any]) -> None:
        self.kept.append(report)

    def poll(self) -> list[Answer]:
        found, self._answers = self._answers, []
        if found:
            self.heard_at = self.clock()
        return found

    def run(self) -> None:
        carried = 0
        name = self.pair.home.register.name
        with self.pair.connect(name) as home, self.pair.connect(self.pair.database) as standby:
            while not self._ended.wait(0.02):
                rows = home.execute(_ROWS).fetchall()
                for row in rows[carried:]:
                    carried += 1
                    if not self.is_deaf:
                        self._carry(standby, row)

    def _carry(self, standby: psycopg.Connection[Any], row: tuple[Any, ...]) -> None:
        question = Question.parse(dict(zip(_NAMES, row, strict=False)))
        assert question is not None
        if question.part == 1:
            self.stop_witness()
        if question.part == 2:
            # The standby stands at the point, before this row.
            self._witness = Witness(lambda: self.pair.connect(self.pair.database), self, question)
            self._witness.begin(question)
            if self.before_reading is not None:
                self.pair.home.run(self.before_reading)
                self.before_reading = None
            position = StandbyPosition(
                generation=1, attempt=1, incarnation=1, home_offset=0, lane_offset=0, system_identifier="", timeline=1,
                last_end=question.consistent_point or 0,
            )  # fmt: skip
            self._witness.go(Reached(position=position, point=question.consistent_point or 0, paused_seconds=0.05))
        if question.part > 2 and self.before_questions is not None:
            standby.execute(self.before_questions.encode())
            self.before_questions = None
        standby.execute("INSERT INTO data_embassy.checkpoint VALUES (%s, %s, %s, %s, %s, %s, %s)", row)

    def stop_witness(self) -> None:
        if self._witness is not None:
            self._witness.stop()
            self._witness.join(10)

    def end(self) -> None:
        self._ended.set()
        self.join(10)
        self.stop_witness()


@pytest.fixture(scope="module")
def home(postgres: PlainPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PreparedRegister]:
    with prepared_register(postgres, tmp_path_factory.mktemp("home"), schema=SCHEMA) as one:
        yield one


@pytest.fixture
def pair(home: PreparedRegister, tmp_path: Path) -> Iterator[Pair]:
    with copied(home, tmp_path) as one:
        yield one


@pytest.fixture
def link(pair: Pair) -> Iterator[ByHand]:
    one = ByHand(pair)
    one.heard_at = time.monotonic()
    one.start()
    try:
        yield one
    finally:
        one.end()
        pair.home.run("TRUNCATE data_embassy.checkpoint")


def run(link: ByHand, number: int = 1, **asked: Any) -> tuple[Outcome, Attempt]:
    source = link.pair.home.register.source
    assert source is not None
    link.heard_at = time.monotonic()
    with connect(source.capture, application_name="test", autocommit=True) as look:
        one = Attempt(
            source, look, link, Asked(verification=ID, attempt=number, answer_key=bytes(32), **asked),
            tell=lambda _: None,
        )  # fmt: skip
        outcome = one.run()
        assert one.end({"equal": not outcome.moved})
    return outcome, one


def test_the_capture_role_alone_proves_a_copy_equal(link):
    outcome, _ = run(link)
    assert [one.name for one in outcome.compared if one.reason] == []
    assert (outcome.definitions, outcome.sequences, outcome.moved) == ([], {}, [])
    assert outcome.pause_ms == 50
    assert link.kept == [{"equal": True}]


def test_rows_that_differ_are_found_by_key(link):
    link.pair.plant("UPDATE plain SET note = 'edited' WHERE id IN (7, 4321)")
    outcome, _ = run(link)
    assert [one.within.start for one in outcome.ranges["public", "plain"]] == [("7",), ("4321",)]


def test_a_table_truncated_meanwhile_is_asked_about_again(link):
    link.before_reading = (
        "BEGIN; CREATE TABLE kept AS TABLE plain; TRUNCATE plain; INSERT INTO plain TABLE kept; DROP TABLE kept; COMMIT"
    )
    outcome, _ = run(link)
    assert ("public", "plain") in outcome.moved
    assert outcome.definitions is None
    outcome, _ = run(link, 2, tables=[("public", "plain")], hold=[("public", "plain")], wants_catalog=False)
    assert (outcome.moved, [(one.name[1], one.rows, one.reason) for one in outcome.compared]) == (
        [], [("plain", 5000, None)],
    )  # fmt: skip


def test_the_applier_does_not_wait_for_a_held_table_once_it_was_read(link):
    link.before_questions = "SET lock_timeout = '5s'; TRUNCATE public.plain"
    outcome, _ = run(link, 3, tables=[("public", "plain")], hold=[("public", "plain")], wants_catalog=False)
    assert [(one.rows, one.reason) for one in outcome.compared] == [(5000, None)]
    assert link.kept


def test_a_view_that_was_filled_at_another_moment_is_told_as_derived(link):
    link.pair.plant("INSERT INTO keyless VALUES (77, '{}'); REFRESH MATERIALIZED VIEW counted")
    link.pair.plant("DELETE FROM keyless WHERE a = 77")
    outcome, _ = run(link)
    assert [one.name for one in outcome.compared if one.reason] == [*outcome.derived] == [("public", "counted")]


def test_a_transaction_that_blocks_the_point_is_named_and_the_embassy_goes_on(link, monkeypatch):
    monkeypatch.setattr(attempts, "POINT_SECONDS_MAX", 0.5)
    with psycopg.connect(link.pair.home.server.dsn(link.pair.home.register.name), application_name="long") as blocking:
        blocking.execute("SELECT pg_current_xact_id()")
        with pytest.raises(PointBlocked, match="application long"):
            run(link)
        blocking.rollback()
    parts = link.pair.home.query("SELECT part, consistent_point FROM data_embassy.checkpoint ORDER BY part")
    assert parts[:2] == [(1, None), (2, None)]


@pytest.mark.parametrize("told", [{}, {"state": "stopped", "cause": "Divergence", "commit_lsn": "0/77"}])
def test_an_embassy_that_does_not_reach_the_point_is_not_called_unequal(link, told, monkeypatch):
    monkeypatch.setattr(conversation, "_STILL_SECONDS", 0.2)
    link.is_deaf, link.told = True, told
    with pytest.raises(PointNotReached, match=r"stopped \(Divergence\)" if told else "no receipt"):
        run(link, reach_seconds_max=60 if told else 0.5)
