"""Opened records -> whole source transactions, by the rules of stream-v1 sections 2 and 5. Pure, and the hot path.

The work per change record is one slice, one set look-up and one list append in bulk; keys are read once per run, BEGIN
and END by hand (`transactions`), everything else is rare. Values are never decoded here: the applier's decoder does
that, and checks the changes' order and transaction against the frame.

Left out here: home offsets (`sequence`), order 1..n (the decoder), the pulse's beat and ddl rows (`checks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from consumers import refusals
from consumers.beginnings import Beginnings, GenerationBegan
from consumers.group import Group
from consumers.marker import check_marker
from consumers.position import StandbyPosition
from consumers.reader import Batch
from consumers.transactions import BeginLost, Limits, Transactions, broken
from data_embassy.envelope import Run
from data_embassy.errors import StreamError
from data_embassy.types import SessionNumber
from schemas.records import (
    FINGERPRINTS,
    MAGIC,
    ORIGIN_CAPTURE,
    ORIGIN_SNAPSHOT,
    PREFIX_SIZE,
    ChangeSchema,
    decode,
)

_BEGIN: Final = MAGIC + FINGERPRINTS["Begin"]
_END: Final = MAGIC + FINGERPRINTS["End"]
_SESSION: Final = MAGIC + FINGERPRINTS["Session"]
_SCHEMA: Final = MAGIC + FINGERPRINTS["Schema"]
_CONTROLS: Final = frozenset((_BEGIN, _END, _SESSION, _SCHEMA))


@dataclass(slots=True)
class Counts:
    """What was dropped, for the metrics."""

    repeated: int = 0
    stale: int = 0
    suspended: int = 0
    discarded: int = 0


class Assembler:
    """Assembles the capture records of one lane from a position on; watches for later generations."""

    def __init__(
        self,
        start: StandbyPosition,
        *,
        schemas: Iterable[bytes],
        limits: Limits | None = None,
        certain: Iterable[int] = (),
        latest_snapshot_run: int = 0,
    ) -> None:
        self.counts = Counts()
        self._known = _CONTROLS | {MAGIC + fingerprint for fingerprint in schemas}
        self._system_identifier, self._timeline = start.system_identifier, start.timeline
        self._lane_offset = start.lane_offset
        self._transactions = Transactions(
            start.last_end, incarnation=start.incarnation, limits=limits or Limits(), certain=certain
        )
        # A generation joins a running session: until its marker or first END was seen, the run is adopted from its
        # records (stream-v1 section 7: what precedes the first BEGIN is older than the snapshot).
        self._run, self._n = start.capture_run, start.capture_n
        self._is_suspended = False
        self._joins_run = self._is_before_point = start.capture_run is None
        self._begin_incarnation = start.incarnation
        self._transactions.is_before_first_begin = self._joins_run
        self._transactions.is_past = not self._joins_run
        self._beginnings = Beginnings(start, latest_snapshot_run)

    # -- input ---------------------------------------------------------------------------------------------------

    def take_batch(self, batch: Batch) -> None:
        """Take what one envelope adds. Raises StreamError, RereadNeeded, as `feed` does."""
        self.learn(batch.schemas)
        if batch.runs:
            self.feed(
                incarnation=batch.incarnation,
                lane_offset=batch.lane_offset,
                first_offset=batch.first_offset,
                runs=batch.runs,
                values=batch.values,
            )

    def learn(self, restated: Iterable[bytes]) -> None:
        """Schema records restated by an epoch (envelope v1)."""
        for value in restated:
            self._announce(value)

    def feed(
        self, *, incarnation: int, lane_offset: int, first_offset: int, runs: Iterable[Run], values: Sequence[bytes]
    ) -> None:
        """Take the records of one envelope, already trimmed. Raises StreamError, RereadNeeded.

        After an error everything before the offending record can still be taken.
        """
        self._transactions.incarnation, self._lane_offset = incarnation, lane_offset
        at = 0
        for origin, run, first_n, count in runs:
            part = values if count == len(values) else values[at : at + count]
            if origin == ORIGIN_CAPTURE:
                self._capture(run, first_n, part, first_offset + at)
            elif origin == ORIGIN_SNAPSHOT:
                self._snapshot(run, first_n, part, first_offset + at)
            else:
                raise refusals.UnknownOrigin(f"origin {origin} is unknown", remedy=refusals.NEW_GENERATION)
            at += count

    # -- output --------------------------------------------------------------------------------------------------

    @property
    def has_frames(self) -> bool:
        """True when a whole transaction waits to be taken."""
        return self._transactions.has_frames

    @property
    def is_full(self) -> bool:
        """True when a group or a piece should be taken before more is fed."""
        return self._transactions.is_full

    def take(self) -> Group | None:
        """All whole transactions so far; else a piece of a huge one; else None."""
        return self._transactions.take()

    def take_began(self) -> list[GenerationBegan]:
        """Later generations that began since the last call."""
        return self._beginnings.take()

    # -- rules -----------------------------------------------------------------------------------------------------

    def _capture(self, run: int, first_n: int, values: Sequence[bytes], offset: int) -> None:
        """stream-v1 section 2."""
        if self._run is None or run > self._run:
            self._is_suspended = first_n != 1 and not self._joins(run, first_n)
            self._run, self._n = run, first_n - 1
            self._transactions.is_past = False
        elif run < self._run:
            self.counts.stale += len(values)
            return
        elif first_n > self._n + 1:
            self._is_suspended = True
        if self._is_suspended:
            self.counts.suspended += len(values)
            return
        if first_n != self._n + 1:
            seen = self._n + 1 - first_n
            self.counts.repeated += min(seen, len(values))
            if seen >= len(values):
                return
            values = values[seen:]
            offset += seen
            first_n += seen
        self._n = first_n + len(values) - 1
        size = sum(map(len, values))
        self._transactions.stretch(self._lane_offset, run, offset - first_n, self._timeline, size)
        try:
            self._records(values, offset, is_first=first_n == 1)
        except BeginLost:
            self._is_suspended = True

    def _joins(self, run: int, first_n: int) -> bool:
        """Go on in the middle of a session, which only a generation does that has seen no transaction yet.

        False where the marker was lost with the end of home's log: the next marker shows whether that left a gap.
        """
        transactions = self._transactions
        if self._joins_run and not transactions.has_ended:
            transactions.discard()
            transactions.is_before_first_begin = True
            return True
        if transactions.incarnation != transactions.incarnation_of_end:
            return False
        raise refusals.RunWithoutMarker(
            f"session {SessionNumber(run)} begins with record {first_n}", remedy=refusals.NEW_GENERATION
        )

    def _records(self, values: Sequence[bytes], offset: int, *, is_first: bool) -> None:
        """stream-v1 section 5."""
        prefixes = [value[:PREFIX_SIZE] for value in values]
        marks = [at for at, prefix in enumerate(prefixes) if prefix in _CONTROLS]
        if is_first and prefixes[0] != _SESSION:
            raise refusals.RunWithoutMarker("a session begins without its marker", remedy=refusals.NEW_GENERATION)
        is_unknown = not self._known.issuperset(prefixes)
        transactions = self._transactions
        begin = 0
        for at in marks:
            if at > begin:
                self._changes(values, begin, at, prefixes if is_unknown else None)
            begin = at + 1
            prefix = prefixes[at]
            if prefix == _END:
                transactions.end(values[at], offset + at)
            elif prefix == _BEGIN:
                transactions.begin(values[at], offset + at)
            elif prefix == _SCHEMA:
                self._announce(values[at])
                is_unknown = not self._known.issuperset(prefixes)
            elif at == 0 and is_first:
                self._session(values[at])
            else:
                raise broken("a session marker stands within a session")
        if begin < len(values):
            self._changes(values, begin, len(values), prefixes if is_unknown else None)

    def _changes(self, values: Sequence[bytes], begin: int, end: int, unsure: list[bytes] | None) -> None:
        if not self._transactions.takes_changes:
            return
        if unsure is not None and not self._known.issuperset(unsure[begin:end]):
            raise refusals.UnknownSchema("a change has a schema that was not announced", remedy=refusals.NEW_GENERATION)
        self._transactions.add(values, begin, end)

    def _session(self, value: bytes) -> None:
        marker = decode(value)[1]
        if marker["session"] != self._run:
            raise broken("a session marker names another session than its key")
        transactions = self._transactions
        check_marker(
            marker,
            last_end=transactions.last_end,
            system_identifier=self._system_identifier,
            timeline=self._timeline,
            is_before_point=not transactions.has_ended and (self._is_before_point or self._is_taken_back),
            is_rewritten=transactions.incarnation != transactions.incarnation_of_end,
        )
        if transactions.discard():
            self.counts.discarded += 1
        self._timeline = marker["timeline"]
        transactions.move_to(self._timeline)
        self._joins_run = transactions.is_before_first_begin = False
        transactions.is_past = marker["confirmed_flush_lsn"] >= transactions.last_end

    @property
    def _is_taken_back(self) -> bool:
        """Home's log was rewritten from a place before the generation's begin.

        It may show the generation a marker of before its point then, which it has not met.
        """
        return self._joins_run and self._transactions.incarnation > self._begin_incarnation

    def _announce(self, value: bytes) -> None:
        record = decode(value)[1]
        fingerprint: bytes = record["fingerprint"]
        prefix = MAGIC + fingerprint
        if prefix in self._known:
            return
        schema = ChangeSchema.parse(record["json"])
        if schema.fingerprint != fingerprint:
            raise StreamError("an announced schema has another fingerprint than stated", remedy=refusals.NEW_GENERATION)
        self._known |= {prefix}
        self._transactions.announce(schema)

    def _snapshot(self, run: int, first_n: int, values: Sequence[bytes], offset: int) -> None:
        if self._beginnings.is_own_point(run, first_n, len(values)):
            self._is_before_point = False
        self._beginnings.pass_by(
            run,
            first_n,
            values,
            incarnation=self._transactions.incarnation,
            lane_offset=self._lane_offset,
            home_offset=offset,
        )
