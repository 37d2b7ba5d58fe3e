"""When the applier holds for a verification, and when it goes on: every order of rows, kills, repeats, two at once."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from consumers.verify.hold import HOLD_SECONDS_MAX, Hold, Point, Question, Release, asks_to_hold

KEY = base64.b64encode(bytes(32)).decode()
FIRST = "00000000-0000-4000-8000-000000000001"
SECOND = "00000000-0000-4000-8000-000000000002"


def row(part: int, *, id_: str = FIRST, attempt: int = 1, point: str | None = None, key: str | None = KEY, **question):
    fields: dict[str, str | None] = {"id": id_, "attempt": str(attempt), "part": str(part), "consistent_point": point}
    return fields | {"question": json.dumps(question), "answer_key": key}


def question(part: int, **fields: Any) -> Question:
    found = Question.parse(row(part, **fields))
    assert found is not None
    return found


def hold() -> Hold:
    return Hold(question(1), last_end=100, now=0.0)


def test_the_point_of_the_same_attempt_ends_the_hold():
    found = hold().see(question(2, point="0/C8"))
    assert isinstance(found, Point)
    assert (found.lsn, found.question.part) == (200, 2)


def test_a_point_of_an_abandoned_attempt_is_nothing():
    assert hold().see(question(2, attempt=2, point="0/C8")) is None
    assert hold().see(question(2, id_=SECOND, point="0/C8")) is None


def test_home_gives_up_by_a_second_part_without_a_point():
    assert hold().see(question(2)) is Release.GIVEN_UP


def test_a_point_before_the_first_part_was_not_written_by_home():
    assert hold().see(question(2, point="0/63")) is Release.GIVEN_UP


@pytest.mark.parametrize("other", [{"attempt": 2}, {"id_": SECOND}])
def test_another_first_part_ends_the_hold_for_then_the_first_attempt_is_dead(other):
    assert hold().see(question(1, **other)) is Release.SUPERSEDED


def test_its_own_first_part_again_and_questions_are_nothing():
    assert hold().see(question(1)) is None
    assert hold().see(question(3, kind="ranges")) is None


def test_a_hold_ends_by_itself():
    assert hold().expired(HOLD_SECONDS_MAX - 0.1) is None
    assert hold().expired(HOLD_SECONDS_MAX) is Release.EXPIRED


def test_only_a_first_part_with_a_key_asks_to_hold():
    rows = [row(2, point="0/C8"), row(1, key=None), row(1), row(3)]
    assert [one is not None for one in asks_to_hold(rows)] == [False, False, True, False]


@pytest.mark.parametrize(
    "damage",
    [{"attempt": "x"}, {"part": None}, {"consistent_point": "nowhere"}, {"answer_key": "!"}, {"question": "{"},
     {"answer_key": base64.b64encode(b"short").decode()}],
)  # fmt: skip
def test_a_row_that_cannot_be_read_asks_for_nothing(damage):
    assert Question.parse(row(1) | damage) is None
