"""Home's conversation with a witness: questions into the register's own table, answers from receipts."""

from __future__ import annotations

import base64
import json
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from data_embassy.postgres import Connection
from data_embassy.types import Lsn
from operations.verify.answerlog import Answer
from operations.verify.errors import AttemptLost, PointNotReached

POINT_PART: Final = 2
_STILL: Final = ("paused", "stopped", "loading", "empty")
"""States in which the embassy reaches no point, however long home waits."""
_STILL_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.1
_ASK: Final = "SELECT data_embassy.ask(%s, %s, %s, %s, %s, %s)"


class Answers(Protocol):
    """What is heard of the embassy (answerlog.AnswerLog)."""

    heard_at: float
    told: dict[str, Any]

    def poll(self) -> list[Answer]: ...  # noqa: D102

    def clock(self) -> float: ...  # noqa: D102


class Conversation:
    """Questions and answers of one attempt."""

    def __init__(
        self, look: Connection, answers: Answers, *, verification: str, attempt: int, answer_key: bytes
    ) -> None:
        self._look, self._answers = look, answers
        self._verification, self._attempt, self._answer_key = verification, attempt, answer_key
        self._part = POINT_PART
        self._heard: list[Answer] = []

    def ask(self, part: int, point: Lsn | None, content: Mapping[str, Any]) -> None:
        """Insert one row."""
        arguments = (
            self._verification,
            self._attempt,
            part,
            None if point is None else str(point),
            json.dumps(content),
            base64.b64encode(self._answer_key).decode(),
        )
        self._look.execute(_ASK, arguments)

    def ask_next(self, content: Mapping[str, Any]) -> int:
        """Ask the witness; returns the question's part."""
        self._part += 1
        self.ask(self._part, None, content)
        return self._part

    def was_busy(self) -> None:
        """Home itself did not listen: what came meanwhile is not late."""
        self._answers.heard_at = self._answers.clock()

    def hear(
        self,
        kinds: Sequence[str],
        seconds: float,
        *,
        part: int = POINT_PART,
        is_first: bool = False,
        seconds_at_most: float = math.inf,
    ) -> Mapping[str, Any]:
        """The next answer of one of these kinds; raises PointNotReached for the first one, later AttemptLost.

        `seconds` of silence are too many; `seconds_at_most` also of a witness that says that it works.
        """
        began = self._answers.clock()
        while True:
            self._heard += self._answers.poll()
            for place, answer in enumerate(self._heard):
                if answer.place.attempt != self._attempt:
                    continue
                if answer.kind == "failed":
                    raise AttemptLost(f"the embassy's witness failed: {answer.content.get('cause')}")
                if answer.place.part == part and answer.kind in kinds:
                    del self._heard[place]
                    return answer.content
            self._heard = [one for one in self._heard if one.kind != "working"]
            self._check_silence(seconds, is_first=is_first)
            if self._answers.clock() - began > seconds_at_most:
                raise AttemptLost(f"the embassy's witness did not answer for {seconds_at_most:.0f} s")
            time.sleep(_POLL_SECONDS)

    def _check_silence(self, seconds: float, *, is_first: bool) -> None:
        silent_for = self._answers.clock() - self._answers.heard_at
        if is_first:
            is_still = silent_for > _STILL_SECONDS and self._answers.told.get("state") in _STILL
            if silent_for > seconds or is_still:
                raise PointNotReached(
                    _silence(silent_for, self._answers.told),
                    remedy="embassy status, here and at the embassy; behind a backlog: a longer --timeout",
                )
        elif silent_for > seconds:
            raise AttemptLost(f"the embassy's witness was not heard for {seconds:.0f} s")


def _silence(seconds: float, told: Mapping[str, Any]) -> str:
    text = f"the embassy did not reach the point in {seconds:.0f} s"
    if not told:
        return f"{text}, and sent no receipt meanwhile"
    state, cause = told.get("state"), told.get("cause")
    words = "" if state is None else f"; it says of the register: {state}" + ("" if cause is None else f" ({cause})")
    return f"{text}; its last receipt is at {told.get('commit_lsn')}{words}"
