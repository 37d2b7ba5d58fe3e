"""What a snapshot tells while it is taken: phases, rows, and how long it has been held."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from pipelines.snapshot.plan import Table
from pipelines.snapshot.words import Progress, Report, Totals

HELD_SECONDS_MAX: Final = 15 * 60
"""A snapshot held longer is told about: it keeps the register's VACUUM from cleaning up."""
_EVERY_SECONDS: Final = 1.0


class Telling:
    """Progress of one attempt; `totals` is counted by whoever writes."""

    def __init__(self, report: Report) -> None:
        self.totals = Totals()
        self._report = report
        self._begun = time.monotonic()
        self._told_at = 0.0
        self._tables = self._estimated = 0

    @property
    def seconds(self) -> float:
        """Time since the attempt began."""
        return time.monotonic() - self._begun

    def expect(self, tables: Sequence[Table]) -> None:
        """What there is to read."""
        self._tables, self._estimated = len(tables), sum(table.heap_bytes for table in tables)

    def tell_rows(self) -> None:
        """Tell of rows, not more often than needed."""
        if time.monotonic() - self._told_at >= _EVERY_SECONDS or self.totals.tables_done == self._tables:
            self.tell("rows", "")

    def tell(self, phase: str, message: str) -> None:
        """Tell of a phase."""
        self._told_at = time.monotonic()
        held = self.seconds
        if held > HELD_SECONDS_MAX:
            note = f"the snapshot has been held for {held / 60:.0f} min and keeps VACUUM from cleaning up"
            message = f"{message}; {note}" if message else note
        self._report(
            Progress(
                phase=phase,
                message=message,
                tables_done=self.totals.tables_done,
                tables=self._tables,
                rows=self.totals.rows,
                bytes=self.totals.bytes,
                bytes_estimated=self._estimated,
                seconds=held,
            )
        )
