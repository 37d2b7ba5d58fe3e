"""Opened records -> whole source transactions, by the rules of stream-v1 sections 2 and 5. Pure, and the hot path.

The work per change record is one slice, one set look-up and one list append in bulk; keys are read once per run, BEGIN
and END by hand, everything else is rare. Values are never decoded here: the applier's decoder does that, and checks the
changes' order and transaction against the frame.

Left out here: home offsets (`sequence`), order 1..n (the decoder), the pulse's beat and ddl rows (`checks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from consumers import refusals
from consumers.apply.changes import Frame
from consumers.group import (
    BYTES_MAX,
    CHANGES_MAX,
    PIECE_BYTES_MAX,
    PIECE_CHANGES_MAX,
    Group,
    Stretch,
)
from consumers.marker import check_marker
from consumers.position import StandbyPosition
from consumers.varint import read_long, read_longs
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
    snapshot_run,
)

_BEGIN: Final = MAGIC + FINGERPRINTS["Begin"]
_END: Final = MAGIC + FINGERPRINTS["End"]
_SESSION: Final = MAGIC + FINGERPRINTS["Session"]
_SCHEMA: Final = MAGIC + FINGERPRINTS["Schema"]
_SNAPSHOT_BEGIN: Final = MAGIC + FINGERPRINTS["SnapshotBegin"]
_POINT_N: Final = 2
"""SnapshotPoint directly follows SnapshotBegin."""
_CONTROLS: Final = frozenset((_BEGIN, _END, _SESSION, _SCHEMA))
_DELETE: Final = b"\x02d"
_CREATE: Final = b"\x02c"
_OP: Final = slice(PREFIX_SIZE, PREFIX_SIZE + 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a group is large enough, and when a transaction must go in pieces."""

    changes: int = CHANGES_MAX
    bytes: int = BYTES_MAX
    piece_changes: int = PIECE_CHANGES_MAX
    piece_bytes: int = PIECE_BYTES_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationBegan:
    """A SnapshotBegin of a later attempt or generation passed by."""

    run: int
    incarnation: int
    home_offset: int
    lane_offset: int
    value: bytes


@dataclass(slots=True)
class Counts:
    """What was dropped, for the metrics."""

    repeated: int = 0
    stale: int = 0
    suspended: int = 0
    discarded: int = 0
    repeated_transactions: int = 0


