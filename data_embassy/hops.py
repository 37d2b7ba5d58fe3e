"""The way of a pulse through time: when it passed where, and how long each hop took. Pure.

Four clocks are read: the register's (pulse), Kafka Connect's (captured), the forwarder's (collected, sealed) and the
embassy's (arrived, decoded, committed). The first three are home's and taken for one; how far the embassy's is from it
both sites measure (`clock`). Whatever the clocks say, hops are never negative and together they are the lag.

Home's times come in one header of the lane's message (envelope-v1 section 9), unsigned as the clocks' own: it may make
a hop look longer at another's expense, and no lag shorter.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from data_embassy.status import HOPS

HEADER: Final = "way"
"""Kafka header of a lane's messages: home's times of the envelope's records."""
_TIMES: Final = struct.Struct(">4q")
_TIME_MAX: Final = 1 << 62
_MICROSECONDS: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Home's times of one envelope, microseconds since 1970."""

    captured_first: int
    """When its first record was handed to home's broker."""
    captured_last: int
    collected: int
    """When its records were taken together, after they waited for the link."""
    sealed: int
    """When the envelope was handed to the link."""

    def encode(self) -> bytes:
        """The header's value: four times of 8 bytes, big-endian."""
        return _TIMES.pack(self.captured_first, self.captured_last, self.collected, self.sealed)

    def captured(self, place: int, count: int) -> int:
        """When the record at this place of `count` was captured, as far as first and last tell."""
        if count < 2:
            return self.captured_last
        return self.captured_first + (self.captured_last - self.captured_first) * place // (count - 1)


def decode_header(value: bytes | None) -> Sent | None:
    """Home's times; None for what is no such header."""
    if value is None or len(value) != _TIMES.size:
        return None
    first, last, collected, sealed = _TIMES.unpack(value)
    if not all(0 <= one < _TIME_MAX for one in (first, last, collected, sealed)):
        return None
    return Sent(captured_first=first, captured_last=last, collected=collected, sealed=sealed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """When a pulse passed the stations before its commit, microseconds since 1970, each by the clock of the place."""

    captured: int
    collected: int
    sealed: int
    arrived: int
    """When its envelope could be fetched at the embassy."""
    fetched: int
    decoded: int
    captured_by: int = 0
    """When it was captured at the latest: `captured` is an estimate within its envelope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the commit of a pulse showed."""

    hops: Mapping[str, float] = field(default_factory=dict)
    """Seconds on each of HOPS, empty when unknown. Their sum is its lag when it was applied."""
    ahead: float = 0.0
    """Seconds by which the register's clock is at least ahead of home's: a pulse is not captured before it is made."""

    @property
    def seconds(self) -> float:
        """All hops together; 0 when they are not known."""
        return sum(self.hops.values())


def measure(pulse_at: int, passed: Passed | None, committed_at: int, *, correction: float) -> Measured:
    """Hops of a pulse; `committed_at` by the embassy's clock, of which `correction` seconds are to be taken."""
    if passed is None:
        return Measured()
    less = round(correction * _MICROSECONDS)
    start = min(pulse_at, max(passed.captured, passed.captured_by))
    # Home's clock has seen the envelope leave: whatever the embassy's says, it cannot have ended earlier.
    end = max(committed_at - less, passed.sealed, start)
    # What it waited between its arrival and being fetched it waited for its turn to be applied.
    verify = max(0, passed.decoded - passed.fetched)
    marks = (passed.captured, passed.collected, passed.sealed, passed.arrived - less, passed.arrived - less + verify)
    hops, before = [], start
    for mark in marks:
        at = min(max(before, mark), end)
        hops.append(at - before)
        before = at
    hops.append(end - before)
    return Measured(
        hops={hop: took / _MICROSECONDS for hop, took in zip(HOPS, hops, strict=True)},
        ahead=(pulse_at - start) / _MICROSECONDS,
    )
