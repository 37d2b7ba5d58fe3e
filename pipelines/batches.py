"""Which records travel in one envelope: the batch rules (pure).

1. Send what is there at once while fewer than `in_flight_soft` envelopes wait for their acknowledgement: an idle
   register's change leaves alone and at once.
2. Otherwise collect until one is acknowledged or a size limit is reached: under load envelopes become large.
3. Never more than `in_flight_max` envelopes or `in_flight_bytes_max` bytes unacknowledged: memory stays bounded when
   the embassy cannot be reached.
4. An envelope holds at most `records_max` records and `bytes_max` bytes; a single larger record travels alone.
5. While the link has room for fewer bytes than that, an envelope holds no more: another's turn is not delayed
   (pipelines.precedence). What a register may publish is counted before compression, so it is rather less.
6. A `SnapshotBegin` is the first record of its envelope, because it is the first record of its epoch (envelope-v1).

There is no linger: no rule waits for time to pass.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from data_embassy.share import share_of
from schemas.records import FINGERPRINTS, KEY_SIZE, MAGIC, ORIGIN_SNAPSHOT, PREFIX_SIZE, RecordKey, split_snapshot_run

Record = tuple[int, bytes, bytes]
"""Home offset, key and value of one record of a home topic."""

Captured = tuple[int, int]
"""When the first and the last of some records were handed to home's broker, microseconds since 1970."""
_MICROSECONDS: Final = 1e6

