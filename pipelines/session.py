"""One register while this worker holds its partition: find the place, forward, wait, stop, try again.

Errors: an unreachable broker is waited for; a home topic that may have been rewritten is looked at again; whatever is
not understood stops this register alone. Everything else is a fault of the process and ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import Enum
from typing import Final

from data_embassy import log, metrics
from data_embassy.config import Register
from data_embassy.envelope import EpochUse
from data_embassy.errors import DataEmbassyError, TransportError
from pipelines.batches import LIMITS, Batch, Collector, Limits
from pipelines.chunks import Chunk
from pipelines.excluded import refuse_excluded
from pipelines.flight import Flight, LaneRewound
from pipelines.forward import Way
from pipelines.numbering import HomeGap, Numbering, admit, first_unsealable, unsealable
from pipelines.ports import Ports
from pipelines.precedence import Precedence
from pipelines.standstill import stand_still
from pipelines.stops import Stop
from pipelines.tail import Start

BACKOFF_SECONDS_MAX: Final = 5.0
LOOK_AGAIN_SECONDS: Final = 0.2

_log = log.get("forward")


class State(Enum):
    """What a session is doing."""

    OPENING = "opening"
    OPEN = "open"
    STOPPED = "stopped"
    CLOSED = "closed"


class LookAgain(Exception):
    """The home topic or the lane is not as expected: find the place anew."""


class Session:
    """Forwards one register. `run` does all the work; the other methods are called between its steps."""

    def __init__(self, register: Register, ports: Ports, limits: Limits = LIMITS, *, precedence: Precedence) -> None:
        self.register = register
        self.state = State.OPENING
        self.reading = object()
        """The present reading, from one seek to the next: chunks of another are not taken."""
        self.next_offset: int | None = None
        """First home offset not read."""
        self.incarnation: int | None = None
        self._ports = ports
        self._collector = Collector(limits)
        self._numbering = Numbering()
        self._changed = asyncio.Event()
        self.flight = Flight(register, self._changed.set, precedence)
        """What was published; other threads read how that goes."""
        self._way: Way | None = None
        self._retry = asyncio.Event()
        self._failure: Exception | None = None
        self._doubted: int | None = None
        """Home offset where no number of its run goes on: looked at once everything before it is acknowledged."""
        self._trusted: tuple[int, bytes | None] = (-1, None)
        """The place that was looked at, and the key of the record that stood there."""
        self._lacking = self._restarted_for = 0
        """The newest capture session that lacks a record, and the one for which the connector was restarted."""
        self._reseek_from: int | None = None
        """Home offset that a chunk jumped over; the second time it is a gap."""
        self._refused: int | None = None
        """Home offset of a record that cannot be sealed: passed by once a generation begins behind it."""
        self._seeks_wanted = 0
        self._seeks_done = 0
        """How many of them were wanted when the last one began."""
        self._lane_below: int | None = None
        """Lane offset where the lane was found rewound."""
        self._schemas: dict[bytes, None] = {}

    # What the forwarder asks and tells.

    @property
    def is_ready(self) -> bool:
        """True while chunks are wanted."""
        return self._is_reading and self._collector.has_room

    @property
    def is_full(self) -> bool:
        """True while chunks are not wanted because enough wait."""
        return self._is_reading and not self._collector.has_room

    @property
    def epoch_use(self) -> EpochUse | None:
        """Of the data key in use; None while there is none: the next envelope begins one."""
        sealer = None if self._way is None or self.state is not State.OPEN else self._way.sealer
        return None if sealer is None else sealer.epoch_use

    @property
    def acknowledged_end(self) -> int | None:
        """First home offset that the embassy has not acknowledged."""
        return self.flight.acknowledged_end

    @property
    def _is_reading(self) -> bool:
        is_sought = self._seeks_done == self._seeks_wanted
        return self.state is State.OPEN and self._failure is None and self._doubted is None and is_sought

    def accept(self, chunk: Chunk) -> None:
        """Take the records of one poll."""
        if chunk.reading is not self.reading or not self._is_reading or self.next_offset is None:
            return
        try:
            self._accept(chunk, self.next_offset)
        except DataEmbassyError as error:
            self._fail(error)

    def _accept(self, chunk: Chunk, expected: int) -> None:
        try:
            fresh = admit(expected, chunk.records)
        except HomeGap:
            if self._reseek_from == expected:
                raise
            # A gap of the topic is there again; records that Faust dropped on their way come now.
            self._reseek_from = expected
            self.seek_again()
            return
        if not fresh:
            return
        if (place := first_unsealable(fresh)) == 0:
            self._refused = expected
            raise unsealable(expected)
        if place is not None:  # What stands before it is carried; then it is read again.
            fresh, self._seeks_wanted = fresh[:place], self._seeks_wanted + 1
        if self._trusted != fresh[0][:2] and not self._numbering.is_next(fresh[0][1]):
            self._doubted = expected
        else:
            self._lacking = max(self._lacking, self._numbering.advance(fresh))
            self._collector.add(fresh, chunk.captured if len(fresh) == len(chunk.records) else None)
            self.next_offset = fresh[-1][0] + 1
            if self._lacking > self._restarted_for:
                self._doubted = self.next_offset
        self._changed.set()

    def lost_place(self) -> None:
        """The broker has no record at the place that was sought."""
        self._fail(LookAgain())

    def seek_again(self) -> None:
        """What comes next may not be what follows: the partition was assigned anew, or records went by."""
        self._seeks_wanted += 1
        self._changed.set()

    def retry(self) -> None:
        """Try again now if stopped."""
        self._retry.set()

    # The work.

    async def run(self) -> None:
        """Forward until cancelled; raises only what is a fault of the process."""
        failures = 0
        try:
            while True:
                try:
                    await self._open()
                    failures = 0
                    await self._carry()
                except LaneRewound as rewound:
                    # The embassy's broker lost what it had acknowledged: go on behind those that are left.
                    self._lane_below = rewound.lane_offset
                except LookAgain:
                    _log.info("looking_again", register=self.register.name, next_offset=self.next_offset)
                    await asyncio.sleep(LOOK_AGAIN_SECONDS)
                except TransportError as error:
                    failures += 1
                    _log.warning("unreachable", register=self.register.name, reason=error.message)
                    await self.flight.give_up()
                    await asyncio.sleep(min(BACKOFF_SECONDS_MAX, 0.25 * 2 ** min(failures, 6)) * self._ports.jitter())
                except DataEmbassyError as error:
                    await self.flight.give_up()
                    await self._stop(error)
        finally:
            self.state = State.CLOSED
            await asyncio.shield(self.flight.give_up())

    async def _open(self) -> None:
        await self.flight.give_up()
        self.state = State.OPENING
        self.reading = object()
        self._collector.clear()
        self._failure, self._doubted, self._seeks_done = None, None, self._seeks_wanted
        self._schemas = dict.fromkeys(await self._ports.load_schemas(self.register))
        start = await self._ports.find_start(self.register, self._lane_below, self._refused)
        if start.is_rewritten:
            _log.warning(
                "home_rewritten",
                register=self.register.name,
                incarnation=start.incarnation,
                next_offset=start.next_offset,
                restarts_connector=start.restarts_connector,
            )
        if start.restarts_connector or self._lacking > self._restarted_for:
            _log.warning("restarting_capture", register=self.register.name, lacking=self._lacking)
            await self._ports.restart_connector(self.register)
            self._restarted_for = self._lacking
        self._numbering = start.numbering
        # Only the very record that was looked at is trusted: before the first read the home topic may have been cut and
        # have grown again.
        self._trusted = start.next_offset, start.following
        self.next_offset = start.next_offset
        self.incarnation, self._lane_below, self._refused = start.incarnation, None, None
        self.flight.open(self._ports.output(), start.next_offset)
        self._way = Way(around=self, new_sealer=lambda: self._ports.sealer(self.register, start.incarnation))
        await self._ports.seek(start.next_offset)
        self._go_on_reading()
        self._ports.stops.clear(self.register.name)
        self._measure_open(start)

    async def _carry(self) -> None:
        assert self._way is not None
        while True:
            await self._way.forward()

    def _go_on_reading(self) -> None:
        self.state = State.OPEN
        self._ports.became_ready()

    async def collect(self) -> Batch:
        """The next batch; this is also where failures of the other side surface."""
        while True:
            self._changed.clear()
            self.flight.settle()
            if self._failure is not None:
                raise self._failure
            if self._seeks_done < self._seeks_wanted:
                await self._seek()
            was_full = self.is_full
            free = self.flight.bytes_free(is_waiting=bool(self._collector))
            batch = self._collector.take(self.flight.load, free)
            if was_full and self.is_ready:
                self._ports.became_ready()
            if batch is not None:
                return batch
            if self._doubted is not None and not self._collector and not self.flight:
                raise LookAgain
            await self._changed.wait()

    async def _seek(self) -> None:
        assert self.next_offset is not None
        self.reading = object()
        wanted = self._seeks_wanted
        await self._ports.seek(self.next_offset)
        self._seeks_done = wanted
        self._ports.became_ready()

    async def remember(self, schemas: Sequence[bytes]) -> Sequence[bytes]:
        """Keep schema records at home, acknowledged, before their first use is sealed. Raises ExcludedRows."""
        refuse_excluded(self.register, schemas)
        new = [schema for schema in dict.fromkeys(schemas) if schema not in self._schemas]
        if new:
            await self._ports.keep_schemas(self.register, new)
            self._schemas.update(dict.fromkeys(new))
        return tuple(self._schemas)

    async def publish_epoch(self, envelope: bytes) -> int | None:
        """Publish an epoch envelope and await its lane offset."""
        return await self.flight.publish_epoch(envelope)

    def publish(self, batch: Batch, envelope: bytes) -> None:
        """Publish the envelope of a batch."""
        self.flight.publish(batch, envelope)

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._changed.set()

    async def _stop(self, error: DataEmbassyError) -> None:
        self.state = State.STOPPED
        stop = Stop.of(
            error, register=self.register.name, home_offset=self.acknowledged_end, stopped_at=self._ports.now()
        )
        await stand_still(stop, self._ports.stops, self._retry)

    def _measure_open(self, start: Start) -> None:
        name = self.register.name
        metrics.FORWARD_INCARNATION.labels(name).set(start.incarnation)
        metrics.FORWARD_HOME_OFFSET.labels(name).set(start.next_offset - 1)
        _log.info("forwarding", register=name, incarnation=start.incarnation, next_offset=start.next_offset)
