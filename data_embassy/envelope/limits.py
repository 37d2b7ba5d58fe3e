"""Every limit of an envelope, once (envelope-v1 section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ENVELOPE_BYTES_MAX: Final = 80 << 20
"""The largest message that the lane's broker takes (`data_embassy.kafka`)."""
PLAIN_BYTES_MAX: Final = 80 << 20
"""Stated in the header, checked before anything is allocated for it."""
HEADER_BYTES_MAX: Final = 64 << 10
"""32 recipients need 38 KiB."""
RECIPIENTS_MAX: Final = 32
RECORDS_MAX: Final = 1 << 20
"""Records of one envelope, and schemas of one epoch."""
LZ4_RATIO_MAX: Final = 255
"""No lz4 block expands further: one more byte of a length stands for at most 255 bytes of output."""
COUNTER_MAX: Final = (1 << 31) - 1
"""Far below the 2^32 invocations that SP 800-38D allows per key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochLimits:
    """When a data key is retired. Any limit reached ends the epoch."""

    envelopes: int = 1 << 20
    """Envelopes sealed under one key, at most COUNTER_MAX."""
    plain_bytes: int = 1 << 36
    """Bytes encrypted under one key: 64 GiB, 2^32 blocks of AES, where GCM's advantage bound is still below 2^-60."""
    age_seconds: float = 24 * 3600.0
    """One day bounds what one stolen data key opens."""

    def __post_init__(self) -> None:
        if not 0 < self.envelopes <= COUNTER_MAX or self.plain_bytes <= 0 or self.age_seconds <= 0:
            raise ValueError("epoch limits must be positive, and envelopes at most COUNTER_MAX")
