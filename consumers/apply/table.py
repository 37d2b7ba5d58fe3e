"""What the applier knows about a table of the standby. Pure; `catalog` reads it from PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from consumers.apply.errors import ShapeMismatch

COLUMNS_MAX: Final = 1600
"""What PostgreSQL allows a table to have."""
STAGING_COLUMNS: Final = 3
"""Those of a staging table that are no columns of its table, at most."""

QualifiedName = tuple[str, str]
"""Schema and name of a type, operator or collation. Always written out: under the pinned search_path a bare `=` on
citext would mean the equality of text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column that changes can carry and that is written or locates rows."""

    name: str
    type_text: str
    """Type behind domains as `format_type` writes it, with its modifier."""
    cast: QualifiedName
    """The same without modifier: a cast to it never truncates."""
    collation: QualifiedName | None
    is_generated: bool
    """Generated (only kept here when it belongs to the key): never written."""
    is_identity: bool
    is_identity_always: bool
    """GENERATED ALWAYS AS IDENTITY: may be inserted, never updated, not even to the same value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedColumn:
    """A column that PostgreSQL makes of others of its row."""

    name: str
    type_text: str
    """Type behind domains as `format_type` writes it, with its modifier."""
    collation: QualifiedName | None
    expression: str
    """Over the other columns, none of which is generated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyColumn:
    """A column by which rows are located, and how PostgreSQL compares it there."""

    position: int
    equals: QualifiedName
    less: QualifiedName
    collation: QualifiedName | None
    """The index's collation where it is not the column's own."""
    is_canonical: bool
    """Equal values have equal text, so that keys can be compared without asking PostgreSQL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferredElement:
    """One element of a deferrable constraint: an expression over columns and the operator that conflicts."""

    expression: str
    operator: QualifiedName
    collation: QualifiedName | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferredConstraint:
    """A deferrable unique or exclusion constraint: PostgreSQL does not enforce it under the replica role."""

    name: str
    elements: tuple[DeferredElement, ...]
    predicate: str | None
    nulls_conflict: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """An ordinary table or partition leaf of the standby."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    generated: tuple[GeneratedColumn, ...]
    """All generated columns; the stream may carry them."""
    key: tuple[KeyColumn, ...]
    """Columns that locate rows; empty when only whole images can."""
    guard: tuple[int, ...]
    """Positions whose change forbids an update in place: columns of other unique or exclusion indexes, whose
    order of changes would matter, and identity columns that cannot be updated."""
    deferred: tuple[DeferredConstraint, ...]

    @property
    def label(self) -> str:
        """Name for messages."""
        return f"{self.schema}.{self.name}"

    @property
    def writable(self) -> tuple[int, ...]:
        """Positions that INSERT and COPY write."""
        return tuple(i for i, column in enumerate(self.columns) if not column.is_generated)

    @property
    def settable(self) -> tuple[int, ...]:
        """Positions that UPDATE may set."""
        return tuple(i for i in self.writable if not self.columns[i].is_identity_always)

    @property
    def key_positions(self) -> tuple[int, ...]:
        """Positions of the key columns."""
        return tuple(column.position for column in self.key)

    @property
    def fits_staging(self) -> bool:
        """Whether a staging table can hold all columns, the key again, and what is to be done."""
        return len(self.columns) + len(self.key) + STAGING_COLUMNS <= COLUMNS_MAX

    def needs_set_path(self) -> bool:
        """True when a change of one row cannot be replayed as one statement with its verdict."""
        frozen = set(self.guard) & {i for i, column in enumerate(self.columns) if column.is_identity_always}
        return bool(self.deferred or (self.key and frozen))


def layout(table: Table, stream_columns: Iterable[str]) -> list[int]:
    """For each column of the table, where the stream carries it.

    Raises ShapeMismatch unless the stream has exactly the standby's columns; generated ones may be absent.
    """
    places = {name: i for i, name in enumerate(stream_columns)}
    known = {column.name for column in table.columns} | {column.name for column in table.generated}
    missing = sum(name not in known for name in places)
    surplus = sum(column.name not in places for column in table.columns)
    if missing or surplus:
        raise ShapeMismatch(table.label, missing=missing, surplus=surplus)
    return [places[column.name] for column in table.columns]
