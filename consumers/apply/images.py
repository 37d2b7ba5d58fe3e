"""A table's changes as Arrow columns in the order of the standby's table, and the CSV that COPY reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

from consumers.apply.changes import ShapeChanges
from consumers.apply.table import Table, layout
from schemas.records import UNCHANGED

# Every value quoted, NULL bare: COPY's CSV then keeps NULL and '' apart, and no value can look like a line end,
# an end-of-data mark or a quote.
_CSV: Final = pcsv.WriteOptions(include_header=False, quoting_style="all_valid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The changes `first` to `last` (exclusive) of a shape."""

    shape: ShapeChanges
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """A table's changes in order: one entry per change, one column per column of the table."""

    places: list[int]
    ops: list[str]
    before: list[pa.Array]
    after: list[pa.Array]
    has_before: pa.Array

    def old(self, position: int) -> pa.Array:
        """The column as it locates the old row: the old image's where the stream has one, otherwise the new one's."""
        return pc.if_else(self.has_before, self.before[position], self.after[position])

    def unchanged(self) -> dict[int, tuple[int, ...]]:
        """Change to the positions of its unchanged values."""
        found: dict[int, list[int]] = {}
        for position, column in enumerate(self.after):
            mask = pc.equal(column, UNCHANGED)
            if pc.any(mask).as_py():
                for event in pc.indices_nonzero(mask).to_pylist():
                    found.setdefault(event, []).append(position)
        return {event: tuple(positions) for event, positions in found.items()}

    def key_changes(self, unchanged: Iterable[int], frame_starts: AbstractSet[int]) -> set[int]:
        """Those creates with unchanged values that directly follow a delete of this table in their transaction."""
        return {
            event
            for event in unchanged
            if event > 0
            and self.ops[event] == "c"
            and self.ops[event - 1] == "d"
            and self.places[event - 1] + 1 == self.places[event]
            and self.places[event] not in frame_starts
        }


def build_images(table: Table, slices: Sequence[Slice]) -> Images:
    """Bring the slices of a table's shapes into one order and under the table's columns; raises ShapeMismatch."""
    parts = [_part(table, part) for part in slices]
    if len(parts) == 1:
        return parts[0]
    places = [place for part in parts for place in part.places]
    order = sorted(range(len(places)), key=places.__getitem__)
    index = pa.array(order, pa.int32())
    ops = [op for part in parts for op in part.ops]

    def joined(columns: Iterable[pa.Array]) -> pa.Array:
        return pa.concat_arrays(columns).take(index)

    return Images(
        places=[places[i] for i in order],
        ops=[ops[i] for i in order],
        before=[joined(columns) for columns in zip(*(part.before for part in parts), strict=True)],
        after=[joined(columns) for columns in zip(*(part.after for part in parts), strict=True)],
        has_before=joined(part.has_before for part in parts),
    )


def _part(table: Table, part: Slice) -> Images:
    where = layout(table, part.shape.schema.columns)
    batch = part.shape.as_columns().slice(part.first, part.last - part.first)
    before, after = batch.column("before"), batch.column("after")
    # flatten, unlike field, makes the columns of an absent image NULL.
    before_columns, after_columns = before.flatten(), after.flatten()
    return Images(
        places=part.shape.places[part.first : part.last],
        ops=part.shape.ops[part.first : part.last],
        before=[before_columns[i] for i in where],
        after=[after_columns[i] for i in where],
        has_before=before.is_valid(),
    )


def pick(column: pa.Array, events: Sequence[int | None] | pa.Array) -> pa.Array:
    """The column's values at the events; None gives NULL."""
    return column.take(index_of(events))


def index_of(events: Sequence[int | None] | pa.Array) -> pa.Array:
    """The events as `pick` wants them; worth making once for several columns."""
    return events if isinstance(events, pa.Array) else pa.array(events, pa.int32())


def patch(events: list[int], position: int, patches: Mapping[int, Mapping[int, int]]) -> list[int | None] | None:
    """The events that hold a column's values, for rows some of which take them from elsewhere; None: no row does.

    `patches` maps places in `events` to (position to event); a negative event stands for no value.
    """
    if not any(position in cells for cells in patches.values()):
        return None
    chosen: list[int | None] = list(events)
    for place, cells in patches.items():
        if position in cells:
            chosen[place] = cells[position] if cells[position] >= 0 else None
    return chosen


def to_csv(columns: Sequence[pa.Array]) -> pa.Buffer:
    """The columns as CSV for COPY."""
    sink = pa.BufferOutputStream()
    pcsv.write_csv(pa.RecordBatch.from_arrays(list(columns), names=[str(i) for i in range(len(columns))]), sink, _CSV)
    return sink.getvalue()
