"""Type-tagged, length-prefixed bytes: the form of all that is signed, hashed or derived (envelope-v1 section 2)."""

from __future__ import annotations

import struct
from typing import Final

_LENGTH: Final = struct.Struct(">Q")


def tagged(label: bytes, *parts: bytes) -> bytes:
    """`count u64 | (length u64 | bytes)...` over the label and the parts.

    Two different lists of parts never give the same bytes, and two uses never share a label.
    """
    fields = (label, *parts)
    encoded = [_LENGTH.pack(len(fields))]
    for field in fields:
        encoded += (_LENGTH.pack(len(field)), field)
    return b"".join(encoded)
