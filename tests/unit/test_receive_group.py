"""A group cut in two, and what a reader can tell of an envelope it does not take."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consumers.apply.changes import Frame
from consumers.group import Group, Stretch
from consumers.reader import Reader
from consumers.refusals import LaneLost
from consumers.sequence import Sequence
from data_embassy.envelope.errors import BadSignature
from schemas.records import ORIGIN_CAPTURE, ORIGIN_SNAPSHOT, RecordKey, snapshot_run
from tests.support.receiver_model import Envelope, OpenLane, first_position

START = first_position(last_end=1)


@pytest.fixture
def group() -> Group:
    frames = [
        Frame(transaction=n, commit_lsn=10 + n, event_count=n, first=first, last=first + n)
        for n, first in ((1, 0), (2, 1), (3, 3))
    ]
    return Group(
        values=[b"a", b"b", b"c", b"d", b"e", b"f"],
        frames=frames,
        ends=[(101, 1), (104, 2), (208, 3)],
        stretches=[Stretch(0, 1, 7, 50, 100, 1), Stretch(2, 1, 8, 50, 200, 1)],
    )


def test_the_tail_of_a_group_is_a_group_with_the_same_end(group: Group) -> None:
    tail = group.tail(1)
    assert [(frame.transaction, frame.first, frame.last) for frame in tail.frames] == [(2, 0, 2), (3, 2, 5)]
    assert tail.values == [b"b", b"c", b"d", b"e", b"f"]
    head, rest = group.head(1).position(START), tail.position(group.head(1).position(START))
    assert rest == group.position(START)
    assert (head.home_offset, head.lane_offset, head.last_end) == (101, 7, 11)


def test_every_cut_gives_the_positions_of_the_whole(group: Group) -> None:
    for count in (1, 2):
        first = group.head(count).position(START)
        assert group.tail(count).position(first) == group.position(START)
        assert group.tail(count).head(1).position(first) == group.head(count + 1).position(START)


class BrokenLane(OpenLane):
    def verify(self, envelope: bytes):
        if envelope == b"broken":
            raise BadSignature
        return super().verify(envelope)


@pytest.mark.parametrize(
    ("envelope", "offset", "holds"),
    [
        (b"0", 10, True), (b"0", 14, True), (b"0", 9, False), (b"0", 15, False),
        (b"1", 12, False), (b"broken", 12, False),
    ],
)  # fmt: skip
def test_a_reader_knows_a_genuine_envelope_of_its_log(envelope: bytes, offset: int, holds: bool) -> None:
    lane = BrokenLane([Envelope(2, 10, [(b"", b"")] * 5), Envelope(3, 10, [(b"", b"")] * 5)])
    reader = Reader(opener=lane, sequence=Sequence(2, 10), fetch=lambda _: b"")
    assert reader.holds(envelope, offset) is holds


BEGIN = RecordKey(ORIGIN_SNAPSHOT, snapshot_run(START.generation, START.attempt), 1)
OTHER = RecordKey(ORIGIN_CAPTURE, 7, 1)


@pytest.mark.parametrize(
    ("incarnation", "first", "key", "is_there"),
    [(1, 10, BEGIN, True), (1, 10, OTHER, False), (1, 9, BEGIN, False), (2, 10, OTHER, True)],
)
def test_a_standby_without_a_transaction_finds_its_snapshots_beginning(
    incarnation: int, first: int, key: RecordKey, is_there: bool
) -> None:
    """In a later incarnation home's log was rewritten: markers and numbers tell then."""
    lane = OpenLane([Envelope(incarnation, first, [(key.pack(), b"v"), (OTHER.pack(), b"v")])])
    reader = Reader(opener=lane, sequence=Sequence(1, 10), fetch=lambda _: b"", begins_with=BEGIN)
    if is_there:
        assert reader.read(0, b"0").runs[0][:3] == key
        assert reader.begins_with is None
    else:
        with pytest.raises(LaneLost):
            reader.read(0, b"0")


def test_a_standby_with_a_transaction_expects_no_beginning() -> None:
    assert START.begins_with == BEGIN
    assert START.next_offset == START.home_offset
    later = replace(START, capture_run=1, capture_n=1)
    assert (later.begins_with, later.next_offset) == (None, START.home_offset + 1)
