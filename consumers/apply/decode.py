"""From record values to checked changes in columns (stream-v1 sections 3 to 5). Pure: no database, no broker.

Steps:
(1) group the values by the fingerprint of their schema; an unknown one is a stop;
(2) decode each shape: many values to Arrow at once, few values one by one;
(3) check operations and images;
(4) check that every frame holds order 1..n of its own transaction, over all tables together;
(5) pick out the rows of the register's own tables that the receiver watches.
Signatures, keys (origin, run, n) and the assembly of frames are the receiver's.
"""

from __future__ import annotations

import io
import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, Final

import fastavro
import pyarrow as pa
import pyruhvro
from fastavro.schema import parse_schema, to_parsing_canonical_form

from consumers.apply.changes import DdlRow, Decoded, Frame, OwnRow, Record, ShapeChanges, arrow_schema
from consumers.apply.encoded_size import encoded_size
from consumers.apply.errors import BrokenFrame, DamagedChange, UnknownShape
from schemas.records import MAGIC, PREFIX_SIZE, ChangeSchema

COLUMNAR_COUNT_MIN: Final = 12
"""From so many values of a shape on Arrow is cheaper: a call costs 75 us, a value one by one 8 us (bench/apply.py)."""
GROUP_BYTES_MAX: Final = 1 << 30
"""Arrow's string offsets have 31 bits; a group must stay well below."""

OWN_SCHEMA: Final = "data_embassy"

# op, has before, has after (stream-v1 section 4)
_IMAGES: Final = frozenset(
    {("c", False, True), ("u", False, True), ("u", True, True), ("d", True, False), ("t", False, False)}
)


class Decoder:
    """Decodes groups of change values. Sees schemas that are announced later through the mapping it was given."""

    def __init__(self, schemas: Mapping[bytes, ChangeSchema]) -> None:
        self._schemas = schemas
        self._parsed: dict[bytes, _Parsed] = {}

    def decode(self, values: Sequence[bytes], frames: Sequence[Frame], *, first_order: int = 1) -> Decoded:
        """Decode and check `values`, cut into `frames`; `first_order` is that of the first value (a later piece).

        Raises StreamError when the values are not exactly what their frames say.
        """
        shapes: list[ShapeChanges] = []
        orders = [0] * len(values)
        transactions = [0] * len(values)
        for crc, (places, bodies) in _group(values).items():  # (1)
            shape = self._decode_shape(crc, places, bodies)  # (2)
            shapes.append(shape)
            _check_images(shape)  # (3)
            for place, order, transaction in zip(places, *_numbers(shape), strict=True):
                orders[place] = order
                transactions[place] = transaction
        _check_frames(frames, orders, transactions, first_order)  # (4)
        pulses = _own_rows(shapes, "pulse", "cu")
        return Decoded(
            frames=tuple(frames),
            shapes=tuple(shapes),
            count=len(values),
            pulses=tuple(pulses.values()),  # (5)
            ddl=_ddl_rows(shapes, frames),
            checkpoints=_inserted(shapes, frames, "checkpoint"),
            repairs=_inserted(shapes, frames, "repair"),
            pulse_places=tuple(pulses),
        )

    def _decode_shape(self, crc: bytes, places: list[int], bodies: list[bytes]) -> ShapeChanges:
        schema = self._schemas.get(crc)
        if schema is None:
            raise UnknownShape
        parsed = self._parsed.get(crc)
        if parsed is None:
            parsed = self._parsed[crc] = _Parsed(schema)
        if len(bodies) >= COLUMNAR_COUNT_MIN:
            columns = parsed.columns(bodies)
            if columns is not None:
                return ShapeChanges(schema=schema, places=places, ops=columns.column("op").to_pylist(), columns=columns)
        records = parsed.records(bodies)
        return ShapeChanges(schema=schema, places=places, ops=[record["op"] for record in records], records=records)


class _Parsed:
    """An announced schema in the forms that the two Avro libraries want."""

    def __init__(self, schema: ChangeSchema) -> None:
        raw = json.loads(schema.json)
        # Without the custom properties pyruhvro, which reads the schema at every call, has less to read.
        self._canonical = to_parsing_canonical_form(raw)
        self._fastavro = parse_schema(raw)
        self._arrow = arrow_schema(len(schema.columns))
        self._table = f"{schema.relation_schema}.{schema.relation_name}"

    def columns(self, bodies: list[bytes]) -> pa.RecordBatch | None:
        """All values at once; None when anything is odd, so that the slower way gives the verdict."""
        try:
            batch = pyruhvro.deserialize_array(bodies, self._canonical)
            # pyruhvro takes bytes that are not UTF-8, and ignores bytes behind a record.
            batch.validate(full=True)
        except ValueError:
            return None
        if batch.num_rows != len(bodies) or not batch.schema.equals(self._arrow):
            return None
        return batch if encoded_size(batch) == sum(map(len, bodies)) else None

    def records(self, bodies: list[bytes]) -> list[Record]:
        """One value after the other; raises DamagedChange."""
        return [self._record(body) for body in bodies]

    def _record(self, body: bytes) -> Record:
        source = io.BytesIO(body)
        try:
            record = fastavro.schemaless_reader(source, self._fastavro, None)
        except (EOFError, ValueError, IndexError, OverflowError, MemoryError, StopIteration) as error:
            # The cause is not chained: its text could quote the value.
            raise DamagedChange(self._table, type(error).__name__) from None
        if source.tell() != len(body):
            raise DamagedChange(self._table, "trailing bytes")
        assert isinstance(record, dict)
        return record


