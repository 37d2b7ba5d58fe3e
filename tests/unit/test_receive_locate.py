"""Where to read on when the lane is what it was, and when it lost its end and was written anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consumers.locate import locate
from consumers.position import StandbyPosition
from consumers.refusals import LaneLost
from data_embassy.envelope import Kind
from data_embassy.envelope.errors import BadSignature
from tests.support.receiver_model import Envelope, OpenLane, first_position

POSITION = replace(
    first_position(last_end=1), incarnation=2, home_offset=14, lane_offset=3, capture_run=1 << 32 | 1, capture_n=9
)


class FixedLane:
    def __init__(self, *ranges: tuple[int, int, int], bad: int | None = None, epoch: int | None = None) -> None:
        self.lane = [Envelope(incarnation, first, [(b"", b"")] * count) for incarnation, first, count in ranges]
        self.bad, self.epoch = bad, epoch

    def bounds(self) -> tuple[int, int]:
        return 0, len(self.lane)

    def fetch(self, offset: int) -> bytes:
        return str(offset).encode()

    def verify(self, envelope: bytes):
        if int(envelope) == self.bad:
            raise BadSignature
        header = OpenLane(self.lane).verify(envelope)
        return replace(header, kind=Kind.EPOCH) if int(envelope) == self.epoch else header


def found(lane: FixedLane, position: StandbyPosition = POSITION) -> int:
    return locate(lane, lane, position)


def test_unchanged_lane_is_read_from_the_position():
    assert found(FixedLane((2, 0, 5), (2, 5, 5), (2, 10, 2), (2, 12, 5), (2, 17, 5))) == 3


def test_lane_that_was_written_anew_is_searched_backwards():
    assert found(FixedLane((2, 0, 5), (2, 5, 30), (2, 35, 5), (2, 40, 5))) == 1


def test_before_its_first_transaction_a_standby_reads_its_snapshots_beginning_again():
    joining = replace(POSITION, capture_run=None, capture_n=0)
    lane = FixedLane((2, 0, 5), (2, 5, 5), (2, 10, 5), (2, 15, 5))
    assert (found(lane), found(lane, joining)) == (3, 2)
    assert (POSITION.next_offset, joining.next_offset) == (15, 14)


def test_lane_that_lost_its_end_is_read_from_what_is_left():
    assert found(FixedLane((2, 0, 5), (2, 5, 5))) == 1


def test_later_incarnation_does_not_count():
    assert found(FixedLane((2, 0, 5), (2, 5, 10), (2, 15, 1), (3, 2, 5))) == 2


def test_refused_envelope_at_the_position_is_left_to_the_reader():
    assert found(FixedLane((2, 0, 5), (2, 5, 5), (2, 10, 2), (2, 12, 5), bad=3)) == 3


def test_lane_that_begins_behind_the_position_is_lost():
    with pytest.raises(LaneLost):
        found(FixedLane((2, 16, 5), (2, 21, 5), (2, 26, 5), (2, 31, 5)))


def test_empty_lane_is_lost():
    with pytest.raises(LaneLost):
        found(FixedLane())


def test_refused_envelope_before_the_position_is_passed_over():
    assert found(FixedLane((2, 0, 5), (2, 5, 5), (2, 10, 5), (2, 40, 5), bad=2)) == 1


def test_epoch_is_no_place_to_read_on_from():
    assert found(FixedLane((2, 0, 5), (2, 5, 5), (2, 10, 5), (2, 12, 5), epoch=3)) == 2
