"""What the vectors are made of: one epoch, one records envelope, and ways to make bad ones like them."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable
from typing import Any

import lz4.frame
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from data_embassy.envelope import cipher, peek
from data_embassy.envelope.body import pack_records, pack_schemas
from data_embassy.envelope.codec import compress
from data_embassy.envelope.header import Header, encode_header
from data_embassy.envelope.layout import PREFIX_BYTES, TAG_BYTES, prefix
from data_embassy.keys import KeyId
from data_embassy.keys.tagged import tagged
from tests.support.sealing import EPOCH_AT, FIRST, LANE, Stream, assemble, key, make_records, make_sealer, signed
from tests.support.two_keys import seal_for_two
from tests.vectors.envelope.cases import load_sites

SCHEMAS = [b"\xc3\x01schema one", b"\xc3\x01schema two, longer"]
VALUES = [b"\xc3\x01first", b"", b"\xc3\x01third" * 40]
OTHER_LANE = "00000000000000ff"


class Scene:
    """One epoch and one records envelope, well made, and what is needed to make bad ones like them."""

    def __init__(self) -> None:
        self.sites = load_sites()
        self.home = self.sites["home"].home
        sealer = make_sealer(self.sites["home"], name="vectors/1")
        self.epoch = sealer.begin_epoch(next_offset=FIRST, schemas=SCHEMAS, generation=None)
        sealer.epoch_acknowledged(EPOCH_AT)
        self.records = make_records(VALUES)
        self.envelope = sealer.seal(self.records)
        draw = Stream("vectors/1")
        self.data_key = draw(cipher.DATA_KEY_BYTES)
        self.epoch_header, self.header = peek(self.epoch), peek(self.envelope)
        self.key = cipher.derive(self.data_key, lane=LANE, epoch=self.header.epoch)
        self.plain = pack_records([k for _, k, _ in self.records], VALUES)

    def with_header(self, **changes: Any) -> bytes:
        """The records envelope with another header, encrypted and signed accordingly."""
        return assemble(self.home, self.key, dataclasses.replace(self.header, **changes), compress(self.plain))

    def with_body(self, plain: bytes, *, frame: bytes | None = None, **changes: Any) -> bytes:
        """The records envelope with another body; the header states its size unless told otherwise."""
        header = dataclasses.replace(self.header, **{"plain_size": len(plain), **changes})
        return assemble(self.home, self.key, header, compress(plain) if frame is None else frame)

    def with_epoch_header(self, **changes: Any) -> bytes:
        """The epoch envelope with another header, encrypted and signed accordingly."""
        header = dataclasses.replace(self.epoch_header, **changes)
        return assemble(self.home, self.key, header, compress(pack_schemas(SCHEMAS)))

    def with_encoded(self, change: Callable[[bytes], bytes]) -> bytes:
        """The records envelope with the header's bytes changed, encrypted and signed accordingly."""
        encoded = change(encode_header(self.header))
        return assemble(self.home, self.key, self.header, compress(self.plain), encoded=encoded)

    def resigned(self, change: Callable[[bytes], bytes]) -> bytes:
        """The records envelope with its body changed after encryption, signed again."""
        associated, body = self.split()
        return signed(self.home, self.header, associated, change(body))

    def split(self) -> tuple[bytes, bytes]:
        """Prefix and header, and body, of the records envelope."""
        header_bytes, body_bytes = struct.unpack_from(">II", self.envelope, 6)
        end = PREFIX_BYTES + header_bytes
        return self.envelope[:end], self.envelope[end : end + body_bytes]


def key_id(number: int) -> KeyId:
    return KeyId(number.to_bytes(16, "big"))


def with_lengths(envelope: bytes, *, header: int = 0, body: int = 0) -> bytes:
    old_header, old_body = struct.unpack_from(">II", envelope, 6)
    return envelope[:6] + struct.pack(">II", old_header + header, old_body + body) + envelope[14:]


def without_pq(scene: Scene) -> bytes:
    header_bytes, body_bytes = struct.unpack_from(">II", scene.epoch, 6)
    end = PREFIX_BYTES + header_bytes
    associated = scene.epoch[:16] + b"\0\0" + scene.epoch[18:end]
    plain = dataclasses.replace(scene.epoch_header, signer_pq=None)
    return signed(scene.home, plain, associated, scene.epoch[end : end + body_bytes])


def shortened(scene: Scene) -> bytes:
    associated, body = scene.split()
    associated = associated[:10] + struct.pack(">I", len(body) - 1) + associated[14:]
    return signed(scene.home, scene.header, associated, body[:-1])


def lying_frame(plain: bytes, stated: int) -> bytes:
    """A frame whose content size is not that of its content; the header's checksum byte is right."""
    honest = lz4.frame.compress(plain, store_size=True)
    for check in range(256):
        frame: bytes = honest[:6] + stated.to_bytes(8, "little") + bytes([check]) + honest[15:]
        try:
            lz4.frame.get_frame_info(frame)
        except RuntimeError:
            continue
        return frame
    raise AssertionError("no checksum fits")


def _body_key(data_key: bytes, header: Header) -> bytes:
    """Section 2.2, written once more without the library's own code."""
    info = tagged(b"data-embassy/v1/envelope/data-key", header.lane.encode())
    return HKDF(algorithm=SHA512(), length=64, salt=header.epoch, info=info).derive(data_key)


def two_keys(scene: Scene) -> bytes:
    """A valid envelope save for its commitment, which is of a second key; that opens the body too."""
    ours, theirs = (_body_key(data_key, scene.header) for data_key in (scene.data_key, b"another data key".ljust(32)))
    value = bytes(96)
    plain = pack_records([key(1)], [value])
    # An uncompressed block: 15 bytes of frame header and 4 of block length stand before the content.
    frame = lz4.frame.compress(b"", store_size=False)[:4] + b"\x68\x40" + len(plain).to_bytes(8, "little")
    frame = _with_header_check(frame) + (len(plain) | 1 << 31).to_bytes(4, "little") + plain + bytes(4)
    free_at = -(-(19 + len(plain) - len(value)) // 16) * 16
    header = dataclasses.replace(
        scene.header, count=1, last_offset=FIRST, plain_size=len(plain), commitment=theirs[32:]
    )
    encoded = encode_header(header)
    associated = prefix(header.kind, header_bytes=len(encoded), body_bytes=len(frame) + TAG_BYTES) + encoded
    nonce = struct.pack(">IQ", header.kind, header.counter)
    body = seal_for_two(ours[:32], theirs[:32], nonce, plain=frame, associated=associated, free_at=free_at)
    return signed(scene.home, header, associated, body)


def _with_header_check(start: bytes) -> bytes:
    for check in range(256):
        try:
            lz4.frame.get_frame_info(start + bytes([check]) + bytes(8))
        except RuntimeError:
            continue
        return start + bytes([check])
    raise AssertionError("no checksum fits")
