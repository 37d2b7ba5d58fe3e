"""Home's conversation with the embassy about a base: questions as snapshot records, answers from receipts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from data_embassy.envelope.answer import AnswerReader, Place
from pipelines.snapshot.errors import BaseRefused, BaseSilent
from pipelines.snapshot.writer import RecordWriter

ASK_AGAIN_SECONDS: Final = 20.0
"""An answer may be lost with the receiver that gave it; while one is worked on the embassy is heard all the time."""
_POLL_SECONDS: Final = 0.1
_CAUSES: Final = {"NoStandby": "the embassy has no live standby of this register"}


class Answer(Protocol):
    """One answer."""

    @property
    def place(self) -> Place: ...  # noqa: D102

    @property
    def content(self) -> Mapping[str, Any]: ...  # noqa: D102

    @property
    def kind(self) -> str: ...  # noqa: D102


class Answers(Protocol):
    """What is heard of the embassy."""

    heard_at: float
    reader: AnswerReader

    def start(self) -> None: ...  # noqa: D102

    def poll(self) -> Sequence[Answer]: ...  # noqa: D102

    def clock(self) -> float: ...  # noqa: D102


class Asking:
    """Questions and answers of one attempt."""

    def __init__(
        self, writer: RecordWriter, answers: Answers, *, register: str, attempt: int, silence_seconds_max: float
    ) -> None:
        self._writer, self._answers, self._register, self._attempt = writer, answers, register, attempt
        self._silence_seconds_max = silence_seconds_max
        self._part = 0
        answers.start()

    def ask(self, content: Mapping[str, Any], *, meanwhile: Callable[[], None] = lambda: None) -> Mapping[str, Any]:
        """Ask, do something `meanwhile`, and hear the answer; raises BaseSilent, BaseRefused, TransportError."""
        self._part += 1
        self._send(content)
        meanwhile()
        self._answers.heard_at = self._answers.clock()
        asked_at = self._answers.clock()
        while True:
            for answer in self._answers.poll():
                if (answer.place.attempt, answer.place.part) != (self._attempt, self._part):
                    continue
                if answer.kind == "failed":
                    cause = str(answer.content.get("cause"))
                    raise BaseRefused(
                        _CAUSES.get(cause, f"the embassy cannot answer: {cause}"), register=self._register
                    )
                if answer.kind != "working":
                    return answer.content
            now = self._answers.clock()
            if now - self._answers.heard_at > self._silence_seconds_max:
                raise BaseSilent(self._silence_seconds_max, register=self._register)
            if now - max(asked_at, self._answers.heard_at) > ASK_AGAIN_SECONDS:
                self._send(content)
                asked_at = now
            time.sleep(_POLL_SECONDS)

    def _send(self, content: Mapping[str, Any]) -> None:
        self._writer.write(
            "SnapshotQuestion",
            {
                "id": self._answers.reader.verification,
                "part": self._part,
                "answer_key": self._answers.reader.key,
                "question": json.dumps(content),
            },
        )
        self._writer.wait()
