"""Answers of the embassy to a verification: receipts whose content only home can read (envelope-v1 section 9.1).

The key came with the question, through the sealed lane: 32 random bytes for one verification. An answer is JSON,
deflated, cut into pieces, each sealed with AES-256-GCM in a receipt of its own. In clear stand the lane, the
verification's random id, attempt and part, and the numbers of message and piece: no names, no values, no digests.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data_embassy.envelope.errors import BadTag, ReceiptMalformed
from data_embassy.keys.tagged import tagged

KIND: Final = "answer"
KEY_BYTES: Final = 32
PIECE_BYTES: Final = 600 << 10
"""In base64 below the largest payload of a receipt."""
PIECES_MAX: Final = 256
PLAIN_BYTES_MAX: Final = 256 << 20
_NONCE_BYTES: Final = 12
_LABEL: Final = b"data-embassy/v1/answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which answer: the verification's id and attempt, the question's part, the number of the message."""

    verification: str
    attempt: int
    part: int
    message: int


def seal_answer(
    key: bytes, lane: str, place: Place, content: Mapping[str, Any], *, nonces: Iterator[bytes]
) -> Iterator[dict[str, Any]]:
    """Payload fields of the receipts of one answer. `nonces` are random, 12 bytes each.

    A random nonce is safe here: one key seals some hundred pieces, far below 2^32.
    """
    plain = zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 6)
    pieces = [plain[start : start + PIECE_BYTES] for start in range(0, len(plain), PIECE_BYTES)]
    if len(pieces) > PIECES_MAX:
        raise ValueError("an answer is too large")
    for number, piece in enumerate(pieces):
        nonce = next(nonces)
        sealed = AESGCM(key).encrypt(nonce, piece, _associated(lane, place, number, len(pieces)))
        yield {
            "kind": KIND,
            "verification": place.verification,
            "attempt": place.attempt,
            "part": place.part,
            "message": place.message,
            "piece": number,
            "pieces": len(pieces),
            "sealed": base64.b64encode(nonce + sealed).decode(),
        }


@dataclass(slots=True)
class AnswerReader:
    """Puts the answers of one verification together from receipts' payloads; those of others are ignored."""

    key: bytes
    lane: str
    verification: str
    _pieces: dict[Place, dict[int, bytes]] = field(default_factory=dict)

    def take(self, fields: Mapping[str, Any]) -> tuple[Place, dict[str, Any]] | None:
        """The answer that this payload completes; raises ReceiptMalformed, BadTag."""
        if fields.get("kind") != KIND or fields.get("verification") != self.verification:
            return None
        place, piece, pieces = _place(fields)
        opened = self._open(fields, place, piece, pieces)
        held = self._pieces.setdefault(place, {})
        held[piece] = opened
        if len(held) < pieces:
            return None
        del self._pieces[place]
        return place, _content(b"".join(held[number] for number in range(pieces)))

    def _open(self, fields: Mapping[str, Any], place: Place, piece: int, pieces: int) -> bytes:
        try:
            sealed = base64.b64decode(fields["sealed"], validate=True)
        except (KeyError, ValueError, TypeError) as error:
            raise ReceiptMalformed("an answer") from error
        nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return AESGCM(self.key).decrypt(nonce, body, _associated(self.lane, place, piece, pieces))
        except (InvalidTag, ValueError) as error:
            raise BadTag("an answer") from error


def _place(fields: Mapping[str, Any]) -> tuple[Place, int, int]:
    numbers = [fields.get(name) for name in ("attempt", "part", "message", "piece", "pieces")]
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ReceiptMalformed("an answer")
    attempt, part, message, piece, pieces = (int(number or 0) for number in numbers)
    if not 0 <= piece < pieces <= PIECES_MAX:
        raise ReceiptMalformed("an answer")
    place = Place(verification=str(fields["verification"]), attempt=attempt, part=part, message=message)
    return place, piece, pieces


def _content(plain: bytes) -> dict[str, Any]:
    try:
        inflate = zlib.decompressobj()
        text = inflate.decompress(plain, PLAIN_BYTES_MAX)
        content = json.loads(text)
    except (zlib.error, ValueError, RecursionError) as error:
        raise ReceiptMalformed("an answer") from error
    if not inflate.eof or inflate.unconsumed_tail or inflate.unused_data or not isinstance(content, dict):
        raise ReceiptMalformed("an answer")
    return content


def _associated(lane: str, place: Place, piece: int, pieces: int) -> bytes:
    numbers = (place.attempt, place.part, place.message, piece, pieces)
    return tagged(
        _LABEL, lane.encode(), place.verification.encode(), *(number.to_bytes(8, "big") for number in numbers)
    )
