"""Generations on a lane: where each SnapshotBegin stands, and whether its snapshot is complete (stream-v1 section 7).

A new epoch is begun at each SnapshotBegin and its header says so in the clear; only the records of snapshots are
opened here. What cannot be verified or opened is passed over: this search looks for a way past a stop, and the
receiver refuses such envelopes when it comes to them. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from consumers.beginnings import GenerationBegan
from consumers.load import Base, base_of
from consumers.reader import Opener
from data_embassy.envelope import Header, Kind, OpenedRecords
from data_embassy.errors import EnvelopeError, StreamError
from data_embassy.types import Lsn
from schemas.records import FINGERPRINTS, MAGIC, ORIGIN_SNAPSHOT, decode

_BEGIN: Final = MAGIC + FINGERPRINTS["SnapshotBegin"]
_POINT: Final = MAGIC + FINGERPRINTS["SnapshotPoint"]
_BASE: Final = MAGIC + FINGERPRINTS["SnapshotBase"]
_END: Final = MAGIC + FINGERPRINTS["SnapshotEnd"]


@dataclass(slots=True, kw_only=True)
class Found:
    """A snapshot on the lane."""

    began: GenerationBegan
    consistent_point: Lsn | None = None
    is_complete: bool = False
    base: Base | None = None
    """Set when only what differs from it was sent."""


class GenerationFinder:
    """Takes a lane's envelopes in order; knows the snapshots among them by run."""

    def __init__(self, opener: Opener, fetch: Callable[[int], bytes]) -> None:
        self.found: dict[int, Found] = {}
        self._opener = opener
        self._fetch = fetch
        self._is_wanted = False
        self._current: int | None = None

    def take(self, lane_offset: int, envelope: bytes) -> None:
        """Look at the next envelope; raises only what `fetch` raises."""
        try:
            header = self._opener.verify(envelope)
            if header.kind is Kind.EPOCH:
                self._is_wanted = self._is_wanted or header.generation is not None
            elif self._is_wanted or self._current is not None:
                at = self._opener.needs_epoch(header)
                if at is not None:
                    self._opener.open_epoch(self._fetch(at), at)
                self._records(header, lane_offset, self._opener.open(envelope))
        except (EnvelopeError, StreamError):
            return

    def _records(self, header: Header, lane_offset: int, opened: OpenedRecords) -> None:
        at = 0
        for run in opened.runs:
            values = opened.values[at : at + run.length]
            if run.origin == ORIGIN_SNAPSHOT:
                if run.first_n == 1 and values[0].startswith(_BEGIN) and run.run not in self.found:
                    self.found[run.run] = Found(
                        began=GenerationBegan(
                            run=run.run,
                            incarnation=header.incarnation,
                            home_offset=header.first_offset + at,
                            lane_offset=lane_offset,
                            value=values[0],
                        )
                    )
                    self._current, self._is_wanted = run.run, False
                if run.run == self._current:
                    self._follow(self.found[run.run], values)
            at += run.length

    def _follow(self, found: Found, values: Iterable[bytes]) -> None:
        for value in values:
            if value.startswith(_POINT):
                found.consistent_point = Lsn(decode(value)[1]["consistent_point"])
            elif value.startswith(_BASE):
                found.base = base_of(decode(value)[1])
            elif value.startswith(_END):
                found.is_complete = True
                self._current = None


def newest(found: Iterable[Found], *, until: int | None = None) -> Found | None:
    """The newest complete snapshot, whose consistent point is not behind `until`; None when there is none.

    One that rests on a base counts only while the lane holds the base too.
    """
    by_run = {one.began.run: one for one in found}
    suitable = [
        one
        for one in by_run.values()
        if one.consistent_point is not None
        and (until is None or one.consistent_point <= until)
        and _is_whole(one, by_run)
    ]
    return max(suitable, key=lambda one: one.began.run, default=None)


def _is_whole(found: Found, by_run: Mapping[int, Found]) -> bool:
    """Complete, and so is everything that it rests on: a base is always of a lower run."""
    if found.base is None or not found.is_complete:
        return found.is_complete
    base = by_run.get(found.base.run)
    return base is not None and found.base.run < found.began.run and _is_whole(base, by_run)
