"""How many bytes decoded change records took in Avro binary. Pure.

pyruhvro ignores bytes behind a record. Records whose sizes sum up to the bytes that were given had none behind them,
because no record can take more bytes than it was given.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_UNION_BRANCH_SIZE: Final = 1
# A variable-length zig-zag integer takes one byte more from each of these values on (Avro 1.12, "Primitive Types").
_GROWS_AT: Final = tuple(1 << bits for bits in range(6, 63, 7))


def encoded_size(batch: pa.RecordBatch) -> int:
    """Bytes of all records of the batch (stream-v1 section 4)."""
    size = _strings(batch.column("op"))
    size += sum(_longs(batch.column(name)) for name in ("order", "transaction", "lsn"))
    return size + sum(_row(batch.column(name)) for name in ("before", "after"))


def _row(rows: pa.StructArray) -> int:
    columns = rows.flatten()
    branches = len(rows) + (len(rows) - rows.null_count) * len(columns)
    size: int = _UNION_BRANCH_SIZE * branches + sum(_strings(column) for column in columns)
    return size


def _strings(column: pa.StringArray) -> int:
    lengths = pc.binary_length(column)
    size: int = (pc.sum(lengths).as_py() or 0) + _longs(lengths)
    return size


def _longs(column: pa.Array) -> int:
    # Negative numbers: -1 takes the place of 0 in the zig-zag order, -2 that of 1, and so on.
    span = pc.min_max(column)
    lowest, highest = span["min"].as_py(), span["max"].as_py()
    magnitude = column
    if lowest is not None and lowest < 0:
        magnitude = pc.if_else(pc.less(column, 0), pc.bit_wise_not(column), column)
        highest = max(highest, ~lowest)
    size: int = len(column) - column.null_count
    for limit in _GROWS_AT:
        if highest is None or highest < limit:
            break
        size += pc.sum(pc.greater_equal(magnitude, limit)).as_py()
    return size