class RereadNeeded(Exception):
    """A huge transaction that might have been a repeat was only counted; it is none: read again from the position.

    Not an error: the reader starts over from the position with `begin_offset` among the certain ones.
    """

    def __init__(self, begin_offset: int) -> None:
        super().__init__(begin_offset)
        self.begin_offset = begin_offset


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
        self._limits = limits or Limits()
        self._certain = frozenset(certain)
        self._known = _CONTROLS | {MAGIC + fingerprint for fingerprint in schemas}
        self._system_identifier, self._timeline = start.system_identifier, start.timeline
        self._last_end = start.last_end
        # Origin capture. A generation joins a running session: until its marker or first END was seen, the run is
        # adopted from its records (stream-v1 section 7: what precedes the first BEGIN is older than the snapshot).
        self._run, self._n = start.capture_run, start.capture_n
        self._is_suspended = False
        self._is_joining = start.capture_run is None
        self._is_before_first_begin = self._is_before_point = self._is_joining
        self._is_past = not self._is_joining
        # Origin snapshot: only later beginnings matter here.
        self._own_snapshot_run = snapshot_run(start.generation, start.attempt)
        self._snapshot_run = max(latest_snapshot_run, self._own_snapshot_run)
        # Open transaction: tail of its BEGIN, its changes in _values from _open_start on.
        self._open: bytes | None = None
        self._open_start = 0
        self._open_offset = 0
        self._open_handed_over = 0
        self._open_skipped = 0
        self._has_to_discard = False
        # Buffer of what was not taken yet.
        self._values: list[bytes] = []
        self._bytes = 0
        self._frames: list[Frame] = []
        self._ends: list[tuple[int, int]] = []
        self._stretches: list[Stretch] = []
        self._schemas: list[ChangeSchema] = []
        self._first_order = 1
        self._here = (start.incarnation, start.lane_offset)
        self._incarnation_of_end = start.incarnation
        self._began: list[GenerationBegan] = []

    # -- input ---------------------------------------------------------------------------------------------------

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
        self._here = (incarnation, lane_offset)
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
        return bool(self._frames) or self._has_to_discard

    @property
    def is_full(self) -> bool:
        """True when a group or a piece should be taken before more is fed."""
        return (
            self._bytes >= self._limits.bytes
            or len(self._values) >= self._limits.changes
            or len(self._frames) >= self._limits.changes
        )

    def take(self) -> Group | None:
        """All whole transactions so far; else a piece of a huge one; else None."""
        if self._frames or self._has_to_discard:
            return self._take_frames()
        return self._take_piece()

    def take_began(self) -> list[GenerationBegan]:
        """Later generations that began since the last call."""
        began, self._began = self._began, []
        return began

    # -- rules -----------------------------------------------------------------------------------------------------

    def _capture(self, run: int, first_n: int, values: Sequence[bytes], offset: int) -> None:
        """stream-v1 section 2."""
        if self._run is None or run > self._run:
            if first_n != 1:
                if not self._is_joining:
                    raise refusals.RunWithoutMarker(
                        f"session {SessionNumber(run)} begins with record {first_n}", remedy=refusals.NEW_GENERATION
                    )
                self._discard()
                self._is_before_first_begin = True
            self._run, self._n, self._is_suspended = run, first_n - 1, False
            self._is_past = False
        elif run < self._run:
            self.counts.stale += len(values)
            return
        elif self._is_suspended:
            self.counts.suspended += len(values)
            return
        elif first_n != self._n + 1:
            if first_n > self._n + 1:
                self._is_suspended = True
                self.counts.suspended += len(values)
                return
            seen = self._n + 1 - first_n
            self.counts.repeated += min(seen, len(values))
            if seen >= len(values):
                return
            values = values[seen:]
            offset += seen
            first_n += seen
        self._n = first_n + len(values) - 1
        self._stretches.append(Stretch(len(self._frames), *self._here, run, offset - first_n, self._timeline))
        self._records(values, offset, is_first=first_n == 1)

    def _records(self, values: Sequence[bytes], offset: int, *, is_first: bool) -> None:
        """stream-v1 section 5."""
        prefixes = [value[:PREFIX_SIZE] for value in values]
        marks = [at for at, prefix in enumerate(prefixes) if prefix in _CONTROLS]
        if is_first and prefixes[0] != _SESSION:
            raise refusals.RunWithoutMarker("a session begins without its marker", remedy=refusals.NEW_GENERATION)
        is_unknown = not self._known.issuperset(prefixes)
        self._bytes += sum(map(len, values))
        begin = 0
        for at in marks:
            if at > begin:
                self._changes(values, begin, at, prefixes if is_unknown else None)
            begin = at + 1
            prefix = prefixes[at]
            if prefix == _END:
                self._end(values[at], offset + at)
            elif prefix == _BEGIN:
                self._begin(values[at], offset + at)
            elif prefix == _SCHEMA:
                self._announce(values[at])
                is_unknown = not self._known.issuperset(prefixes)
            elif at == 0 and is_first:
                self._session(values[at])
            else:
                raise _broken("a session marker stands within a session")
        if begin < len(values):
            self._changes(values, begin, len(values), prefixes if is_unknown else None)

    def _changes(self, values: Sequence[bytes], begin: int, end: int, unsure: list[bytes] | None) -> None:
        if self._open is None:
            if self._is_before_first_begin:
                return
            raise _broken("a change stands outside a transaction")
        if unsure is not None and not self._known.issuperset(unsure[begin:end]):
            raise refusals.UnknownSchema("a change has a schema that was not announced", remedy=refusals.NEW_GENERATION)
        if self._open_skipped:
            self._open_skipped += end - begin
        else:
            self._values += values[begin:end] if begin or end < len(values) else values

    def _begin(self, value: bytes, offset: int) -> None:
        if self._open is not None:
            raise _broken("a BEGIN stands inside a transaction")
        self._open = value[PREFIX_SIZE:]
        self._open_start = len(self._values)
        self._open_offset = offset
        self._is_before_first_begin = False

    def _end(self, value: bytes, offset: int) -> None:
        tail = self._open
        if tail is None:
            if self._is_before_first_begin:
                return
            raise _broken("an END stands outside a transaction")
        try:
            transaction, commit_lsn, event_count, committed_at = read_longs(value, PREFIX_SIZE, 4)
        except IndexError:
            raise _broken("an END is damaged") from None
        if not value.startswith(tail, PREFIX_SIZE):
            raise _broken("an END names another transaction than its BEGIN")
        count = len(self._values) - self._open_start + self._open_handed_over + self._open_skipped
        if count != event_count:
            raise _broken(f"a transaction has {count} changes where its END says {event_count}")
        if commit_lsn <= self._last_end:
            self.counts.repeated_transactions += 1
            self._discard()
            return
        if self._open_skipped:
            raise RereadNeeded(self._open_offset)
        last = len(self._values)
        self._frames.append(
            Frame(
                transaction=transaction,
                commit_lsn=commit_lsn,
                event_count=event_count,
                first=self._open_start,
                last=last,
            )
        )
        self._ends.append((offset, committed_at))
        self._open = None
        self._open_handed_over = 0
        self._last_end = commit_lsn
        self._incarnation_of_end = self._here[0]
        self._is_past = True
        self._is_joining = self._is_before_point = False

    def _session(self, value: bytes) -> None:
        marker = decode(value)[1]
        if marker["session"] != self._run:
            raise _broken("a session marker names another session than its key")
        check_marker(
            marker,
            last_end=self._last_end,
            system_identifier=self._system_identifier,
            timeline=self._timeline,
            is_before_point=self._is_before_point,
            is_rewritten=self._here[0] != self._incarnation_of_end,
        )
        if self._open is not None:
            self.counts.discarded += 1
        self._discard()
        self._timeline = marker["timeline"]
        self._stretches[-1] = replace(self._stretches[-1], timeline=self._timeline)
        self._is_joining = self._is_before_first_begin = False
        self._is_past = marker["confirmed_flush_lsn"] >= self._last_end

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
        self._schemas.append(schema)

    def _snapshot(self, run: int, first_n: int, values: Sequence[bytes], offset: int) -> None:
        if run == self._own_snapshot_run and first_n <= _POINT_N < first_n + len(values):
            self._is_before_point = False
        if run <= self._snapshot_run or first_n != 1:
            return
        value = values[0]
        if not value.startswith(_SNAPSHOT_BEGIN):
            raise refusals.RunWithoutMarker("a snapshot begins without its marker", remedy=refusals.NEW_GENERATION)
        incarnation, lane_offset = self._here
        self._snapshot_run = run
        self._began.append(
            GenerationBegan(run=run, incarnation=incarnation, home_offset=offset, lane_offset=lane_offset, value=value)
        )

    def _discard(self) -> None:
        """Forget the open transaction."""
        if self._open is None:
            return
        del self._values[self._open_start :]
        if self._open_handed_over:
            self._has_to_discard = True
            self._first_order = 1
        self._open = None
        self._open_handed_over = self._open_skipped = 0

    # -- taking ----------------------------------------------------------------------------------------------------

    def _take_frames(self) -> Group:
        last = self._frames[-1].last if self._frames else 0
        group = Group(
            values=self._values[:last],
            frames=self._frames,
            ends=self._ends,
            stretches=self._stretches,
            schemas=self._schemas,
            first_order=self._first_order,
            discards_open=self._has_to_discard,
        )
        self._values = self._values[last:]
        self._open_start = 0
        self._reset()
        return group

    def _take_piece(self) -> Group | None:
        held = len(self._values)
        if self._open_skipped:
            self._bytes = 0
            return None
        if self._open is None or (held < self._limits.piece_changes and self._bytes < self._limits.piece_bytes):
            return None
        if not self._is_certain():
            # It may be a transaction that was applied already, which only its END tells: count, do not hold.
            self._open_skipped = held
            self._values, self._bytes = [], 0
            return None
        cut = held - 1
        # The create behind a delete may be the second half of a key change: they stay together.
        while cut and self._values[cut - 1][_OP] == _DELETE and self._values[cut][_OP] == _CREATE:
            cut -= 1
        if cut < 1:
            return None
        first_order = self._open_handed_over + 1
        piece = Frame(transaction=read_long(self._open, 0)[0], commit_lsn=None, event_count=cut, first=0, last=cut)
        group = Group(
            values=self._values[:cut],
            frames=[piece],
            ends=[],
            stretches=[],
            schemas=self._schemas,
            first_order=first_order,
        )
        self._values = self._values[cut:]
        self._open_handed_over += cut
        self._reset()
        self._first_order = self._open_handed_over + 1
        return group

    def _is_certain(self) -> bool:
        """True when the open transaction cannot be a repeat: it must commit behind `last_end`."""
        if self._is_past or self._open_handed_over or self._open_offset in self._certain:
            return True
        value = self._values[-1]
        try:
            at = PREFIX_SIZE + 2
            for _ in range(2):
                _, at = read_long(value, at)
            return read_long(value, at)[0] > self._last_end
        except IndexError:
            return False

    def _reset(self) -> None:
        self._bytes = sum(map(len, self._values))
        self._frames, self._ends, self._schemas = [], [], []
        last = self._stretches[-1:]
        self._stretches = [replace(stretch, first_frame=0) for stretch in last]
        self._first_order = 1
        self._has_to_discard = False


def _broken(what: str) -> refusals.FrameBroken:
    return refusals.FrameBroken(what, remedy=refusals.NEW_GENERATION)
