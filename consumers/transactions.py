"""BEGIN, changes and END -> whole transactions, held until they are taken as a group (stream-v1 section 5). Pure.

Of a transaction too large to be held, pieces can be taken before its END is seen, once it is certain that it is no
repeat; of one that might be a repeat, the changes are only counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from consumers import refusals
from consumers.apply.changes import Frame
from consumers.group import (
    BYTES_MAX,
    CHANGES_MAX,
    PIECE_BYTES_MAX,
    PIECE_CHANGES_MAX,
    REGISTERS_UNSHARED,
    Group,
    Stretch,
)
from consumers.varint import read_long, read_longs
from data_embassy.share import share_of
from schemas.records import PREFIX_SIZE, ChangeSchema

_CHANGES_LEAST: Final = 2_000
_BYTES_LEAST: Final = 1 << 20
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

    @classmethod
    def of_one_of(cls, registers: int) -> Limits:
        """Bounds of one register of a receiver that has so many: what all hold together does not grow with them."""
        part = partial(share_of, registers=registers, unshared=REGISTERS_UNSHARED)
        return cls(
            changes=part(CHANGES_MAX, least=_CHANGES_LEAST),
            bytes=part(BYTES_MAX, least=_BYTES_LEAST),
            piece_changes=part(PIECE_CHANGES_MAX, least=_CHANGES_LEAST),
            piece_bytes=part(PIECE_BYTES_MAX, least=_BYTES_LEAST),
        )


class RereadNeeded(Exception):
    """A huge transaction that might have been a repeat was only counted; it is none: read again from the position.

    Not an error: the reader starts over from the position with `begin_offset` among the certain ones.
    """

    def __init__(self, begin_offset: int) -> None:
        super().__init__(begin_offset)
        self.begin_offset = begin_offset


class BeginLost(Exception):
    """An END behind `last_end` came without its BEGIN: the session lost records right where the reader joined it.

    Not an error: the session is suspended until its next marker, as behind a skipped number.
    """


class Transactions:
    """Whole transactions behind `last_end`, and the open one."""

    def __init__(self, last_end: int, *, incarnation: int, limits: Limits, certain: Iterable[int]) -> None:
        self.last_end = last_end
        self.has_ended = False
        """True when a transaction ended that had not been applied."""
        self.is_before_first_begin = False
        """True while what stands outside a transaction belongs to one that began before the reader joined."""
        self.is_past = False
        """True when the session cannot repeat an applied transaction any more."""
        self.incarnation = incarnation
        """Incarnation of the records that come."""
        self.incarnation_of_end = incarnation
        self._limits = limits
        self._certain = frozenset(certain)
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

    # -- input -----------------------------------------------------------------------------------------------------

    def stretch(self, lane_offset: int, run: int, home_minus_n: int, timeline: int, size: int) -> None:
        """Consecutive records of one envelope follow, of `size` bytes."""
        self._bytes += size
        self._stretches.append(
            Stretch(len(self._frames), self.incarnation, lane_offset, run, home_minus_n, timeline)
        )  # fmt: skip

    def move_to(self, timeline: int) -> None:
        """The records that follow are of this timeline."""
        self._stretches[-1] = replace(self._stretches[-1], timeline=timeline)

    def announce(self, schema: ChangeSchema) -> None:
        """Hand this schema over with the next group."""
        self._schemas.append(schema)

    @property
    def takes_changes(self) -> bool:
        """False where a change counts for nothing; raises FrameBroken where none may stand."""
        if self._open is not None:
            return True
        if self.is_before_first_begin:
            return False
        raise broken("a change stands outside a transaction")

    def add(self, values: Sequence[bytes], begin: int, end: int) -> None:
        """Take changes of the open transaction."""
        if self._open_skipped:
            self._open_skipped += end - begin
        else:
            self._values += values[begin:end] if begin or end < len(values) else values

    def begin(self, value: bytes, offset: int) -> None:
        """A BEGIN at this home offset; raises FrameBroken."""
        if self._open is not None:
            raise broken("a BEGIN stands inside a transaction")
        self._open = value[PREFIX_SIZE:]
        self._open_start = len(self._values)
        self._open_offset = offset
        self.is_before_first_begin = False

    def end(self, value: bytes, offset: int) -> None:
        """An END at this home offset; raises BeginLost, FrameBroken, RereadNeeded."""
        tail = self._open
        if tail is None and not self.is_before_first_begin:
            raise broken("an END stands outside a transaction")
        try:
            transaction, commit_lsn, event_count, committed_at = read_longs(value, PREFIX_SIZE, 4)
        except IndexError:
            raise broken("an END is damaged") from None
        if tail is None:
            # A BEGIN is written after the commit: one that stands before the SnapshotBegin is of before the point.
            if commit_lsn > self.last_end:
                raise BeginLost
            return
        if not value.startswith(tail, PREFIX_SIZE):
            raise broken("an END names another transaction than its BEGIN")
        count = len(self._values) - self._open_start + self._open_handed_over + self._open_skipped
        if count != event_count:
            raise broken(f"a transaction has {count} changes where its END says {event_count}")
        if commit_lsn <= self.last_end:
            self.discard()
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
        self.last_end = commit_lsn
        self.incarnation_of_end = self.incarnation
        self.is_past = self.has_ended = True

    def discard(self) -> bool:
        """Forget the open transaction; False when there was none."""
        if self._open is None:
            return False
        del self._values[self._open_start :]
        if self._open_handed_over:
            self._has_to_discard = True
            self._first_order = 1
        self._open = None
        self._open_handed_over = self._open_skipped = 0
        return True

    # -- taking ----------------------------------------------------------------------------------------------------

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
        return self._take_frames() if self.has_frames else self._take_piece()

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
        piece = Frame(transaction=read_long(self._open, 0)[0], commit_lsn=None, event_count=cut, first=0, last=cut)
        group = Group(
            values=self._values[:cut],
            frames=[piece],
            ends=[],
            stretches=[],
            schemas=self._schemas,
            first_order=self._open_handed_over + 1,
        )
        self._values = self._values[cut:]
        self._open_handed_over += cut
        self._reset()
        self._first_order = self._open_handed_over + 1
        return group

    def _is_certain(self) -> bool:
        """True when the open transaction cannot be a repeat: it must commit behind `last_end`."""
        if self.is_past or self._open_handed_over or self._open_offset in self._certain:
            return True
        value = self._values[-1]
        try:
            at = PREFIX_SIZE + 2
            for _ in range(2):
                _, at = read_long(value, at)
            return read_long(value, at)[0] > self.last_end
        except IndexError:
            return False

    def _reset(self) -> None:
        self._bytes = sum(map(len, self._values))
        self._frames, self._ends, self._schemas = [], [], []
        last = self._stretches[-1:]
        self._stretches = [replace(stretch, first_frame=0) for stretch in last]
        self._first_order = 1
        self._has_to_discard = False


def broken(what: str) -> refusals.FrameBroken:
    """The error for records that cannot follow each other."""
    return refusals.FrameBroken(what, remedy=refusals.NEW_GENERATION)
