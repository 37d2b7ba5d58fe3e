"""Find where to go on, from the lane's tail and the home topic (rules in `tail`).

It reads through two `Log`s and decides nothing that `tail` does not state. What home cannot recognise as its own
envelope is passed over here; the receiver refuses it and says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from data_embassy.envelope import Header, Kind
from data_embassy.errors import EnvelopeError, StreamError
from pipelines.batches import Record, is_snapshot_begin
from pipelines.numbering import HomeGap, unsealable
from pipelines.tail import (
    Bounds,
    Covered,
    Start,
    begin_again,
    check_not_trimmed,
    first_start,
    go_on,
    is_comparable,
    last_agreeing,
    newest,
    past_gap,
)
from schemas.records import KEY_SIZE

TAIL_ENVELOPES: Final = 8
"""Envelopes read back at first; each may cost a mebibyte of the long link."""
_WIDEN: Final = 8


class LaneUnreadable(StreamError):
    """None of the lane's envelopes carries home's signature."""


class Log(Protocol):
    """One partition that can be read at any offset."""

    def bounds(self) -> Bounds: ...  # noqa: D102

    def read(self, first: int, last: int) -> Iterator[tuple[int, bytes | None, bytes | None]]:
        """Offset, key and value of every message in [first, last]."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """What home can do with its own envelopes: check the signature, digest the records they should hold."""

    verify: Callable[[bytes], Header]
    digest: Callable[[Sequence[Record]], bytes]


@dataclass(slots=True, kw_only=True)
class Opening:
    """One search for the place to go on."""

    lane: Log
    home: Log
    recognition: Recognition
    new_incarnation: Callable[[int], int]
    """A number greater than the given one, and than that of every other forwarder that looked earlier."""
    unreadable: int = 0

    def find(self, *, below: int | None = None, refused: int | None = None) -> Start:
        """Where to go on; only envelopes at lane offsets lower than `below` count.

        `refused`: home offset of a record that cannot be sealed. Raises HomeGap, LaneUnreadable, Unsealable.
        """
        start = self._find(below)
        if refused is None or start.next_offset > refused or start.is_rewritten:
            return start
        home = self.home.bounds()
        begins_at = self._snapshot_begin(refused + 1, home.end)
        if begins_at is None:
            raise unsealable(refused)
        return self._past(start.incarnation, begins_at, home)

    def _find(self, below: int | None) -> Start:
        lane, home = self.lane.bounds(), self.home.bounds()
        if below is not None:
            lane = Bounds(low=lane.low, end=min(lane.end, below))
        tail = self._newest(lane)
        if tail is None:
            return first_start(home, self._key_at(home.low, home))
        try:
            check_not_trimmed(tail, home)
        except HomeGap:
            begins_at = self._snapshot_begin(max(home.low, tail.last_offset + 1), home.end)
            if begins_at is None:
                raise
            return self._past(tail.incarnation, begins_at, home)
        records = self._agreeing_records(tail, home)
        if records is not None:
            return go_on(tail, records, self._key_at(tail.last_offset + 1, home))
        return self._rewritten(tail, lane, home)

    def _past(self, incarnation: int, begins_at: int, home: Bounds) -> Start:
        return past_gap(
            incarnation=self.new_incarnation(incarnation),
            snapshot_begin=begins_at,
            following=self._key_at(begins_at, home),
        )

    def _newest(self, lane: Bounds) -> Covered | None:
        count = TAIL_ENVELOPES
        while True:
            first = max(lane.low, lane.end - count)
            tail = newest(self._covered(first, lane.end))
            if tail is not None:
                return tail
            if first == lane.low:
                break
            count *= _WIDEN
        if self.unreadable:
            raise LaneUnreadable(
                "no envelope of the lane carries this home's signature",
                remedy="compare the lane's id and the fingerprints of home's keys on both sites: embassy keys list",
            )
        return None

    def _covered(self, first: int, end: int) -> Iterator[Covered]:
        if first >= end:
            return
        for lane_offset, _, envelope in self.lane.read(first, end - 1):
            try:
                header = self.recognition.verify(envelope or b"")
            except EnvelopeError:
                self.unreadable += 1
                continue
            if header.kind is Kind.RECORDS:
                yield Covered(
                    lane_offset=lane_offset,
                    incarnation=header.incarnation,
                    first_offset=header.first_offset,
                    last_offset=header.last_offset,
                    digest=header.digest,
                )

    def _agreeing_records(self, envelope: Covered, home: Bounds) -> list[Record] | None:
        if not is_comparable(envelope, home):
            return None
        records = self._home_records(envelope.first_offset, envelope.last_offset)
        if [record[0] for record in records] != list(range(envelope.first_offset, envelope.last_offset + 1)):
            return None
        return records if self.recognition.digest(records) == envelope.digest else None

    def _home_records(self, first: int, last: int) -> list[Record]:
        return [(offset, key or b"", value or b"") for offset, key, value in self.home.read(first, last)]

    def _key_at(self, offset: int, home: Bounds) -> bytes | None:
        return self._home_records(offset, offset)[0][1] if home.low <= offset < home.end else None

    def _snapshot_begin(self, first: int, end: int) -> int | None:
        found = (
            offset
            for offset, key, _ in self.home.read(first, end - 1)
            if key is not None and len(key) == KEY_SIZE and is_snapshot_begin(key)
        )
        return next(found, None)

    def _rewritten(self, tail: Covered, lane: Bounds, home: Bounds) -> Start:
        best: tuple[Covered, list[Record]] | None = None

        def agrees(lane_offset: int) -> bool:
            nonlocal best
            envelope = next(self._covered(lane_offset, lane.end), None)
            records = None if envelope is None else self._agreeing_records(envelope, home)
            if envelope is None or records is None:
                return False
            best = envelope, records
            return True

        last_agreeing(lane.low, lane.end, agrees)
        agreeing, records = best if best is not None else (None, [])
        return begin_again(
            incarnation=self.new_incarnation(tail.incarnation),
            agreeing=agreeing,
            records=records,
            following=self._key_at(home.low if agreeing is None else agreeing.last_offset + 1, home),
            home=home,
        )
