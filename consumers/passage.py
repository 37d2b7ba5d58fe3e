"""When envelopes passed into the receiver, as the hops of a pulse want it (data_embassy.hops). Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from consumers.group import Group
from data_embassy.hops import Passed, Sent

ENVELOPES_MAX: Final = 1024
"""Of which times are kept until their transactions were handed over; older ones are forgotten."""
_WEIGHED_ENVELOPES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One pulse's."""

    pulse_at: int
    """By the register's clock, microseconds since 1970."""
    passed: Passed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One envelope here, microseconds since 1970; `sent` by home's clock, None where its message does not say it."""

    fetched: int
    arrived: int
    sent: Sent | None


def arrival(sent: Sent | None, *, fetched: int, empty_at: int, up: float | None) -> Arrival:
    """`empty_at`: when the lane was last seen to hold nothing more; `up`: the smallest travel, by both clocks, seconds.

    Nobody says when an envelope reached the lane. It was not before the lane was empty, and not before its shortest
    travel was over; what came after that is the receiver's own time.
    """
    earliest = empty_at
    if sent is not None and up is not None:
        earliest = max(earliest, sent.sealed + round(up * 1e6))
    return Arrival(fetched=fetched, arrived=fetched if up is None else min(fetched, earliest), sent=sent)


class Arrivals:
    """Arrivals of the envelopes whose transactions were not handed over yet. One thread uses it."""

    def __init__(self) -> None:
        self.envelope_bytes: float | None = None
        """Mean size of the last envelopes. Other threads ask."""
        self.key_envelopes: int | None = None
        """How many the newest one's data key had sealed by then; None before the first. Other threads ask."""
        self._envelopes: deque[tuple[int, int, Arrival]] = deque(maxlen=ENVELOPES_MAX)
        """First and last home offset of each."""

    def add(self, first_offset: int, count: int, size: int, one: Arrival | None, *, counter: int | None = None) -> None:
        """An envelope of `size` bytes brought these records; `counter` as in `reader.Batch`."""
        self.key_envelopes = counter or self.key_envelopes
        mean = self.envelope_bytes
        self.envelope_bytes = size if mean is None else mean + (size - mean) / _WEIGHED_ENVELOPES
        if one is not None and one.sent is not None and count:
            self._envelopes.append((first_offset, first_offset + count - 1, one))

    def ways(
        self, group: Group, places: Sequence[int], oldest_at: int | None, newest_at: int | None, *, decoded: int
    ) -> tuple[Way | None, Way | None]:
        """Of the oldest and the newest of a group's pulses, which stand at `places`."""
        if not places or oldest_at is None or newest_at is None:
            return None, None
        oldest = Way(pulse_at=oldest_at, passed=self.passed(group, places[0], decoded=decoded))
        return oldest, Way(pulse_at=newest_at, passed=self.passed(group, places[-1], decoded=decoded))

    def passed(self, group: Group, place: int | None, *, decoded: int) -> Passed | None:
        """Of the transaction that holds the group's value at `place`; None where that is not known.

        Places are asked for in order: what lies before one is forgotten.
        """
        if place is None:
            return None
        frame = bisect_right(group.frames, place, key=lambda frame: frame.first) - 1
        if not 0 <= frame < len(group.ends):
            return None
        offset = group.ends[frame][0]
        while self._envelopes and self._envelopes[0][1] < offset:
            self._envelopes.popleft()
        if not self._envelopes or self._envelopes[0][0] > offset:
            return None
        first, last, one = self._envelopes[0]
        assert one.sent is not None
        return Passed(
            captured=one.sent.captured(offset - first, last - first + 1),
            collected=one.sent.collected,
            sealed=one.sent.sealed,
            arrived=one.arrived,
            fetched=one.fetched,
            decoded=decoded,
            captured_by=one.sent.captured_last,
        )
