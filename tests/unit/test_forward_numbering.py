"""Continuity of home offsets and numbers."""

import pytest

from data_embassy.errors import StreamError
from pipelines.batches import Record
from pipelines.numbering import HomeGap, Numbering, admit, follows
from schemas.records import RecordKey


def records(first: int, end: int) -> list[Record]:
    return [(i, RecordKey(1, 5, i + 1).pack(), b"v") for i in range(first, end)]


def test_what_follows_is_admitted():
    assert admit(5, records(5, 8)) == records(5, 8)


def test_what_was_taken_before_is_trimmed():
    assert admit(5, records(3, 8)) == records(5, 8)
    assert admit(8, records(3, 8)) == ()


@pytest.mark.parametrize("chunk", [records(6, 8), [*records(5, 6), *records(7, 9)], [*records(3, 5), *records(6, 8)]])
def test_a_hole_is_a_gap(chunk):
    with pytest.raises(HomeGap):
        admit(5, chunk)


@pytest.mark.parametrize(
    ("before", "after", "is_next"),
    [
        (RecordKey(1, 5, 3), RecordKey(1, 5, 4), True),
        (RecordKey(1, 5, 3), RecordKey(1, 5, 3), False),
        (RecordKey(1, 5, 3), RecordKey(1, 5, 5), False),
        (RecordKey(1, 5, 3), RecordKey(1, 6, 1), True),
        (RecordKey(1, 5, 3), RecordKey(1, 6, 4), False),
        (RecordKey(1, 5, 3), RecordKey(1, 4, 1), False),
    ],
)
def test_numbers_continue_in_a_run_and_begin_anew_in_a_higher_one(before, after, is_next):
    assert follows(before, after) is is_next


def test_each_origin_has_numbers_of_its_own():
    snapshot = (2, RecordKey(2, 9, 1).pack(), b"v")
    numbering = Numbering([*records(0, 2), snapshot])
    assert numbering.continues(RecordKey(1, 5, 3).pack())
    assert numbering.continues(RecordKey(2, 9, 2).pack())
    assert not numbering.continues(RecordKey(2, 9, 3).pack())


def test_an_unknown_origin_is_not_known_to_continue_unless_it_begins():
    key = RecordKey(2, 9, 4).pack()
    assert not Numbering(records(0, 2)).continues(key)
    assert Numbering(records(0, 2)).continues(RecordKey(2, 9, 1).pack())


def test_only_the_number_behind_the_last_of_its_run_comes_next():
    numbering = Numbering(records(0, 2))
    assert numbering.is_next(RecordKey(1, 5, 3).pack())
    assert not numbering.is_next(RecordKey(1, 5, 4).pack())
    assert not numbering.is_next(RecordKey(1, 6, 1).pack())
    assert not numbering.is_next(RecordKey(2, 5, 3).pack())


def key(origin: int, run: int, n: int) -> Record:
    return n, RecordKey(origin, run, n).pack(), b"v"


@pytest.mark.parametrize(
    ("fresh", "lacking"),
    [
        ([key(1, 5, 3), key(1, 5, 4)], 0),
        ([key(1, 5, 4)], 5),
        ([key(1, 5, 3), key(2, 9, 1), key(1, 5, 5)], 5),
        ([key(1, 5, 1), key(1, 5, 2), key(1, 5, 3)], 0),
        ([key(1, 5, 2), key(1, 5, 2)], 0),
        ([key(1, 4, 9)], 0),
        ([key(1, 6, 1), key(1, 4, 9), key(1, 6, 2)], 0),
        ([key(1, 6, 1), key(1, 7, 2)], 7),
        ([key(1, 5, 4), key(1, 5, 5)], 5),
        ([key(1, 5, 4), key(1, 6, 1)], 0),
        ([key(2, 9, 1), key(2, 9, 3)], 0),
        ([], 0),
    ],
)
def test_a_session_that_lacks_a_record_is_known(fresh, lacking):
    assert Numbering(records(0, 2)).advance(fresh) == lacking


def test_what_was_never_seen_of_a_session_is_not_missed():
    assert Numbering().advance([key(1, 5, 7), key(1, 5, 8)]) == 0


def test_a_foreign_key_is_refused():
    with pytest.raises(StreamError):
        Numbering(records(0, 2)).continues(b"")
