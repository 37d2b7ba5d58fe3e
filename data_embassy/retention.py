"""How long until a topic's retention may remove what is still needed. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What a topic keeps at least; infinite where nothing is removed."""

    seconds: float = math.inf
    bytes: float = math.inf

    @classmethod
    def of(cls, settings: Mapping[str, str | None]) -> Retention:
        """From a topic's settings; a compacted topic loses nothing by age. Raises KeyError, ValueError."""
        if "delete" not in (settings["cleanup.policy"] or "").split(","):
            return cls()
        milliseconds, size = int(settings["retention.ms"] or -1), int(settings["retention.bytes"] or -1)
        return cls(
            seconds=math.inf if milliseconds < 0 else milliseconds / 1000,
            bytes=math.inf if size < 0 else float(size),
        )


def headroom(
    retention: Retention, *, oldest_age: float | None, waiting_bytes: float | None, coming_bytes: float | None
) -> float | None:
    """Seconds until the oldest needed record may go; infinite without retention, None where that cannot be said.

    `oldest_age` is that record's age, `coming_bytes` what comes each second.
    """
    by_age = by_size = math.inf
    if retention.seconds != math.inf:
        if oldest_age is None:
            return None
        by_age = max(0.0, retention.seconds - oldest_age)
    if retention.bytes != math.inf:
        if waiting_bytes is None or coming_bytes is None:
            return None
        room = max(0.0, retention.bytes - waiting_bytes)
        by_size = math.inf if coming_bytes <= 0 and room > 0 else room / max(coming_bytes, 1.0)
    return min(by_age, by_size)
