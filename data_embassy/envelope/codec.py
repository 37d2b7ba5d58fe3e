"""Compression of bodies: one lz4 frame that states its size (envelope-v1 section 5.3). Only this module knows lz4."""

from __future__ import annotations

from typing import Final

import lz4.frame

from data_embassy.envelope.errors import BodyMalformed, Bomb

_BLOCK_BYTES: Final = lz4.frame.BLOCKSIZE_MAX1MB


def compress(plain: bytes) -> bytes:
    """One frame with the content size, independent blocks, no checksums: AES-GCM authenticates the whole."""
    frame: bytes = lz4.frame.compress(
        plain,
        block_size=_BLOCK_BYTES,
        block_linked=False,
        content_checksum=False,
        block_checksum=False,
        store_size=True,
    )
    return frame


def decompress(frame: bytes, plain_size: int) -> bytes:
    """The frame's content, which must be exactly of the stated size; never more than that is allocated.

    Raises Bomb, or BodyMalformed for what is no single complete frame.
    """
    try:
        info = lz4.frame.get_frame_info(frame)
        if info["skippable"] or info["content_size"] != plain_size:
            raise Bomb(f"{plain_size} bytes stated in the header, another size in the frame")
        context = lz4.frame.create_decompression_context()
        plain, consumed, is_complete = lz4.frame.decompress_chunk(context, frame, max_length=plain_size)
    except (RuntimeError, ValueError) as error:
        raise BodyMalformed("not an lz4 frame") from error
    if consumed < len(frame) and not is_complete:
        raise Bomb(f"more than the stated {plain_size} bytes")
    if not is_complete or consumed != len(frame) or len(plain) != plain_size:
        raise BodyMalformed("not exactly one complete lz4 frame")
    content: bytes = plain
    return content
