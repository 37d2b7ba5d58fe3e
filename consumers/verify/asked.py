"""Home's questions about a base, answered by sealed receipts while a generation begins (stream-v1 section 7.1).

A question stands among the snapshot's records, its answer is one of the receipts that answer verifications too. While
one is worked on, home hears a beat.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from consumers.position import StandbyPosition
from consumers.verify.hold import Question
from consumers.verify.witness import BEAT_SECONDS, Answers, ranges_answer
from data_embassy.envelope.answer import KEY_BYTES
from schemas.content import Content
from schemas.digest import Algorithm

_WORKING: Final[Mapping[str, Any]] = {"kind": "working"}


class Asked:
    """One question that waits for its answer."""

    def __init__(self, question: Question, answers: Answers, lock: threading.Lock) -> None:
        self._question, self._answers, self._lock = question, answers, lock

    def answer(self, position: StandbyPosition | None, content: Content | None) -> None:
        """Answer it from a standby under a snapshot; None where there is none."""
        self.send(self._content(position, content))

    def send(self, content: Mapping[str, Any]) -> None:
        """Send one answer."""
        with self._lock:
            self._answers.send(self._question, self._question.part, content)

    def _content(self, position: StandbyPosition | None, content: Content | None) -> Mapping[str, Any]:
        asked = self._question.content
        if position is None or content is None:
            return {"kind": "failed", "cause": "NoStandby"}
        try:
            match asked.get("kind"):
                case "base":
                    return _base_answer(position, content)
                case "ranges":
                    return _ranges_answer(asked, content)
        except (KeyError, ValueError, TypeError, IndexError):
            pass
        return {"kind": "failed", "cause": "UnknownQuestion"}


class Asker:
    """Hears the questions of one lane."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._lock = threading.Lock()

    @contextmanager
    def hears(self, record: Mapping[str, Any], attempt: int) -> Iterator[Asked]:
        """The question of a SnapshotQuestion, with a beat for home until the end."""
        asked = Asked(_question(record, attempt), self._answers, self._lock)
        done = threading.Event()

        def beat() -> None:
            while not done.wait(BEAT_SECONDS):
                asked.send(_WORKING)

        thread = threading.Thread(target=beat, name="base-beat", daemon=True)
        thread.start()
        try:
            yield asked
        finally:
            done.set()
            thread.join()


def _question(record: Mapping[str, Any], attempt: int) -> Question:
    try:
        content = json.loads(record["question"])
    except (ValueError, RecursionError):
        content = {}
    key = bytes(record["answer_key"])
    return Question(
        verification=record["id"],
        attempt=attempt,
        part=record["part"],
        consistent_point=None,
        content=content if isinstance(content, dict) else {},
        answer_key=key if len(key) == KEY_BYTES else bytes(KEY_BYTES),
    )


def _ranges_answer(asked: Mapping[str, Any], content: Content) -> dict[str, Any]:
    algorithm = Algorithm(asked["algorithm"])
    answers: list[Any] = []
    for one in asked["ranges"]:
        try:
            answers += ranges_answer({"ranges": [one]}, content, algorithm)["ranges"]
        except psycopg.DataError:
            answers.append(None)  # A bound that this standby's type does not know, as a new label of an enum.
    return {"kind": "ranges", "ranges": answers}


def _base_answer(position: StandbyPosition, content: Content) -> dict[str, Any]:
    return {
        "kind": "base",
        "generation": position.generation,
        "attempt": position.attempt,
        "commit_lsn": position.last_end,
        "server_version": content.server_version,
        "tables": [
            [*table.name, list(table.columns), [[column.name, column.type_text] for column in table.key]]
            for table in content.tables.values()
            if not table.is_derived
        ],
    }
