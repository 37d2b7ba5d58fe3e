"""Watches the snapshot records that pass by for the beginning of a later attempt or generation. Pure.

A reader of one generation's stream counts no snapshot record; it only learns that its own snapshot's point has passed
and that another snapshot began.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from consumers import refusals
from consumers.position import StandbyPosition
from schemas.records import FINGERPRINTS, MAGIC, snapshot_run

_SNAPSHOT_BEGIN: Final = MAGIC + FINGERPRINTS["SnapshotBegin"]
_POINT_N: Final = 2
"""SnapshotPoint directly follows SnapshotBegin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationBegan:
    """A SnapshotBegin of a later attempt or generation passed by."""

    run: int
    incarnation: int
    home_offset: int
    lane_offset: int
    value: bytes


class Beginnings:
    """Later generations that began, in the order of the stream."""

    def __init__(self, start: StandbyPosition, latest_run: int) -> None:
        self._own_run = snapshot_run(start.generation, start.attempt)
        self._latest_run = max(latest_run, self._own_run)
        self._began: list[GenerationBegan] = []

    def take(self) -> list[GenerationBegan]:
        """Those that began since the last call."""
        began, self._began = self._began, []
        return began

    def is_own_point(self, run: int, first_n: int, count: int) -> bool:
        """True when these records hold the point of the snapshot that the standby was made of."""
        return run == self._own_run and first_n <= _POINT_N < first_n + count

    def pass_by(
        self, run: int, first_n: int, values: Sequence[bytes], *, incarnation: int, lane_offset: int, home_offset: int
    ) -> None:
        """Look at records of a snapshot; raises RunWithoutMarker."""
        if run <= self._latest_run or first_n != 1:
            return
        value = values[0]
        if not value.startswith(_SNAPSHOT_BEGIN):
            raise refusals.RunWithoutMarker("a snapshot begins without its marker", remedy=refusals.NEW_GENERATION)
        self._latest_run = run
        self._began.append(
            GenerationBegan(
                run=run, incarnation=incarnation, home_offset=home_offset, lane_offset=lane_offset, value=value
            )
        )
