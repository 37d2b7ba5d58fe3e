"""Records of the home topic: keys, frozen schemas and announced change schemas (stream-v1 sections 2 to 4 and 7)."""

from __future__ import annotations

import hashlib
import io
import json
import struct
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final, NamedTuple, Self

import fastavro
from fastavro.schema import fingerprint as avro_fingerprint
from fastavro.schema import parse_schema, to_parsing_canonical_form

from data_embassy.errors import StreamError

ORIGIN_CAPTURE: Final = 1
ORIGIN_SNAPSHOT: Final = 2
UNCHANGED: Final = "\0"
"""Stands for a large value that the source did not write again (stream-v1 section 4)."""
MAGIC: Final = b"\xc3\x01"
PREFIX_SIZE: Final = 10
"""Bytes before the Avro body: magic and fingerprint (Avro 1.12, single-object encoding)."""

_KEY: Final = struct.Struct(">BQQ")
KEY_SIZE: Final = _KEY.size
_NAMES: Final = (
    "schema",
    "session",
    "begin",
    "end",
    "snapshot_begin",
    "snapshot_point",
    "snapshot_question",
    "snapshot_base",
    "snapshot_section",
    "snapshot_table",
    "snapshot_chunk",
    "snapshot_kept",
    "snapshot_table_end",
    "snapshot_end",
)


class RecordKey(NamedTuple):
    """Origin, run and number of a record (stream-v1 section 2)."""

    origin: int
    run: int
    n: int

    def pack(self) -> bytes:
        """The 17 bytes of the Kafka key."""
        return _KEY.pack(self.origin, self.run, self.n)

    @classmethod
    def unpack(cls, key: bytes | None) -> Self:
        """Read a Kafka key; raises StreamError unless it has exactly the stated form."""
        if key is None or len(key) != KEY_SIZE:
            raise StreamError(
                "a record of the home topic has no key of 17 bytes: somebody else writes to the topic",
                remedy="find and stop the foreign producer, then: embassy register snapshot NAME",
            )
        return cls(*_KEY.unpack(key))


def snapshot_run(generation: int, attempt: int) -> int:
    """Run of a snapshot attempt (stream-v1 section 2)."""
    return generation << 32 | attempt


def split_snapshot_run(run: int) -> tuple[int, int]:
    """Generation and attempt of a snapshot run."""
    return run >> 32, run & 0xFFFFFFFF


def avro_crc(schema: dict[str, Any]) -> bytes:
    """CRC-64-AVRO of the Parsing Canonical Form, 8 bytes little-endian, as single-object encoding wants it."""
    return _crc(to_parsing_canonical_form(schema))


@lru_cache(maxsize=1024)
def _crc(canonical: str) -> bytes:
    # fastavro renders the 64-bit value in little-endian byte order already (Avro 1.12, "Schema Fingerprints"). It
    # goes through the text byte by byte in Python, and every epoch restates all schemas.
    return bytes.fromhex(avro_fingerprint(canonical, "CRC-64-AVRO"))


def _load(name: str) -> dict[str, Any]:
    text = files("schemas").joinpath("wire", f"{name}.avsc").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


_RAW: Final = {raw["name"]: raw for raw in map(_load, _NAMES)}
FINGERPRINTS: Final[dict[str, bytes]] = {name: avro_crc(raw) for name, raw in _RAW.items()}
"""Fingerprint of each frozen schema by its record name (`Session`, `Begin`, ...)."""
FROZEN_NAMES: Final[dict[bytes, str]] = {crc: name for name, crc in FINGERPRINTS.items()}
_PARSED: Final = {name: parse_schema(raw) for name, raw in _RAW.items()}


def fingerprint(value: bytes) -> bytes:
    """Fingerprint that a record value states; raises StreamError when it is no single-object encoding."""
    if value[:2] != MAGIC or len(value) < PREFIX_SIZE:
        raise StreamError(
            "a record value is not in Avro single-object encoding",
            remedy="find and stop the foreign producer, then: embassy register snapshot NAME",
        )
    return value[2:PREFIX_SIZE]


