"""Bytes of an envelope: prefix, header, body, signatures (envelope-v1 sections 3 and 4). No cryptography.

offset  size  field
0       4     magic 89 45 4D 42
4       1     version, 1
5       1     kind: 1 epoch, 2 records
6       4     header length h
10      4     body length b
14      2     Ed25519 signature length, 64
16      2     ML-DSA-65 signature length, 3309 for an epoch, 0 for records
18      h     header, Avro
18+h    b     body: ciphertext and tag
...           signatures

All numbers are big-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from data_embassy.envelope import limits
from data_embassy.envelope.errors import (
    BadKind,
    BadMagic,
    BadVersion,
    Oversized,
    SignatureMissing,
    TrailingBytes,
    Truncated,
)
from data_embassy.envelope.header import Header, Kind, decode_header

MAGIC: Final = b"\x89EMB"
VERSION: Final = 1
_PREFIX: Final = struct.Struct(">4sBBIIHH")
PREFIX_BYTES: Final = _PREFIX.size
TAG_BYTES: Final = 16
ED25519_BYTES: Final = 64
ML_DSA_BYTES: Final = 3309
SIGNATURE_BYTES: Final = {Kind.EPOCH: (ED25519_BYTES, ML_DSA_BYTES), Kind.RECORDS: (ED25519_BYTES, 0)}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Parts:
    """An envelope taken apart; nothing of it is verified."""

    header: Header
    associated: bytes
    """Prefix and header, whole: the associated data of the body."""
    body: memoryview
    signature: bytes
    signature_pq: bytes


def prefix(kind: Kind, *, header_bytes: int, body_bytes: int) -> bytes:
    """The prefix of an envelope; its length fields follow from the kind."""
    return _PREFIX.pack(MAGIC, VERSION, kind, header_bytes, body_bytes, *SIGNATURE_BYTES[kind])


def parse(envelope: bytes) -> Parts:
    """Take an envelope apart, strictly; raises a subclass of Refused.

    Steps (1) to (4) of section 6.1.
    """
    # (1) magic, version, kind: known before anything that follows is believed
    if len(envelope) < PREFIX_BYTES:
        if not MAGIC.startswith(envelope[: len(MAGIC)]):
            raise BadMagic
        raise Truncated(f"{len(envelope)} bytes hold no prefix")
    magic, version, kind_number, header_bytes, body_bytes, *signature_bytes = _PREFIX.unpack_from(envelope)
    if magic != MAGIC:
        raise BadMagic
    if version != VERSION:
        raise BadVersion(f"version {version}")
    if kind_number not in (Kind.EPOCH, Kind.RECORDS):
        raise BadKind(f"kind {kind_number}")
    kind = Kind(kind_number)
    # (2) stated lengths are within their limits, and every signature of this kind is there
    if header_bytes > limits.HEADER_BYTES_MAX or body_bytes > limits.ENVELOPE_BYTES_MAX:
        raise Oversized(f"header of {header_bytes} bytes, body of {body_bytes} bytes")
    if tuple(signature_bytes) != SIGNATURE_BYTES[kind]:
        raise SignatureMissing(f"{signature_bytes[0]} and {signature_bytes[1]} bytes")
    # (3) the envelope is exactly as long as it says
    body_at = PREFIX_BYTES + header_bytes
    signature_at = body_at + body_bytes
    total = signature_at + sum(signature_bytes)
    if total > limits.ENVELOPE_BYTES_MAX:
        raise Oversized(f"{total} bytes")
    if len(envelope) < total:
        raise Truncated(f"{len(envelope)} of {total} bytes")
    if len(envelope) > total:
        raise TrailingBytes(f"{len(envelope) - total} bytes")
    # (4) the header is in its one valid form
    associated = envelope[:body_at]
    header = decode_header(kind, envelope[PREFIX_BYTES:body_at], body_bytes=body_bytes)
    return Parts(
        header=header,
        associated=associated,
        body=memoryview(envelope)[body_at:signature_at],
        signature=envelope[signature_at : signature_at + ED25519_BYTES],
        signature_pq=envelope[signature_at + ED25519_BYTES :],
    )
