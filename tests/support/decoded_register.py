"""A register whose changes come out of PostgreSQL's own decoding, without Kafka: pgoutput -> stream-v1 change values.

The rules are those of the capture plugin (stream-v1 section 4), so schema changes within a transaction, shapes that
change and large values that were not written again are the real ones.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import fastavro
import psycopg

from consumers.apply import Frame
from schemas.records import MAGIC, UNCHANGED, ChangeSchema
from tests.support.register_pair import encode_body

_GET = (
    "SELECT data FROM pg_logical_slot_get_binary_changes(%s, NULL, NULL, 'proto_version', '1', 'publication_names', %s)"
)


@dataclass(frozen=True)
class Transaction:
    """One source transaction as the decoder takes it."""

    values: list[bytes]
    frame: Frame


@dataclass
class _Relation:
    schema: ChangeSchema
    parsed: Any
    key: list[bool]
    is_full: bool


@dataclass
class PgOutput:
    """Reads a slot; `schemas` grows with every shape that is announced."""

    connection: psycopg.Connection[Any]
    slot: str
    publication: str
    schemas: dict[bytes, ChangeSchema] = field(default_factory=dict)
    _relations: dict[int, _Relation] = field(default_factory=dict)

    def transactions(self) -> list[Transaction]:
        """Everything that was committed since the last call."""
        found: list[Transaction] = []
        values: list[bytes] = []
        number = 0
        for (message,) in self.connection.execute(_GET, (self.slot, self.publication)).fetchall():
            data = bytes(message)
            match chr(data[0]):
                case "B":
                    (number,) = struct.unpack_from(">I", data, 17)
                    values = []
                case "C":
                    (lsn,) = struct.unpack_from(">Q", data, 2)
                    frame = Frame(
                        transaction=number, commit_lsn=lsn, event_count=len(values), first=0, last=len(values)
                    )
                    if values:
                        found.append(Transaction(values, frame))
                case "R":
                    self._relation(data)
                case kind if kind in "IUDT":
                    values += self._changes(kind, data, number, len(values))
        return found

    def _relation(self, data: bytes) -> None:
        (oid,) = struct.unpack_from(">I", data, 1)
        schema, at = _text(data, 5)
        name, at = _text(data, at)
        identity, (count,) = chr(data[at]), struct.unpack_from(">H", data, at + 1)
        at += 3
        columns, key = [], []
        for _ in range(count):
            key.append(bool(data[at] & 1))
            column, at = _text(data, at + 1)
            columns.append(column)
            at += 8
        change = ChangeSchema.build(schema or "pg_catalog", name, tuple(columns))
        self.schemas[change.fingerprint] = change
        parsed = fastavro.parse_schema(json.loads(change.json))
        self._relations[oid] = _Relation(change, parsed, key, identity == "f")

    def _changes(self, kind: str, data: bytes, number: int, count: int) -> Iterator[bytes]:
        if kind == "T":
            (tables,) = struct.unpack_from(">I", data, 1)
            for place, oid in enumerate(struct.unpack_from(f">{tables}I", data, 6)):
                yield self._encode(oid, "t", count + place + 1, number, None, None)
            return
        (oid,) = struct.unpack_from(">I", data, 1)
        relation = self._relations[oid]
        images: dict[str, list[str | None]] = {}
        at = 5
        while at < len(data):
            part = chr(data[at])
            images[part], at = _tuple(data, at + 1)
        old, new = images.get("O"), images.get("N")
        if kind == "I":
            yield self._encode(oid, "c", count + 1, number, None, new)
        elif kind == "D":
            yield self._encode(oid, "d", count + 1, number, old or _key(relation, images["K"]), None)
        elif "K" in images or (old and new and _key(relation, old) != _key(relation, new) and not relation.is_full):
            yield self._encode(oid, "d", count + 1, number, _key(relation, images["K"]), None)
            yield self._encode(oid, "c", count + 2, number, None, new)
        else:
            yield self._encode(oid, "u", count + 1, number, old, new)

    def _encode(self, oid: int, op: str, order: int, number: int, *images: Any) -> bytes:
        relation = self._relations[oid]
        record: dict[str, Any] = {"op": op, "order": order, "transaction": number, "lsn": order}
        for name, image in zip(("before", "after"), images, strict=True):
            record[name] = None if image is None else {f"c{i}": value for i, value in enumerate(image)}
        return MAGIC + relation.schema.fingerprint + encode_body(relation.parsed, record)


def _key(relation: _Relation, image: list[str | None]) -> list[str | None]:
    return [value if is_key else None for value, is_key in zip(image, relation.key, strict=True)]


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(0, at)
    return data[at:end].decode(), end + 1


def _tuple(data: bytes, at: int) -> tuple[list[str | None], int]:
    (count,) = struct.unpack_from(">H", data, at)
    at += 2
    values: list[str | None] = []
    for _ in range(count):
        kind = chr(data[at])
        at += 1
        if kind == "t":
            (size,) = struct.unpack_from(">I", data, at)
            values.append(data[at + 4 : at + 4 + size].decode())
            at += 4 + size
        else:
            values.append(UNCHANGED if kind == "u" else None)
    return values, at
