"""Headers of envelopes: the frozen Avro schemas, one reader, one writer (envelope-v1 section 4).

The reader takes untrusted bytes. It accepts only the bytes that the writer would have made: a header has one form.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from enum import IntEnum
from importlib.resources import files
from typing import Any, Final

import fastavro
from fastavro.schema import parse_schema

from data_embassy.envelope import limits
from data_embassy.envelope.errors import BadCodec, Bomb, HeaderMalformed, Oversized
from data_embassy.keys.kinds import KeyId

CODEC_LZ4_FRAME: Final = 1
EPOCH_ID_BYTES: Final = 16
DIGEST_BYTES: Final = 32
_LONG_MAX: Final = (1 << 63) - 1
_BODY_OVERHEAD_BYTES: Final = 16 + 7
"""Tag of AES-GCM, and the shortest lz4 frame header."""


class Kind(IntEnum):
    """What an envelope carries."""

    EPOCH = 1
    RECORDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What an envelope says of itself in the clear, for both kinds."""

    kind: Kind
    lane: str
    incarnation: int
    epoch: bytes
    epoch_lane_offset: int | None
    """None in the epoch envelope itself: its offset is known only when the broker has it."""
    counter: int
    """0 in the epoch envelope."""
    first_offset: int
    """In an epoch envelope: offset of the first record that follows."""
    last_offset: int
    """In an epoch envelope: first_offset - 1."""
    count: int
    """Records in this envelope: 0 in an epoch envelope."""
    digest: bytes
    """Empty in an epoch envelope."""
    commitment: bytes
    codec: int
    plain_size: int
    signer: KeyId
    signer_pq: KeyId | None
    generation: int | None
    schemas: int
    """Restated schemas in the body of an epoch envelope."""
    recipients: tuple[tuple[KeyId, bytes], ...]
    """Recipient and wrapped data key, in an epoch envelope."""


def encode_header(header: Header) -> bytes:
    """Avro bytes of a header."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, _SCHEMAS[header.kind], _to_avro(header))
    return out.getvalue()


def decode_header(kind: Kind, data: bytes, *, body_bytes: int) -> Header:
    """Read a header from untrusted bytes; raises HeaderMalformed, Oversized, BadCodec, Bomb."""
    source = io.BytesIO(data)
    try:
        fields = fastavro.schemaless_reader(source, _SCHEMAS[kind], None)
    except Exception as error:  # the library states no list of what malformed input raises
        raise HeaderMalformed("not the Avro of its kind") from error
    assert isinstance(fields, dict), "the schema is a record"
    header = _from_avro(kind, fields)
    _check(header, body_bytes)
    if encode_header(header) != data:
        raise HeaderMalformed("not in canonical form")
    return header


def _to_avro(header: Header) -> dict[str, Any]:
    common = {
        "lane": bytes.fromhex(header.lane),
        "incarnation": header.incarnation,
        "epoch": header.epoch,
        "commitment": header.commitment,
        "codec": header.codec,
        "plain_size": header.plain_size,
        "signer": header.signer,
    }
    if header.kind is Kind.RECORDS:
        return {
            **common,
            "epoch_lane_offset": header.epoch_lane_offset,
            "counter": header.counter,
            "first_offset": header.first_offset,
            "last_offset": header.last_offset,
            "count": header.count,
            "digest": header.digest,
        }
    return {
        **common,
        "next_offset": header.first_offset,
        "generation": header.generation,
        "schemas": header.schemas,
        "signer_pq": header.signer_pq,
        "recipients": [{"recipient": key, "wrapped": wrapped} for key, wrapped in header.recipients],
    }


def _from_avro(kind: Kind, fields: dict[str, Any]) -> Header:
    is_epoch = kind is Kind.EPOCH
    first = fields["next_offset" if is_epoch else "first_offset"]
    return Header(
        kind=kind,
        lane=fields["lane"].hex(),
        incarnation=fields["incarnation"],
        epoch=fields["epoch"],
        epoch_lane_offset=None if is_epoch else fields["epoch_lane_offset"],
        counter=0 if is_epoch else fields["counter"],
        first_offset=first,
        last_offset=first - 1 if is_epoch else fields["last_offset"],
        count=0 if is_epoch else fields["count"],
        digest=b"" if is_epoch else fields["digest"],
        commitment=fields["commitment"],
        codec=fields["codec"],
        plain_size=fields["plain_size"],
        signer=KeyId(fields["signer"]),
        signer_pq=KeyId(fields["signer_pq"]) if is_epoch else None,
        generation=fields["generation"] if is_epoch else None,
        schemas=fields["schemas"] if is_epoch else 0,
        recipients=tuple((KeyId(r["recipient"]), r["wrapped"]) for r in fields["recipients"]) if is_epoch else (),
    )


def _check(header: Header, body_bytes: int) -> None:
    """Values of section 4 that no schema states."""
    if header.codec != CODEC_LZ4_FRAME:
        raise BadCodec(f"codec {header.codec}")
    if header.plain_size > limits.PLAIN_BYTES_MAX:
        raise Oversized(f"{header.plain_size} bytes before compression")
    if max(header.count, header.schemas) > limits.RECORDS_MAX or len(header.recipients) > limits.RECIPIENTS_MAX:
        raise Oversized("number of records, schemas or recipients")
    if min(header.incarnation, header.first_offset, header.plain_size, header.schemas, header.generation or 0) < 0:
        raise HeaderMalformed("a number is negative")
    if header.kind is Kind.RECORDS:
        _check_records(header)
    elif not header.recipients or len({key for key, _ in header.recipients}) != len(header.recipients):
        raise HeaderMalformed("recipients are missing or repeated")
    # A body that lz4 could not expand to the stated size is refused here, before anything of that size is allocated.
    if header.plain_size > limits.LZ4_RATIO_MAX * max(body_bytes - _BODY_OVERHEAD_BYTES, 0):
        raise Bomb(f"{header.plain_size} bytes stated for a body of {body_bytes}")


def _check_records(header: Header) -> None:
    if not 1 <= header.counter <= limits.COUNTER_MAX:
        raise HeaderMalformed("the counter is out of its range")
    if header.epoch_lane_offset is None or header.epoch_lane_offset < 0:
        raise HeaderMalformed("a lane offset is negative")
    if header.count < 1 or header.last_offset - header.first_offset + 1 != header.count:
        raise HeaderMalformed("offsets and count disagree")


def _load(name: str) -> Any:
    return parse_schema(json.loads(files("data_embassy.envelope").joinpath(name).read_text(encoding="utf-8")))


_SCHEMAS: Final = {Kind.EPOCH: _load("epoch_header.avsc"), Kind.RECORDS: _load("records_header.avsc")}
