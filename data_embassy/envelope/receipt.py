"""Receipts: what the embassy tells home of a lane, signed (envelope-v1 section 9).

offset  size  field
0       4     magic 89 52 43 50
4       1     version, 1
5       16    id of the embassy's receipt key
21      4     payload length p
25      p     payload: canonical JSON with the lane, positions, digests; no names, no rows
25+p    64    Ed25519 signature

All numbers are big-endian.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, Final

from data_embassy.envelope.errors import (
    BadMagic,
    BadVersion,
    Oversized,
    ReceiptMalformed,
    TrailingBytes,
    Truncated,
    UnknownSigner,
    WrongLane,
)
from data_embassy.envelope.signing import sign, verify_ed25519
from data_embassy.keys.kinds import KeyId
from data_embassy.keys.sets import EmbassyKeys, HomeKeys
from data_embassy.keys.tagged import tagged

MAGIC: Final = b"\x89RCP"
VERSION: Final = 1
PAYLOAD_BYTES_MAX: Final = 1 << 20
_PREFIX: Final = struct.Struct(">4sB16sI")
_SIGNATURE_BYTES: Final = 64
_LABEL: Final = b"data-embassy/v1/receipt"


def sign_receipt(keys: EmbassyKeys, payload: bytes) -> bytes:
    """A receipt with this payload; raises Oversized."""
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise Oversized(f"{len(payload)} bytes of payload")
    prefix = _PREFIX.pack(MAGIC, VERSION, keys.receipt_signer.id, len(payload))
    return b"".join((prefix, payload, sign(keys.receipt_signer.key, tagged(_LABEL, prefix, payload))))


def verify_receipt(keys: HomeKeys, data: bytes) -> bytes:
    """Payload of a receipt of a known embassy; raises a subclass of Refused."""
    if len(data) < _PREFIX.size:
        raise Truncated(f"{len(data)} bytes hold no receipt")
    magic, version, signer, payload_bytes = _PREFIX.unpack_from(data)
    if magic != MAGIC:
        raise BadMagic("not a receipt")
    if version != VERSION:
        raise BadVersion(f"version {version} of a receipt")
    if payload_bytes > PAYLOAD_BYTES_MAX:
        raise Oversized(f"{payload_bytes} bytes of payload")
    payload_end = _PREFIX.size + payload_bytes
    if len(data) < payload_end + _SIGNATURE_BYTES:
        raise Truncated("a receipt")
    if len(data) > payload_end + _SIGNATURE_BYTES:
        raise TrailingBytes("a receipt")
    public = keys.receipt_signers.get(KeyId(signer))
    if public is None:
        raise UnknownSigner(f"receipt key {signer.hex()}")
    payload = data[_PREFIX.size : payload_end]
    verify_ed25519(public, data[payload_end:], tagged(_LABEL, data[: _PREFIX.size], payload))
    return payload


def encode_payload(lane: str, fields: Mapping[str, Any]) -> bytes:
    """Canonical JSON of a receipt's payload: `lane` and whatever the fields say."""
    return json.dumps({**fields, "lane": lane}, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def decode_payload(payload: bytes, *, lane: str) -> dict[str, Any]:
    """Fields of a verified payload, `lane` included; raises ReceiptMalformed or WrongLane."""
    try:
        fields = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ReceiptMalformed("not JSON") from error
    if not isinstance(fields, dict):
        raise ReceiptMalformed("not an object")
    if fields.get("lane") != lane:
        raise WrongLane("a receipt of another lane")
    return fields
