"""Groups -> rows and position of the standby: the one place where they are committed, and together (DESIGN 1)."""

from __future__ import annotations

import time
from dataclasses import replace

from consumers import standby
from consumers.apply import Applied, Applier, Decoded
from consumers.apply.ddl import pending
from consumers.apply.ddl.decisions import Decide, Undecided, undecided
from consumers.apply.ddl.fingerprint import CatalogWatch
from consumers.fetch import Ready
from consumers.position import StandbyPosition
from consumers.sequences import Sequences
from consumers.verify.mend import mend
from data_embassy import failpoint, metrics
from data_embassy.postgres import Connection
from schemas.records import ChangeSchema


class GroupWriter:
    """Writes groups over one connection, from a position on."""

    def __init__(
        self, connection: Connection, position: StandbyPosition, register: str, decide: Decide = undecided
    ) -> None:
        self.position = position
        self.is_inside_transaction = False
        self._connection = connection
        self._applier = Applier(connection, decide=decide)
        self._catalog = CatalogWatch(connection)
        self._sequences = Sequences(connection)
        self._register = register
        self._schemas: list[ChangeSchema] = []
        self._rows = (0, 0, 0)
        self._mended = 0
        self.mended = 0
        """Parts of rows that were sent again in the newest commit."""

    def write(self, ready: Ready) -> bool:
        """Apply a group; True when it was committed, False while its last transaction goes on."""
        group = ready.group
        started = time.perf_counter()
        if group.discards_open:
            self._connection.rollback()
            self._applier.forget()
            self._catalog.forget()
            self._forget()
        if not group.frames:
            return False
        failpoint.hit("before_apply")
        applied = self._apply(ready.decoded)
        if ready.decoded.repairs:
            mend(self._connection, [one.row for one in ready.decoded.repairs])
            self._mended += len(ready.decoded.repairs)
        failpoint.hit("after_apply")
        counts = (applied.inserted, applied.updated, applied.deleted)
        self._rows = (self._rows[0] + counts[0], self._rows[1] + counts[1], self._rows[2] + counts[2])
        self._schemas += group.schemas
        self.is_inside_transaction = not group.is_complete
        if self.is_inside_transaction:
            return False
        self._commit(ready)
        metrics.APPLY_GROUP_SECONDS.labels(self._register).observe(time.perf_counter() - started)
        return True

    def _apply(self, decoded: Decoded) -> Applied:
        try:
            applied = self._applier.apply(decoded)
        except Undecided as stop:
            self._connection.rollback()
            self._applier.forget()
            pending.keep(self._connection, stop.pending)
            raise
        if decoded.ddl:
            self._catalog.forget()
            pending.clear(self._connection)
        elif not decoded.ends_inside_transaction:
            self._catalog.follow(decoded.pulses)
        return applied

    def _commit(self, ready: Ready) -> None:
        old = self.position
        inserted, updated, deleted = self._rows
        new = replace(
            ready.group.position(old),
            beat=ready.pulse.beat,
            pulse_at=ready.pulse.at,
            rows_inserted=old.rows_inserted + inserted,
            rows_updated=old.rows_updated + updated,
            rows_deleted=old.rows_deleted + deleted,
        )
        self._sequences.follow(ready.decoded.pulses)
        if self._schemas:
            standby.add_schemas(self._connection, self._schemas)
        standby.update_position(self._connection, old, new)
        failpoint.hit("before_commit")
        self._connection.commit()
        failpoint.hit("after_commit")
        self.position = new
        self.mended = self._mended
        self._count(old, new)
        self._forget()

    def _forget(self) -> None:
        self.is_inside_transaction = False
        self._schemas = []
        self._rows = (0, 0, 0)
        self._mended = 0

    def _count(self, old: StandbyPosition, new: StandbyPosition) -> None:
        name = self._register
        metrics.APPLY_TRANSACTIONS.labels(name).inc(new.transactions - old.transactions)
        metrics.APPLY_CHANGES.labels(name).inc(new.changes - old.changes)
        for op, count in zip(("insert", "update", "delete"), self._rows, strict=True):
            metrics.APPLY_ROWS.labels(name, op).inc(count)
