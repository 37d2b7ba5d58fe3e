"""Applies decoded groups to a standby inside the caller's transaction.

A group is cut at its schema changes into parts, and those at their truncates into segments. Within a segment tables do
not depend on each other, because foreign keys and triggers are off under the replica role: each table's changes are
applied together, few of them row by row, many as a set. Never commits; after a rollback the caller says `forget` and
may apply the group again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import sql

from consumers.apply import statements
from consumers.apply.catalog import Catalog
from consumers.apply.changes import Applied, Decoded, ShapeChanges
from consumers.apply.ddl.decisions import Decide, undecided
from consumers.apply.ddl.replay import DdlReplayer
from consumers.apply.deferred import find_conflict
from consumers.apply.errors import Divergence, translate
from consumers.apply.images import Slice, build_images
from consumers.apply.merge import KeyedMerge
from consumers.apply.multiset import ImageMerge
from consumers.apply.rows import RowWriter, read_rows
from consumers.apply.segments import Segment, cut_at, cut_segments
from consumers.apply.staging import Staging, hash_joins
from consumers.apply.table import DeferredConstraint, Table
from data_embassy.postgres import Connection

ROW_PATH_COUNT_MAX: Final = 40
"""Up to so many changes of a table in a segment go row by row (measured: bench/apply.py)."""


class Applier:
    """Applies groups over one connection that `prepare_session` made ready."""

    def __init__(
        self, connection: Connection, *, row_path_count_max: int = ROW_PATH_COUNT_MAX, decide: Decide = undecided
    ) -> None:
        self._connection = connection
        self._row_path_count_max = row_path_count_max
        self._catalog = Catalog(connection)
        self._staging = Staging(connection)
        self._rows = RowWriter(connection)
        self._keyed = KeyedMerge(connection, self._staging)
        self._keyless = ImageMerge(connection, self._staging)
        self._ddl = DdlReplayer(connection, decide)
        self._postponed: set[tuple[str, str]] = set()
        self._must_deallocate = False
        self._forgotten = 0

    def apply(self, decoded: Decoded) -> Applied:
        """Apply a group inside the caller's transaction.

        Raises ApplyError (Divergence and others) when the standby cannot take the changes exactly, TransportError when
        the connection failed; the caller rolls back in either case.
        """
        if decoded.ddl:
            self._apply_with_ddl(decoded)
        else:
            self._apply_part(decoded, can_check_now=not decoded.ends_inside_transaction)
        if not decoded.ends_inside_transaction:
            self._check_postponed()
        return _count(decoded.shapes)

    def _apply_with_ddl(self, decoded: Decoded) -> None:
        """Changes before each schema change, then it, against the catalog as it then is."""
        steps = self._ddl.steps(decoded)
        first, *others = cut_at(decoded, [step.place for step in steps])
        self._apply_part(first, can_check_now=False)
        for step, part in zip(steps, others, strict=True):
            postponed = self._oids(self._postponed)
            if self._ddl.run(step):
                self.forget()
                self._postponed = self._names(postponed)
            self._apply_part(part, can_check_now=False)

    def _apply_part(self, decoded: Decoded, *, can_check_now: bool) -> None:
        with _translated("its tables"):
            self._deallocate()
        segments = list(cut_segments(decoded))
        # Deferrable constraints bind at the end of a transaction, not at a truncate or at the end of a piece.
        can_check_now = can_check_now and len(segments) == 1
        starts = frozenset(frame.first for frame in decoded.frames)
        for segment in segments:
            self._apply_segment(segment, starts, can_check_now=can_check_now)

    def _oids(self, tables: Iterable[tuple[str, str]]) -> list[int]:
        """Tables that still have to be checked, so that they are found under a new name."""
        names = [sql.Identifier(*table).as_string(self._connection) for table in tables]
        query = "SELECT pg_catalog.to_regclass(n)::pg_catalog.oid::pg_catalog.int8 FROM pg_catalog.unnest(%s::text[]) n"
        return [row[0] for row in self._connection.execute(query, (names,)).fetchall()] if names else []

    def _names(self, oids: list[int]) -> set[tuple[str, str]]:
        query = (
            "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c"
            " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY (%s::pg_catalog.oid[])"
        )
        return {(row[0], row[1]) for row in self._connection.execute(query, (oids,)).fetchall()} if oids else set()

    def forget(self) -> None:
        """Drop what is remembered of the standby's schema: after DDL, and after a rollback."""
        self._catalog.forget()
        self._staging.forget()
        self._rows.forget()
        self._postponed.clear()
        self._must_deallocate = True

    def _deallocate(self) -> None:
        # A prepared statement keeps the parameter types of the shape that it was made for.
        if self._must_deallocate:
            # Never the same text twice: psycopg looks only at the outcome of statements that it has not seen yet, and
            # would go on to use what is gone.
            self._forgotten += 1
            self._connection.execute(f"DEALLOCATE ALL -- {self._forgotten}".encode(), prepare=False)
            self._must_deallocate = False

    def _apply_segment(self, segment: Segment, starts: frozenset[int], *, can_check_now: bool) -> None:
        row_work = []
        for (schema, name), slices in segment.tables.items():
            with _translated(f"{schema}.{name}"):
                table = self._catalog.table(schema, name)
                if self._goes_row_by_row(table, slices):
                    changes = [change for part in slices for change in read_rows(table, part)]
                    row_work.append((table, sorted(changes, key=lambda change: change.place)))
                else:
                    self._apply_set(table, slices, starts, can_check_now=can_check_now)
        if row_work:
            labels = ", ".join(table.label for table, _ in row_work)
            with _translated(labels):
                self._rows.apply(row_work, starts)
        if segment.truncated:
            with _translated(f"{segment.truncated[0][0]}.{segment.truncated[0][1]}"):
                tables = [self._catalog.table(schema, name) for schema, name in segment.truncated]
                self._connection.execute(statements.truncate(tables))

    def _goes_row_by_row(self, table: Table, slices: Sequence[Slice]) -> bool:
        if table.needs_set_path():
            return False
        if not table.fits_staging:
            return True
        return sum(part.last - part.first for part in slices) <= self._row_path_count_max

    def _apply_set(self, table: Table, slices: Sequence[Slice], starts: frozenset[int], *, can_check_now: bool) -> None:
        images = build_images(table, slices)
        stage = (self._keyed if table.key else self._keyless).apply(table, images, starts)
        if not table.deferred:
            return
        if not can_check_now:
            self._postponed.add((table.schema, table.name))
        elif stage is not None:
            for constraint in table.deferred:
                self._check(table, constraint, stage)

    def _check_postponed(self) -> None:
        for schema, name in sorted(self._postponed):
            with _translated(f"{schema}.{name}"):
                table = self._catalog.table(schema, name)
                for constraint in table.deferred:
                    with hash_joins(self._connection):
                        self._check(table, constraint, None)
        self._postponed.clear()

    def _check(self, table: Table, constraint: DeferredConstraint, stage: sql.Identifier | None) -> None:
        if self._connection.execute(find_conflict(table, constraint, stage)).rowcount:
            raise Divergence(table.label, f"rows break the deferrable constraint {constraint.name}")


@contextmanager
def _translated(label: str) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        # Not chained: PostgreSQL's text may quote values.
        raise translate(error, label) from None


def _count(shapes: Sequence[ShapeChanges]) -> Applied:
    ops = Counter[str]()
    for shape in shapes:
        ops.update(shape.ops)
    return Applied(inserted=ops["c"], updated=ops["u"], deleted=ops["d"], truncated=ops["t"])
