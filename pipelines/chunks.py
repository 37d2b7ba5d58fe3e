"""Faust transport whose consumer hands an agent one chunk of records per partition and poll.

An agent that takes single events reaches 5 to 13 thousand records per second, one that takes chunks 170 thousand. This
is the one module that overrides methods of Faust's aiokafka driver; a test fails when Faust changes those methods.

- `_getmany` fetches only from partitions that are ready: per-partition pauses without Faust's own, which a full buffer
  undoes. It passes a set of its own, because Faust shares a set between threads that changes under the fetch.
- `getmany` yields one message per partition and poll. A poll may wait through a rebalance, or while its partition is
  sought elsewhere; what it then brings counts as read, and comes never again by itself. So nothing is let go silently,
  as Faust does: it is handed on, or its partition is sought again.
- `seek_to_committed`, called at start and at every rebalance, seeks to the end and hands the assignment over; nothing
  is read until the register's session has found its place and sought it.
- `commit` reports what the embassy acknowledged, for lag tools only.
- `_new_transport` of the app gives the transport.
- `subscribe` changes the topics of a running app.
- `verify_event_path` is left out: the watchdog looks at what is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol, cast

import faust
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
from faust.transport.conductor import Conductor
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from data_embassy.clock import Travel
from pipelines.batches import Captured, Record

RETRY_SECONDS: Final = 0.02
"""How soon a partition that was briefly full is asked again while others are being read."""


THREADS_MAX: Final = 8
"""Registers that look for their place at once; the others wait."""


class Chunk:
    """Records of one poll; opaque, since Faust walks through lists, and its repr shows none of them."""

    __slots__ = ("captured", "partition", "reading", "records")

    def __init__(self, partition: TP, reading: object, records: list[Record], captured: Captured | None = None) -> None:
        self.partition, self.reading, self.records, self.captured = partition, reading, records, captured

    def __repr__(self) -> str:
        return f"<Chunk of {self.partition.topic} with {len(self.records)} records>"


class Sources(Protocol):
    """Who decides what is read: implemented by the forwarder."""

    def ready(self, partitions: Iterable[TP]) -> Mapping[TP, object]:
        """Partitions to read from, each with its present reading: another object from each seek to the next."""
        ...

    async def wait_ready(self, seconds: float) -> None:
        """Return when a partition became ready, or after `seconds`."""
        ...

    def may_be_ready_soon(self) -> bool:
        """True while a partition is only briefly full."""
        ...


class Takers(Protocol):
    """Who takes what was read: implemented by the forwarder."""

    def is_current(self, partition: TP, reading: object) -> bool:
        """True while no other place was sought."""
        ...

    def missed(self, partition: TP) -> None:
        """Records that count as read were let go: the place must be sought again."""
        ...


class Follower(Protocol):
    """Who is told of events on a partition: implemented by the forwarder."""

    def assigned(self, partitions: Iterable[TP], generation: int) -> None:
        """These partitions, and no others, belong to this worker in this generation of the group."""
        ...

    def lost_place(self, partition: TP) -> None:
        """The place sought is not there: the topic was trimmed or rewritten."""
        ...

    def acknowledged(self) -> Mapping[TP, int]:
        """First offset of each partition that the embassy has not acknowledged."""
        ...


class ChunkConsumer(driver.Consumer):
    """Consumer of whole chunks."""

    @property
    def sources(self) -> Sources:
        """Who decides what is read."""
        sources: Sources = cast(ForwardApp, self.app).forwarder
        return sources

    @property
    def takers(self) -> Takers:
        """Who takes it."""
        takers: Takers = cast(ForwardApp, self.app).forwarder
        return takers

    @property
    def follower(self) -> Follower:
        """Who is told."""
        follower: Follower = cast(ForwardApp, self.app).forwarder
        return follower

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:  # noqa: ASYNC109 (Faust's signature)
        self._readings = self.sources.ready(active_partitions or ())
        if not self._readings:
            await self.sources.wait_ready(timeout)
            return {}
        if self.sources.may_be_ready_soon():
            timeout = min(timeout, RETRY_SECONDS)
        try:
            records: Mapping[TP, list[Any]] = await self._thread.getmany(set(self._readings), timeout)
        except OffsetOutOfRangeError as error:
            for partition in error.args[0]:
                self.follower.lost_place(ensure_TP(partition))
            return {}
        except NoOffsetForPartitionError:
            return {}  # From before the session sought its place.
        return records

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109 (Faust's signature)
        """One message per partition with all records of this poll."""
        fetched, _ = await self._wait_next_records(timeout)
        readings = self._readings
        for partition, records in ((ensure_TP(each), found) for each, found in (fetched or {}).items()):
            if not self.flow_active:
                # Faust would drop it, perhaps after the session sought its place in the new assignment.
                await self.wait(self.can_resume_flow.wait())
            if self.should_stop:
                return
            if not records:
                continue
            if self.takers.is_current(partition, readings[partition]):
                yield self._message(partition, readings[partition], records)
            else:
                self.takers.missed(partition)

    def _message(self, partition: TP, reading: object, records: list[Any]) -> tuple[TP, ConsumerMessage]:
        last = records[-1]
        content = [(record.offset, record.key, record.value) for record in records]
        message = ConsumerMessage(
            topic=partition.topic,
            partition=partition.partition,
            offset=last.offset,
            timestamp=last.timestamp / 1000.0,
            timestamp_type=last.timestamp_type,
            headers=[],
            key=None,
            value=cast(bytes, Chunk(partition, reading, content, (records[0].timestamp * 1000, last.timestamp * 1000))),
            checksum=None,
            serialized_key_size=0,
            serialized_value_size=0,
            tp=partition,
            generation_id=self.app.consumer_generation_id,
        )
        return partition, message

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Stay at the end until each register's session has found its place."""
        assignment = self.assignment()
        ends: Mapping[TP, int] = await self.highwaters(*assignment) if assignment else {}
        if ends:
            await self.seek_wait(ends)
        self.follower.assigned(assignment, self.app.consumer_generation_id)
        return ends

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002 (Faust)
        """Report what the embassy acknowledged."""
        assignment = self.assignment()
        done = {partition: end for partition, end in self.follower.acknowledged().items() if partition in assignment}
        if not done or done == self._reported:
            return False
        self._reported = done
        return bool(await self._commit(done))

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Left to the watchdog."""

    _readings: Mapping[TP, object] = {}
    _reported: Mapping[TP, int] = {}


class ChunkTransport(driver.Transport):
    """Transport of an app whose records go to its forwarder."""

    Consumer = ChunkConsumer


class ForwardApp(faust.App):
    """App with the chunk transport, and with what lives as long as it does."""

    forwarder: Any
    """Sources, Takers and Follower in one (pipelines.forwarder)."""
    pending_crash: asyncio.Task[None] | None = None

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="forward")
        self.down = Travel()
        """Home's half of the clock comparison."""

    def _new_transport(self) -> ChunkTransport:
        return ChunkTransport(self.conf.broker_consumer, self)


async def subscribe(app: ForwardApp, topics: Iterable[str]) -> bool:
    """Read these topics from now on, which is a rebalance; False while one is going on, or before the first.

    Faust's own way waits 45 seconds first.
    """
    conductor = cast(Conductor, app.topics)
    if app.rebalancing or not app.consumer_generation_id:
        return False
    for channel in conductor:
        channel.topics = sorted(topics)
    await app.consumer.subscribe(await conductor._update_indices())  # noqa: SLF001 (nothing public does it at once)
    return True


async def seek(consumer: ChunkConsumer, partition: TP, offset: int) -> None:
    """Go on reading a partition at `offset`."""
    await asyncio.shield(consumer.seek_wait({partition: offset}))