def encode(name: str, record: dict[str, Any]) -> bytes:
    """Encode a record of a frozen schema."""
    out = io.BytesIO()
    out.write(MAGIC + FINGERPRINTS[name])
    fastavro.schemaless_writer(out, _PARSED[name], record, strict=True)
    return out.getvalue()


def decode(value: bytes) -> tuple[str, dict[str, Any]]:
    """Decode a record of a frozen schema to (name, fields); raises StreamError for any other, or for trailing bytes."""
    name = FROZEN_NAMES.get(fingerprint(value))
    if name is None:
        raise StreamError("a record has a schema that was not announced", remedy="embassy register snapshot NAME")
    body = io.BytesIO(value)
    body.seek(PREFIX_SIZE)
    try:
        record = fastavro.schemaless_reader(body, _PARSED[name], None)
    except (EOFError, ValueError, IndexError, UnicodeDecodeError) as error:
        raise StreamError(f"a {name} record is damaged", remedy="embassy register snapshot NAME") from error
    if body.tell() != len(value):
        raise StreamError(f"a {name} record has trailing bytes", remedy="embassy register snapshot NAME")
    assert isinstance(record, dict)
    return name, record


def relation_hash(relation_schema: str, relation_name: str, columns: tuple[str, ...]) -> str:
    """The 32 hex digits in the names of a change schema (stream-v1 section 4)."""
    digest = hashlib.sha256()
    for text in (relation_schema, relation_name, *columns):
        raw = text.encode()
        digest.update(struct.pack(">I", len(raw)) + raw)
    return digest.digest()[:16].hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSchema:
    """An announced schema of change records: one shape of one table."""

    relation_schema: str
    relation_name: str
    columns: tuple[str, ...]
    fingerprint: bytes
    json: str

    @classmethod
    def build(cls, relation_schema: str, relation_name: str, columns: tuple[str, ...]) -> Self:
        """The schema that the capture plugin announces for this shape."""
        name = relation_hash(relation_schema, relation_name, columns)
        optional = ["null", "string"]
        row = {
            "type": "record",
            "name": f"R{name}",
            "fields": [{"name": f"c{i}", "column": column, "type": optional} for i, column in enumerate(columns)],
        }
        schema = {
            "type": "record",
            "name": f"C{name}",
            "namespace": "data_embassy.stream.v1.change",
            "relation_schema": relation_schema,
            "relation_name": relation_name,
            "fields": [
                {"name": "op", "type": "string"},
                {"name": "order", "type": "long"},
                {"name": "transaction", "type": "long"},
                {"name": "lsn", "type": "long"},
                {"name": "before", "type": ["null", row]},
                {"name": "after", "type": ["null", f"R{name}"]},
            ],
        }
        return cls(
            relation_schema=relation_schema,
            relation_name=relation_name,
            columns=columns,
            fingerprint=avro_crc(schema),
            json=json.dumps(schema, ensure_ascii=False),
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an announced schema and check that it is exactly what its names say; raises StreamError."""
        try:
            raw = json.loads(text)
            before = next(f for f in raw["fields"] if f["name"] == "before")
            columns = tuple(f["column"] for f in before["type"][1]["fields"])
            built = cls.build(raw["relation_schema"], raw["relation_name"], columns)
            same = to_parsing_canonical_form(raw) == to_parsing_canonical_form(json.loads(built.json))
        except (ValueError, KeyError, TypeError, StopIteration, IndexError) as error:
            raise StreamError("an announced schema is damaged", remedy="embassy register snapshot NAME") from error
        if not same:
            raise StreamError(
                "an announced schema does not match its own name", remedy="embassy register snapshot NAME"
            )
        return cls(
            relation_schema=built.relation_schema,
            relation_name=built.relation_name,
            columns=columns,
            fingerprint=built.fingerprint,
            json=text,
        )
