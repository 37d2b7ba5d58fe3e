"""Position of a standby: one row in `embassy_local.position`, committed with the rows it describes (DESIGN 8).

From this row alone the receiver goes on after any crash: it describes the end of the last applied transaction, so
everything behind it is read again. It is pure; `standby` reads and writes it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from data_embassy.types import Lsn, SessionNumber
from schemas.records import ORIGIN_SNAPSHOT, RecordKey, snapshot_run


@dataclass(frozen=True, slots=True, kw_only=True)
class StandbyPosition:
    """How far a standby is: the End record of the last applied transaction, or the SnapshotBegin it starts from."""

    generation: int
    attempt: int
    incarnation: int
    home_offset: int
    """Last home offset consumed."""
    lane_offset: int
    """Lane offset of the envelope that holds it."""
    system_identifier: str
    timeline: int
    capture_run: int | None = None
    """Session of the last record consumed; None until the generation's first transaction."""
    capture_n: int = 0
    last_end: int
    """Commit LSN of the last transaction, at first the consistent point."""
    committed_at: int | None = None
    """Its commit time by the register's clock, microseconds since 1970."""
    beat: int | None = None
    pulse_at: int | None = None
    """Clock of the newest applied pulse, microseconds since 1970."""
    transactions: int = 0
    changes: int = 0
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_deleted: int = 0

    @property
    def next_offset(self) -> int:
        """First home offset to be read."""
        return self.home_offset + (self.capture_run is not None)

    @property
    def begins_with(self) -> RecordKey | None:
        """Its SnapshotBegin, read again until a transaction was applied: nothing else tells that it still stands there.

        None afterwards: what follows goes on with the numbers of a session.
        """
        if self.capture_run is not None:
            return None
        return RecordKey(ORIGIN_SNAPSHOT, snapshot_run(self.generation, self.attempt), 1)

    def __str__(self) -> str:
        session = "-" if self.capture_run is None else str(SessionNumber(self.capture_run))
        return (
            f"{Lsn(self.last_end)} (generation {self.generation}.{self.attempt}, session {session} n {self.capture_n},"
            f" home {self.incarnation}:{self.home_offset}, lane {self.lane_offset})"
        )


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(StandbyPosition))
