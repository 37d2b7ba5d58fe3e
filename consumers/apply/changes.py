"""What passes between the receiver, the decoder and the applier: frames, decoded changes, results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from schemas.records import ChangeSchema

Text = str | None
"""A value as PostgreSQL's own text; None is NULL, U+0000 means unchanged (stream-v1 section 4)."""

Record = dict[str, Any]
"""One change record as it stands in the stream: op, order, transaction, lsn, before, after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One source transaction, or a piece of one: the values `first` to `last` (exclusive) of the group's list.

    `commit_lsn` is None for a piece whose transaction goes on; `event_count` is the End record's and is read only
    when `commit_lsn` is known.
    """

    transaction: int
    commit_lsn: int | None
    event_count: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeChanges:
    """The group's changes of one shape of one table, in order; `places` says where each stands in the group.

    They are held the way they were decoded, in columns or as records; either form is made from the other on demand.
    """

    schema: ChangeSchema
    places: list[int]
    ops: list[str]
    columns: pa.RecordBatch | None = None
    records: list[Record] | None = None

    def as_columns(self) -> pa.RecordBatch:
        """The changes as one Arrow batch."""
        if self.columns is not None:
            return self.columns
        return pa.RecordBatch.from_pylist(self.records, schema=arrow_schema(len(self.schema.columns)))

    def as_records(self, first: int, last: int) -> list[Record]:
        """The changes `first` to `last` (exclusive) of this shape as records."""
        if self.records is not None:
            return self.records[first:last]
        assert self.columns is not None
        records: list[Record] = self.columns.slice(first, last - first).to_pylist()
        return records

    def after_image(self, index: int) -> dict[str, Text]:
        """Column name to text of the row after the change `index`."""
        (record,) = self.as_records(index, index + 1)
        return dict(zip(self.schema.columns, record["after"].values(), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class DdlRow:
    """A row that was inserted into `data_embassy.ddl`, the frame that carries it and its place among the values."""

    frame: int
    place: int
    row: Mapping[str, Text]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRow:
    """A row that was inserted into a table of the schema `data_embassy`, and the frame that carries it."""

    frame: int
    row: Mapping[str, Text]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A group of whole transactions (or one piece of a huge one), decoded and checked, ready to be applied."""

    frames: tuple[Frame, ...]
    shapes: tuple[ShapeChanges, ...]
    count: int
    pulses: tuple[Mapping[str, Text], ...]
    """Rows of `data_embassy.pulse`, oldest first."""
    ddl: tuple[DdlRow, ...]
    checkpoints: tuple[OwnRow, ...] = ()
    repairs: tuple[OwnRow, ...] = ()
    pulse_places: tuple[int, ...] = ()
    """Where among the values they stand."""

    @property
    def ends_inside_transaction(self) -> bool:
        """True when the last frame is a piece whose transaction goes on in the next group."""
        return bool(self.frames) and self.frames[-1].commit_lsn is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """How many changes of each kind the stream held and the standby took. The same for any grouping."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    truncated: int = 0


def arrow_schema(width: int) -> pa.Schema:
    """Arrow's view of a change record with `width` columns (stream-v1 section 4)."""
    row = pa.struct([pa.field(f"c{i}", pa.string()) for i in range(width)])
    return pa.schema(
        [
            pa.field("op", pa.string(), nullable=False),
            pa.field("order", pa.int64(), nullable=False),
            pa.field("transaction", pa.int64(), nullable=False),
            pa.field("lsn", pa.int64(), nullable=False),
            pa.field("before", row),
            pa.field("after", row),
        ]
    )
