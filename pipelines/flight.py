"""Envelopes of one register on their way to the embassy's broker: published in order, acknowledged in order.

Of what was acknowledged it knows how far it reaches at home and on the lane. A lane offset that comes twice shows that
the embassy's broker lost envelopes which it had acknowledged.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from data_embassy import failpoint, log, metrics
from data_embassy.config import Register
from data_embassy.hops import Sent
from pipelines.batches import Batch, InFlight
from pipelines.ports import Output
from pipelines.precedence import Precedence, Ticket, Turn

CLOSE_SECONDS: Final = 1.0
KEPT_ENVELOPES: Final = 8
"""Envelopes whose records stay at home for the comparison at the next start."""
MEASURED_ENVELOPES: Final = 32
"""Of which the bytes of a sealed record are measured."""

_MICROSECONDS: Final = 1e6
_log = log.get("forward")


class LaneRewound(Exception):
    """The lane lost its end: go on behind the envelopes before `lane_offset`."""

    def __init__(self, lane_offset: int) -> None:
        super().__init__(lane_offset)
        self.lane_offset = lane_offset


@dataclass(frozen=True, slots=True)
class _Sent:
    batch: Batch
    size: int
    ticket: Ticket
    way: Sent | None
    acknowledged: asyncio.Future[int]


class Flight:
    """What one register has published since it found its place."""

    def __init__(
        self,
        register: Register,
        changed: Callable[[], None],
        precedence: Precedence,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.acknowledged_end: int | None = None
        """First home offset that the embassy has not acknowledged."""
        self.newest_way: tuple[Sent, float] | None = None
        """Home's times of the newest envelope that was acknowledged, and when that was. Other threads ask."""
        self._clock = clock
        self._register = register
        self._changed = changed
        self._precedence = precedence
        self._turn: Turn | None = None
        self._lane_offset = -1
        self._handed: int | None = None
        """When the epoch that the next envelope needs was handed over: waiting for it is waiting for the link."""
        self._sent: deque[_Sent] = deque()
        self._kept: deque[int] = deque(maxlen=KEPT_ENVELOPES)
        self._sizes: deque[tuple[int, int]] = deque(maxlen=MEASURED_ENVELOPES)
        """Records and sealed bytes of the last envelopes."""
        self._output: Output | None = None

    def __len__(self) -> int:
        """Envelopes not acknowledged."""
        return len(self._sent)

    @property
    def load(self) -> InFlight:
        """What is on the way, as the rules for batches want it."""
        return InFlight(envelopes=len(self._sent), size=sum(sent.size for sent in self._sent))

    @property
    def kept_from(self) -> int | None:
        """First home offset that the last envelopes hold, known once enough of them were acknowledged."""
        return min(self._kept) if len(self._kept) == KEPT_ENVELOPES else None

    @property
    def bytes_per_record(self) -> float | None:
        """Sealed, over the last envelopes; None before the first. Other threads ask."""
        sizes = tuple(self._sizes)
        records = sum(count for count, _ in sizes)
        return sum(size for _, size in sizes) / records if records else None

    @property
    def in_flight_bytes(self) -> int:
        """Published and not acknowledged. Other threads ask."""
        turn = self._turn
        return 0 if turn is None else turn.in_flight

    @property
    def is_held(self) -> bool:
        """True while registers of higher tiers have the link."""
        return self._turn is not None and self._turn.is_held

    def bytes_free(self, *, is_waiting: bool) -> int | None:
        """How many bytes may be published now, None for any number; `is_waiting` says that there are some."""
        assert self._turn is not None
        if is_waiting:
            return self._precedence.bytes_free(self._turn)
        self._precedence.content(self._turn)
        return None

    def open(self, output: Output, next_offset: int) -> None:
        """Begin at a place."""
        self._output, self.acknowledged_end, self._lane_offset, self._handed = output, next_offset, -1, None
        self._turn = self._precedence.join(self._register.tier, self._changed)
        self._count()

    async def publish_epoch(self, envelope: bytes) -> int | None:
        """Publish an epoch envelope; its lane offset, None where the broker cannot say it."""
        self._handed = self._now() if self._handed is None else self._handed
        lane_offset = await self._publish(envelope)
        metrics.FORWARD_EPOCHS.labels(self._register.name).inc()
        return None if lane_offset < 0 else lane_offset

    def publish(self, batch: Batch, envelope: bytes) -> None:
        """Publish the envelope of a batch."""
        assert self._turn is not None
        ticket = self._precedence.sent(self._turn, len(envelope))
        failpoint.hit("before_produce")
        way, self._handed = self._way(batch), None
        acknowledged = self._publish(envelope, way=None if way is None else way.encode())
        failpoint.hit("after_produce")
        acknowledged.add_done_callback(lambda _: self._changed())
        self._sent.append(_Sent(batch, len(envelope), ticket, way, acknowledged))
        self._sizes.append((len(batch.records), len(envelope)))
        self._count()

    def settle(self) -> None:
        """Take acknowledgements, in order; raises LaneRewound and what failed."""
        while self._sent and self._sent[0].acknowledged.done():
            failpoint.hit("before_ack")
            sent = self._sent.popleft()
            self._reach(sent.acknowledged.result())
            if self._turn is not None:
                self._precedence.acknowledged(self._turn, sent.ticket)
            self.acknowledged_end = sent.batch.last_offset + 1
            failpoint.hit("after_ack")
            self._kept.append(sent.batch.first_offset)
            if sent.way is not None:
                self.newest_way = sent.way, self._clock()
            self._measure(sent)

    async def give_up(self) -> None:
        """Let go of what was not acknowledged; it may still arrive, which is harmless."""
        for sent in self._sent:
            if not sent.acknowledged.cancel() and not sent.acknowledged.cancelled():
                sent.acknowledged.exception()  # Its cause was seen already, or does not matter any more.
        self._sent.clear()
        turn, self._turn = self._turn, None
        if turn is not None:
            self._precedence.leave(turn)
        output, self._output = self._output, None
        if output is not None:
            await output.close(wait_seconds=CLOSE_SECONDS)

    def _publish(self, envelope: bytes, *, way: bytes | None = None) -> asyncio.Future[int]:
        assert self._output is not None
        return self._output.publish(self._register.lane_topic, envelope, way=way)

    def _way(self, batch: Batch) -> Sent | None:
        if batch.captured is None:
            return None
        first, last = batch.captured
        return Sent(
            captured_first=first,
            captured_last=last,
            collected=batch.collected,
            sealed=self._now() if self._handed is None else self._handed,
        )

    def _now(self) -> int:
        return round(self._clock() * _MICROSECONDS)

    def _reach(self, lane_offset: int) -> None:
        if 0 <= lane_offset <= self._lane_offset:
            _log.error("lane_rewound", register=self._register.name, lane_offset=lane_offset, had=self._lane_offset)
            raise LaneRewound(lane_offset)
        self._lane_offset = max(lane_offset, self._lane_offset)

    def _measure(self, sent: _Sent) -> None:
        name = self._register.name
        metrics.FORWARD_RECORDS.labels(name).inc(len(sent.batch.records))
        metrics.FORWARD_ENVELOPES.labels(name).inc()
        metrics.FORWARD_PLAIN_BYTES.labels(name).inc(sent.batch.plain_size)
        metrics.FORWARD_SEALED_BYTES.labels(name).inc(sent.size)
        metrics.FORWARD_HOME_OFFSET.labels(name).set(sent.batch.last_offset)
        self._count()

    def _count(self) -> None:
        metrics.FORWARD_IN_FLIGHT.labels(self._register.name).set(len(self._sent))
