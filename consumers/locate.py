"""Where to read on: normally the lane offset of the position, unless the lane lost its end and was written anew.

A broker that lost the lane's tail gives its offsets to other envelopes when home sends the tail again. The position's
home offset is what counts then: the search goes back to the last envelope that does not lie behind it.
"""

from __future__ import annotations

from typing import Protocol

from consumers.position import StandbyPosition
from consumers.refusals import NEW_GENERATION, LaneLost
from data_embassy.envelope import Header, Kind
from data_embassy.errors import EnvelopeError


class Bounded(Protocol):
    """A lane that can be read at any offset."""

    def bounds(self) -> tuple[int, int]: ...  # noqa: D102

    def fetch(self, offset: int) -> bytes: ...  # noqa: D102


class Verifier(Protocol):
    """What can tell a genuine envelope."""

    def verify(self, envelope: bytes) -> Header: ...  # noqa: D102


def locate(lane: Bounded, verifier: Verifier, position: StandbyPosition) -> int:
    """Lane offset from which everything behind the position is read; raises LaneLost, Unreachable."""
    low, end = lane.bounds()
    for offset in range(min(position.lane_offset, end - 1), low - 1, -1):
        try:
            header = verifier.verify(lane.fetch(offset))
        except EnvelopeError:
            if offset == position.lane_offset:
                return offset  # The reader refuses it, and says why.
            continue
        if (
            header.kind is Kind.RECORDS
            and header.incarnation <= position.incarnation
            and header.first_offset <= position.next_offset
        ):
            return offset
    raise LaneLost("the lane no longer reaches back to the position", remedy=NEW_GENERATION)
