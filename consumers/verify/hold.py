"""When the applier holds for a verification, and when it goes on (DESIGN 9). Pure.

Part 1 of an attempt: hold behind its transaction, and look ahead for part 2. Then, whichever comes first:
- part 2 of the same attempt with a consistent point: apply exactly what lies at or before it, prove, go on;
- part 2 without a point: home gave up (a transaction at home blocks the point);
- part 1 of another attempt: home asks one verification at a time, so the former attempt is dead;
- nothing for HOLD_SECONDS_MAX.
Every other row is nothing to the applier: part 2 of an attempt that it does not hold for comes after a release.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from data_embassy.envelope.answer import KEY_BYTES
from data_embassy.types import Lsn

HOLD_SECONDS_MAX: Final = 15.0
"""Home waits 10 s for its consistent point; the rest is the way here."""
HOLD_PART: Final = 1
POINT_PART: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A row of `data_embassy.checkpoint`."""

    verification: str
    attempt: int
    part: int
    consistent_point: int | None
    content: Mapping[str, Any]
    answer_key: bytes | None

    @property
    def asked(self) -> tuple[str, int]:
        """Verification and attempt."""
        return self.verification, self.attempt

    @classmethod
    def parse(cls, row: Mapping[str, str | None]) -> Question | None:
        """Read a row; None for one that no version of this program wrote: it asks for nothing."""
        try:
            content = json.loads(row["question"] or "{}")
            key = row["answer_key"]
            point = row["consistent_point"]
            found = cls(
                verification=str(row["id"]),
                attempt=int(row["attempt"] or ""),
                part=int(row["part"] or ""),
                consistent_point=None if point is None else Lsn.parse(point),
                content=content if isinstance(content, dict) else {},
                answer_key=None if key is None else base64.b64decode(key, validate=True),
            )
        except (KeyError, ValueError, RecursionError):
            return None
        return found if found.answer_key is None or len(found.answer_key) == KEY_BYTES else None


class Release(Enum):
    """Why the applier goes on without a point."""

    GIVEN_UP = "home gave up"
    SUPERSEDED = "home asked again"
    EXPIRED = "no point came in time"
    DISTURBED = "the lane could not be read ahead"


@dataclass(frozen=True, slots=True)
class Point:
    """The applier is to apply what lies at or before this."""

    question: Question
    lsn: int


def asks_to_hold(rows: Iterable[Mapping[str, str | None]]) -> list[Question | None]:
    """For each row the question that asks to hold, None for others."""
    questions = (Question.parse(row) for row in rows)
    return [
        one if one is not None and one.part == HOLD_PART and one.answer_key is not None else None for one in questions
    ]


class Hold:
    """One hold, from part 1 on."""

    def __init__(self, question: Question, *, last_end: int, now: float) -> None:
        self.question = question
        self._last_end = last_end
        self._deadline = now + HOLD_SECONDS_MAX

    def see(self, question: Question) -> Point | Release | None:
        """What a later row means for the hold."""
        if question.part == HOLD_PART:
            return Release.SUPERSEDED if question.asked != self.question.asked else None
        if question.part != POINT_PART or question.asked != self.question.asked:
            return None
        point = question.consistent_point
        # Before the part 1 that it follows no point can lie: not written by home.
        return Release.GIVEN_UP if point is None or point < self._last_end else Point(question, point)

    def expired(self, now: float) -> Release | None:
        """Whether it lasted too long."""
        return Release.EXPIRED if now >= self._deadline else None
