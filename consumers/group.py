"""Groups: whole source transactions that the standby commits together, with the positions of their ends. Pure.

A transaction too large to be held goes in pieces: frames without a commit LSN, applied inside one database
transaction that only its last piece may commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from consumers.apply.changes import Frame
from consumers.position import StandbyPosition
from schemas.records import ChangeSchema

CHANGES_MAX: Final = 20_000
"""Changes after which a group is handed over though more wait: larger groups gain little (catch-up figures)."""
BYTES_MAX: Final = 16 << 20
PIECE_CHANGES_MAX: Final = 50_000
"""Changes of one transaction held before it goes on in pieces."""
REGISTERS_UNSHARED: Final = 3
"""So many registers of one receiver have the full bounds each."""
PIECE_BYTES_MAX: Final = 16 << 20
"""Several pieces are in work at once, each of them several times: as bytes, as columns, as CSV."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive capture records of one envelope: what turns an End's home offset into a position."""

    first_frame: int
    incarnation: int
    lane_offset: int
    run: int
    home_minus_n: int
    timeline: int


@dataclass(slots=True, kw_only=True)
class Group:
    """Changes and their frames, in commit order."""

    values: list[bytes]
    frames: list[Frame]
    ends: list[tuple[int, int]]
    """Home offset and commit time of each End; one per complete frame."""
    stretches: list[Stretch]
    schemas: list[ChangeSchema] = field(default_factory=list)
    """Announced since the group before."""
    first_order: int = 1
    """Above 1 when the first frame goes on where the last group's piece ended."""
    discards_open: bool = False
    """The pieces handed over before belong to a transaction that never was: roll them back first."""

    @property
    def is_complete(self) -> bool:
        """False when the last frame is a piece: the database transaction stays open."""
        return not self.frames or self.frames[-1].commit_lsn is not None

    def head(self, count: int) -> Group:
        """The group of the first `count` frames."""
        frames = self.frames[:count]
        return replace(
            self,
            values=self.values[: frames[-1].last] if frames else [],
            frames=frames,
            ends=self.ends[:count],
        )

    def tail(self, count: int) -> Group:
        """The group without its first `count` frames, which were whole."""
        first = self.frames[count].first
        return Group(
            values=self.values[first:],
            frames=[
                replace(frame, first=frame.first - first, last=frame.last - first) for frame in self.frames[count:]
            ],
            ends=self.ends[count:],
            stretches=[replace(one, first_frame=max(0, one.first_frame - count)) for one in self.stretches],
        )

    def position(self, base: StandbyPosition) -> StandbyPosition:
        """The position behind the last frame, counted on from `base`. Only for complete groups with frames."""
        last = len(self.frames) - 1
        stretch = _stretch_of(self.stretches, last)
        home_offset, committed_at = self.ends[last]
        lsn = self.frames[last].commit_lsn
        assert lsn is not None
        return replace(
            base,
            incarnation=stretch.incarnation,
            home_offset=home_offset,
            lane_offset=stretch.lane_offset,
            timeline=stretch.timeline,
            capture_run=stretch.run,
            capture_n=home_offset - stretch.home_minus_n,
            last_end=lsn,
            committed_at=committed_at,
            transactions=base.transactions + len(self.frames),
            changes=base.changes + sum(frame.event_count for frame in self.frames),
        )


def _stretch_of(stretches: Sequence[Stretch], frame: int) -> Stretch:
    found = stretches[0]
    for stretch in stretches:
        if stretch.first_frame > frame:
            break
        found = stretch
    return found