_SCHEMA_PREFIX: Final = MAGIC + FINGERPRINTS["Schema"]
_FIRST: Final = (1).to_bytes(8, "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of envelopes, of what waits for acknowledgement and of what waits to be sealed."""

    records_max: int = 5_000
    bytes_max: int = 1 << 20
    in_flight_soft: int = 5
    in_flight_max: int = 16
    in_flight_bytes_max: int = 32 << 20
    waiting_bytes_max: int = 4 << 20
    waiting_records_max: int = 20_000


LIMITS: Final = Limits()
_REGISTERS_UNSHARED: Final = 2
"""Registers of one worker that have all of `LIMITS` each."""


def limits_of_one_of(registers: int) -> Limits:
    """Bounds of one register of a worker that has so many: what all of them may hold together does not grow.

    A cut link fills them all. The least is four full envelopes, enough to keep a link of 100 ms busy.
    """
    part = partial(share_of, registers=registers, unshared=_REGISTERS_UNSHARED)
    return Limits(
        in_flight_max=part(LIMITS.in_flight_max, least=4),
        in_flight_soft=part(LIMITS.in_flight_soft, least=2),
        in_flight_bytes_max=part(LIMITS.in_flight_bytes_max, least=4 << 20),
        waiting_bytes_max=part(LIMITS.waiting_bytes_max, least=1 << 20),
        waiting_records_max=part(LIMITS.waiting_records_max, least=LIMITS.records_max),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """What was published and is not acknowledged."""

    envelopes: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Contiguous records of one envelope, with what the steps behind must know about them."""

    records: Sequence[Record]
    plain_size: int
    generation: int | None
    """Generation that begins with the first record, None for any other batch."""
    schemas: tuple[bytes, ...]
    """Values of the `Schema` records among them."""
    captured: Captured | None = None
    collected: int = 0
    """When they were taken together, microseconds since 1970."""

    @property
    def first_offset(self) -> int:
        """Home offset of the first record."""
        return self.records[0][0]

    @property
    def last_offset(self) -> int:
        """Home offset of the last record."""
        return self.records[-1][0]


def is_snapshot_begin(key: bytes) -> bool:
    """True for the first record of a snapshot attempt (stream-v1 section 2: origin 2, n = 1)."""
    return key[0] == ORIGIN_SNAPSHOT and key[9:] == _FIRST


def generation_of(key: bytes) -> int:
    """Generation that a snapshot record belongs to."""
    return split_snapshot_run(RecordKey.unpack(key).run)[0]


class _Times:
    """When records were captured, by home offset: known of the ends of each chunk that was read."""

    __slots__ = ("_chunks",)

    def __init__(self) -> None:
        self._chunks: deque[tuple[int, int, Captured]] = deque()
        """First and last offset of each chunk and its times."""

    def add(self, records: Sequence[Record], captured: Captured) -> None:
        self._chunks.append((records[0][0], records[-1][0], captured))

    def clear(self) -> None:
        self._chunks.clear()

    def take(self, first: int, last: int) -> Captured | None:
        """Of these offsets, in rising order from call to call; None where they were read without times."""
        begin, end = self._at(first), self._at(last)
        return None if begin is None or end is None else (begin, end)

    def _at(self, offset: int) -> int | None:
        while self._chunks and self._chunks[0][1] < offset:
            self._chunks.popleft()
        if not self._chunks or offset < self._chunks[0][0]:
            return None
        first, last, (begin, end) = self._chunks[0]
        return end if first == last else begin + (end - begin) * (offset - first) // (last - first)


class Collector:
    """Records of one register that wait to be sealed."""

    __slots__ = ("_clock", "_limits", "_records", "_size", "_times")

    def __init__(self, limits: Limits = LIMITS, *, clock: Callable[[], float] = time.time) -> None:
        self._limits, self._clock, self._times = limits, clock, _Times()
        self._records: deque[Record] = deque()
        self._size = 0

    def __len__(self) -> int:
        return len(self._records)

    @property
    def has_room(self) -> bool:
        """False asks the reader to pause."""
        return self._size < self._limits.waiting_bytes_max and len(self._records) < self._limits.waiting_records_max

    def add(self, records: Sequence[Record], captured: Captured | None = None) -> None:
        """Append records that follow directly behind those added before; `captured` are times of first and last."""
        if captured is not None:
            self._times.add(records, captured)
        self._records.extend(records)
        self._size += sum(len(value) for _, _, value in records) + KEY_SIZE * len(records)

    def clear(self) -> None:
        """Forget everything; the reader begins again elsewhere."""
        self._records.clear()
        self._times.clear()
        self._size = 0

    def take(self, in_flight: InFlight, bytes_free: int | None = None) -> Batch | None:
        """The next batch, or None when the rules say to wait; `bytes_free` is what the link has room for."""
        limits = self._limits
        if not self._records or bytes_free == 0:
            return None
        bytes_max = limits.bytes_max if bytes_free is None else min(bytes_free, limits.bytes_max)
        if in_flight.envelopes >= limits.in_flight_max or in_flight.size >= limits.in_flight_bytes_max:
            return None
        is_full = len(self._records) >= limits.records_max or self._size >= bytes_max
        if in_flight.envelopes >= limits.in_flight_soft and not is_full:
            return None
        return self._cut(bytes_max)

    def _cut(self, bytes_max: int) -> Batch:
        waiting, limits = self._records, self._limits
        taken: list[Record] = []
        schemas: list[bytes] = []
        size = 0
        generation = generation_of(waiting[0][1]) if is_snapshot_begin(waiting[0][1]) else None
        while waiting and len(taken) < limits.records_max:
            record = waiting[0]
            _, key, value = record
            grown = size + len(value) + KEY_SIZE
            if taken and (grown > bytes_max or (key[0] == ORIGIN_SNAPSHOT and is_snapshot_begin(key))):
                break
            if value[:PREFIX_SIZE] == _SCHEMA_PREFIX:
                schemas.append(value)
            taken.append(waiting.popleft())
            size = grown
        self._size -= size
        return Batch(
            records=taken,
            plain_size=size,
            generation=generation,
            schemas=tuple(schemas),
            captured=self._times.take(taken[0][0], taken[-1][0]),
            collected=round(self._clock() * _MICROSECONDS),
        )
