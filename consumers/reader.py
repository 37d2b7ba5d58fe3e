"""Envelopes of one lane, in lane order -> opened records that were not seen before (DESIGN 7). Pure.

Steps, in this order; each refusal has its own class, and nothing of the standby moves:
(1) verify: sizes, header, lane, signatures;
(2) place it by home offsets: repeated ones are dropped, overlaps trimmed, a gap is refused;
(3) open its epoch first, from the lane, where that is still to do;
(4) open: commitment, decryption, bounded decompression, split;
(5) trim what was seen, and see that it begins as the position says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from consumers.refusals import NEW_GENERATION, LaneLost
from consumers.sequence import Sequence as HomeSequence
from data_embassy.envelope import EpochOpened, Header, Kind, OpenedRecords, Run
from data_embassy.errors import EnvelopeError
from schemas.records import RecordKey


class Opener(Protocol):
    """What the reader needs of `data_embassy.envelope.LaneOpener`."""

    def verify(self, envelope: bytes) -> Header: ...  # noqa: D102

    def needs_epoch(self, header: Header) -> int | None: ...  # noqa: D102

    def open_epoch(self, envelope: bytes, lane_offset: int) -> EpochOpened: ...  # noqa: D102

    def open(self, envelope: bytes) -> OpenedRecords: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one envelope adds."""

    incarnation: int
    lane_offset: int
    first_offset: int
    runs: Sequence[Run] = ()
    values: Sequence[bytes] = ()
    schemas: Sequence[bytes] = ()
    """Schema records restated by an epoch that was opened for this envelope."""
    generation: int | None = None
    """Set by an epoch envelope that begins a generation."""
    repeated: int = 0
    """Records of the envelope that were seen before."""
    counter: int | None = None
    """Which of the envelopes it is that its data key sealed, from 1; None where nothing new was opened."""


@dataclass(slots=True, kw_only=True)
class Reader:
    """Reads one lane from a position on."""

    opener: Opener
    sequence: HomeSequence
    fetch: Callable[[int], bytes]
    """The envelope at a lane offset."""
    begins_with: RecordKey | None = None
    """What has to stand first, while home's log is the one that the position is of."""
    before_open: Callable[[], None] = field(default=lambda: None)
    after_open: Callable[[], None] = field(default=lambda: None)

    def read(self, lane_offset: int, envelope: bytes) -> Batch:
        """Take the next envelope; raises EnvelopeError."""
        header = self.opener.verify(envelope)  # (1)
        if header.kind is Kind.EPOCH:
            epoch = self.opener.open_epoch(envelope, lane_offset)
            return _batch(header, lane_offset, schemas=epoch.schemas, generation=header.generation)
        seen = self.sequence.unseen(header)  # (2)
        if seen is None:
            return _batch(header, lane_offset, repeated=header.count)
        self.before_open()
        schemas = self._open_epoch(header)  # (3)
        opened = self.opener.open(envelope)  # (4)
        self.after_open()
        runs, values = trim(opened.runs, opened.values, seen)  # (5)
        self._check_beginning(header, runs)
        self.sequence.accept(header)
        return Batch(
            incarnation=header.incarnation,
            lane_offset=lane_offset,
            first_offset=header.first_offset + seen,
            runs=runs,
            values=values,
            schemas=schemas,
            repeated=seen,
            counter=header.counter,
        )

    def holds(self, envelope: bytes, home_offset: int) -> bool:
        """True when a genuine envelope covers this home offset."""
        try:
            header = self.opener.verify(envelope)
        except EnvelopeError:
            return False
        return (
            header.kind is Kind.RECORDS
            and header.incarnation == self.sequence.incarnation
            and header.first_offset <= home_offset <= header.last_offset
        )

    def _check_beginning(self, header: Header, runs: Sequence[Run]) -> None:
        wanted = self.begins_with
        if wanted is not None and header.incarnation == self.sequence.incarnation and runs[0][:3] != wanted:
            raise LaneLost(
                "lane and home's log were both written anew: the snapshot no longer begins at the standby's position",
                remedy=NEW_GENERATION,
            )
        self.begins_with = None

    def _open_epoch(self, header: Header) -> Sequence[bytes]:
        at = self.opener.needs_epoch(header)
        if at is None:
            return ()
        return self.opener.open_epoch(self.fetch(at), at).schemas


def _batch(
    header: Header,
    lane_offset: int,
    *,
    schemas: Sequence[bytes] = (),
    generation: int | None = None,
    repeated: int = 0,
) -> Batch:
    return Batch(
        incarnation=header.incarnation,
        lane_offset=lane_offset,
        first_offset=header.first_offset,
        schemas=schemas,
        generation=generation,
        repeated=repeated,
    )


def trim(runs: Sequence[Run], values: Sequence[bytes], seen: int) -> tuple[Sequence[Run], Sequence[bytes]]:
    """Without the first `seen` records."""
    if not seen:
        return runs, values
    left = seen
    rest: list[Run] = []
    for run in runs:
        if left >= run.length:
            left -= run.length
            continue
        rest.append(Run(run.origin, run.run, run.first_n + left, run.length - left))
        left = 0
    return rest, values[seen:]