def _group(values: Sequence[bytes]) -> dict[bytes, tuple[list[int], list[bytes]]]:
    groups: dict[bytes, tuple[list[int], list[bytes]]] = {}
    size = 0
    for place, value in enumerate(values):
        prefix = value[:PREFIX_SIZE]
        group = groups.get(prefix)
        if group is None:
            group = groups[prefix] = ([], [])
        group[0].append(place)
        group[1].append(value[PREFIX_SIZE:])
        size += len(value)
    if size > GROUP_BYTES_MAX:
        raise RuntimeError(f"a group of {size} bytes is larger than {GROUP_BYTES_MAX}: cut it into pieces")
    if any(prefix[: len(MAGIC)] != MAGIC for prefix in groups):
        raise UnknownShape
    return {prefix[len(MAGIC) :]: group for prefix, group in groups.items()}


def _numbers(shape: ShapeChanges) -> tuple[list[int], list[int]]:
    if shape.columns is not None:
        return shape.columns.column("order").to_pylist(), shape.columns.column("transaction").to_pylist()
    assert shape.records is not None
    return [r["order"] for r in shape.records], [r["transaction"] for r in shape.records]


def _check_images(shape: ShapeChanges) -> None:
    if shape.columns is not None:
        before: list[Any] = shape.columns.column("before").is_valid().to_pylist()
        after: list[Any] = shape.columns.column("after").is_valid().to_pylist()
    else:
        assert shape.records is not None
        before = [r["before"] is not None for r in shape.records]
        after = [r["after"] is not None for r in shape.records]
    if not set(zip(shape.ops, before, after, strict=True)) <= _IMAGES:
        raise DamagedChange(
            f"{shape.schema.relation_schema}.{shape.schema.relation_name}", "its rows do not fit its operation"
        )


def _check_frames(frames: Sequence[Frame], orders: list[int], transactions: list[int], first_order: int) -> None:
    place, order = 0, first_order
    for frame in frames:
        count = frame.last - frame.first
        if frame.first != place or count < 0 or frame.last > len(orders):
            raise RuntimeError("the frames do not cut the values into contiguous parts")
        if orders[frame.first : frame.last] != list(range(order, order + count)):
            raise BrokenFrame(frame.transaction, f"its changes are not numbered from {order} without a hole")
        if transactions[frame.first : frame.last].count(frame.transaction) != count:
            raise BrokenFrame(frame.transaction, "it holds changes of another transaction")
        if frame.commit_lsn is not None and order + count - 1 != frame.event_count:
            raise BrokenFrame(
                frame.transaction, f"it holds {order + count - 1} changes where {frame.event_count} are announced"
            )
        place, order = frame.last, 1
    if place != len(orders):
        raise RuntimeError("values stand behind the last frame")


def _own_rows(shapes: Sequence[ShapeChanges], table: str, ops: str) -> dict[int, Mapping[str, str | None]]:
    """Place to row of the register's own table, in order."""
    rows = {
        place: shape.after_image(index)
        for shape in shapes
        if shape.schema.relation_schema == OWN_SCHEMA and shape.schema.relation_name == table
        for index, (place, op) in enumerate(zip(shape.places, shape.ops, strict=True))
        if op in ops
    }
    return dict(sorted(rows.items()))


def _ddl_rows(shapes: Sequence[ShapeChanges], frames: Sequence[Frame]) -> tuple[DdlRow, ...]:
    ends = [frame.last for frame in frames]
    return tuple(
        DdlRow(frame=bisect_right(ends, place), place=place, row=row)
        for place, row in _own_rows(shapes, "ddl", "c").items()
    )


def _inserted(shapes: Sequence[ShapeChanges], frames: Sequence[Frame], table: str) -> tuple[OwnRow, ...]:
    rows = _own_rows(shapes, table, "c")
    if not rows:
        return ()
    ends = [frame.last for frame in frames]
    return tuple(OwnRow(frame=bisect_right(ends, place), row=row) for place, row in rows.items())
