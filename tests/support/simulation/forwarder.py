"""Forwarders in memory: the real session and its search, a lane that acknowledges late, or never."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

from faust.types import TP

from data_embassy.config import Register
from data_embassy.envelope import HomeSealer, HomeVerifier
from data_embassy.errors import TransportError
from pipelines.chunks import Chunk
from pipelines.opening import Opening, Recognition
from pipelines.ports import Ports
from pipelines.precedence import Precedence
from pipelines.session import Session, State
from pipelines.stops import Stop, StopFiles
from pipelines.tail import Bounds, Start
from tests.support.sealing import LANE, Sites, Stream
from tests.support.simulation.register import SimulatedRegister

REGISTER = Register(name="register", lane=LANE, tier=1, source=None)
PARTITION = TP("changes.register", 0)


@dataclass
class LaneLog:
    """The lane: envelopes at their offsets."""

    envelopes: list[bytes] = field(default_factory=list)
    is_cut: bool = False


class _Readable:
    """A topic as `opening.Log`."""

    def __init__(self, low: int, items: Sequence[tuple[bytes | None, bytes]]) -> None:
        self._low, self._items = low, items

    def bounds(self) -> Bounds:
        return Bounds(low=self._low, end=len(self._items))

    def read(self, first: int, last: int) -> Iterator[tuple[int, bytes | None, bytes | None]]:
        for offset in range(max(first, self._low), min(last + 1, len(self._items))):
            yield offset, *self._items[offset]


class MemoryStops:
    """Stops of one forwarder, in memory."""

    def __init__(self) -> None:
        self.stop: Stop | None = None

    def write(self, stop: Stop) -> None:
        self.stop = stop

    def read(self, register: str) -> Stop | None:
        return self.stop

    def clear(self, register: str) -> None:
        self.stop = None


class MemoryOutput:
    """An idempotent producer: in order, each once; what it had in hand may still arrive after its process died."""

    def __init__(self, lane: LaneLog, random: Random) -> None:
        self._lane, self._random = lane, random
        self._queue: list[tuple[bytes, asyncio.Future[int]]] = []
        self._is_broken = False
        """A fatal error: nothing that was published later arrives (an idempotent producer leaves no hole)."""
        self._task = asyncio.create_task(self._deliver())
        self._has_more = asyncio.Event()

    def publish(
        self, topic: str, value: bytes, *, key: bytes | None = None, way: bytes | None = None
    ) -> asyncio.Future[int]:
        assert topic == REGISTER.lane_topic
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._queue.append((value, future))
        self._has_more.set()
        return future

    async def close(self, *, wait_seconds: float) -> None:
        """What is in flight arrives or not; nobody is told."""
        self._task.cancel()
        if not self._lane.is_cut and not self._is_broken:
            for value, _ in self._queue[: self._random.randint(0, len(self._queue))]:
                self._lane.envelopes.append(value)
        self._queue.clear()

    async def _deliver(self) -> None:
        while True:
            if not self._queue:
                self._has_more.clear()
                await self._has_more.wait()
            await asyncio.sleep(self._random.choice([0.0, 0.001, 0.02]))
            if self._is_broken or (self._lane.is_cut and self._random.random() < 0.1):
                self._fail()
            if self._lane.is_cut:
                continue
            if not self._queue:
                continue
            value, future = self._queue.pop(0)
            self._lane.envelopes.append(value)
            if not future.done():
                future.set_result(-1 if self._random.random() < 0.02 else len(self._lane.envelopes) - 1)

    def _fail(self) -> None:
        """The first that waits arrived, without its acknowledgement, or not; the others did not."""
        if self._queue and not self._is_broken and self._random.random() < 0.5:
            self._lane.envelopes.append(self._queue[0][0])
        self._is_broken = True
        for _, future in self._queue:
            if not future.done():
                future.set_exception(TransportError("the link is cut", remedy="wait"))
        self._queue.clear()


@dataclass
class Home:
    """What forwarders share."""

    register: SimulatedRegister
    lane: LaneLog
    sites: Sites
    random: Random
    schemas: list[bytes] = field(default_factory=list)
    incarnation: int = 1
    sealers: int = 0


class Forwarder:
    """One worker process of one register: session and reader."""

    def __init__(self, home: Home) -> None:
        self._home, self._random = home, home.random
        self.stops = MemoryStops()
        self.place = 0
        self.session = Session(REGISTER, self._ports(), precedence=Precedence(clock=lambda: 0.0))
        self._tasks = [asyncio.create_task(self.session.run()), asyncio.create_task(self._read())]

    async def kill(self) -> None:
        """End at once; what the producer had in hand arrives or not."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    def check(self) -> None:
        """Raise what ended one of its tasks."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()

    @property
    def is_open(self) -> bool:
        """True when it found its place and forwards."""
        return self.session.state is State.OPEN

    @property
    def is_level(self) -> bool:
        """True when everything of the home topic was acknowledged by the embassy."""
        return self.is_open and self.session.acknowledged_end == self._home.register.log.end

    async def _read(self) -> None:
        log, random = self._home.register.log, self._random
        held: Chunk | None = None
        while True:
            await asyncio.sleep(random.choice([0.001, 0.005, 0.05]))
            if held is not None:
                self.session.accept(held)  # A poll that was under way while the session sought elsewhere.
                held = None
            if not self.session.is_ready:
                continue
            if not log.low <= self.place <= log.end:
                self.session.lost_place()
                continue
            end = min(log.end, self.place + random.choice([1, 2, 7, 40]))
            records = [(offset, *log.records[offset]) for offset in range(self.place, end)]
            if records:
                chunk = Chunk(PARTITION, self.session.reading, records)
                self.place = end
                if random.random() < 0.05:
                    held = chunk
                else:
                    self.session.accept(chunk)

    def _ports(self) -> Ports:
        home = self._home

        async def find_start(_: Register, below: int | None, refused: int | None) -> Start:
            await asyncio.sleep(0.01)
            if home.lane.is_cut:
                raise TransportError("the link is cut", remedy="wait")
            return self._opening().find(below=below, refused=refused)

        async def load(_: Register) -> list[bytes]:
            return list(home.schemas)

        async def keep(_: Register, schemas: Sequence[bytes]) -> None:
            await asyncio.sleep(0.001)
            home.schemas += [schema for schema in schemas if schema not in home.schemas]

        async def seek(offset: int) -> None:
            await asyncio.sleep(0.001)
            self.place = offset

        async def restart(_: Register) -> None:
            home.register.start_task()

        def sealer(_: Register, incarnation: int) -> HomeSealer:
            home.sealers += 1
            return HomeSealer(
                lane=LANE, keys=home.sites.home, incarnation=incarnation, random=Stream(f"sealer {home.sealers}"),
                clock=lambda: 0.0,
            )  # fmt: skip

        return Ports(
            find_start=find_start,
            output=lambda: MemoryOutput(home.lane, self._random),
            sealer=sealer,
            load_schemas=load,
            keep_schemas=keep,
            seek=seek,
            restart_connector=restart,
            became_ready=lambda: None,
            stops=cast(StopFiles, self.stops),
            now=lambda: "2031-01-01T00:00:00+00:00",
            jitter=lambda: 1.0,
        )

    def _opening(self) -> Opening:
        home = self._home
        sealer = HomeSealer(lane=LANE, keys=home.sites.home, incarnation=0)

        def new_incarnation(former: int) -> int:
            home.incarnation = max(former, home.incarnation) + 1
            return home.incarnation

        envelopes: list[Any] = [(None, envelope) for envelope in home.lane.envelopes]
        return Opening(
            lane=_Readable(0, envelopes),
            home=_Readable(home.register.log.low, home.register.log.records),
            recognition=Recognition(verify=HomeVerifier(lane=LANE, keys=home.sites.home).verify, digest=sealer.digest),
            new_incarnation=new_incarnation,
        )
