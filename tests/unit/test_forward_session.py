"""One register's session, with brokers in memory: order, epochs, stops, second looks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

from data_embassy import hops
from data_embassy.config import Register
from data_embassy.envelope import EpochExhausted, EpochUse
from data_embassy.errors import DataEmbassyError, TransportError
from pipelines.batches import Record
from pipelines.chunks import Chunk
from pipelines.numbering import HomeGap, Numbering
from pipelines.ports import Ports
from pipelines.precedence import Precedence
from pipelines.session import LookAgain, Session, State
from pipelines.stops import StopFiles
from pipelines.tail import Start
from schemas.records import ChangeSchema, RecordKey, encode, snapshot_run

REGISTER = Register(name="population", lane="3f9c0a77b1d24e60", tier=1, source=None)
PARTITION = TP("changes.population", 0)

EPOCH_USE = EpochUse(age_seconds=1.0, envelopes=3, sealed=0.25, left_seconds=9.0)


def records(first: int, end: int, *, run: int = 5) -> list[Record]:
    return [(i, RecordKey(1, run, i + 1).pack(), b"value") for i in range(first, end)]


@dataclass
class MemoryLane:
    """Output and Sealer in one: envelopes are readable, acknowledgements come when told."""

    published: list[bytes] = field(default_factory=list)
    ways: list[hops.Sent | None] = field(default_factory=list)
    futures: list[asyncio.Future[int]] = field(default_factory=list)
    holds: bool = False
    unknown_offsets: int = 0
    exhausted: int = 0
    closed: int = 0

    def publish(
        self, topic: str, value: bytes, *, key: bytes | None = None, way: bytes | None = None
    ) -> asyncio.Future[int]:
        assert topic == REGISTER.lane_topic
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.published.append(value)
        self.ways.append(hops.decode_header(way))
        self.futures.append(future)
        if not self.holds:
            self.acknowledge()
        return future

    def acknowledge(self) -> None:
        for offset, future in enumerate(self.futures):
            if not future.done():
                is_unknown, self.unknown_offsets = self.unknown_offsets > 0, max(0, self.unknown_offsets - 1)
                future.set_result(-1 if is_unknown else offset)

    async def close(self, *, wait_seconds: float) -> None:
        self.closed += 1

    def begin_epoch(self, *, next_offset: int, schemas: Sequence[bytes], generation: int | None) -> bytes:
        return f"epoch at {next_offset}, {len(schemas)} schemas, generation {generation}".encode()

    def epoch_acknowledged(self, lane_offset: int) -> None:
        assert lane_offset >= 0

    @property
    def epoch_use(self) -> EpochUse:
        return EPOCH_USE

    def seal(self, sealed: Sequence[Record]) -> bytes:
        if self.exhausted:
            self.exhausted -= 1
            raise EpochExhausted("envelopes")
        return f"{sealed[0][0]} to {sealed[-1][0]}".encode()

    @property
    def texts(self) -> list[str]:
        return [value.decode() for value in self.published]


@dataclass
class World:
    """What a session meets."""

    state: Path
    lane: MemoryLane = field(default_factory=MemoryLane)
    starts: list[Start | DataEmbassyError] = field(default_factory=list)
    below: list[int | None] = field(default_factory=list)
    refused: list[int | None] = field(default_factory=list)
    sought: list[int] = field(default_factory=list)
    kept: list[bytes] = field(default_factory=list)
    restarts: int = 0
    on_seek: Callable[[], None] | None = None

    def session(self) -> Session:
        async def find_start(_: Register, below: int | None, refused: int | None) -> Start:
            self.below.append(below)
            self.refused.append(refused)
            found = self.starts.pop(0) if self.starts else start(0)
            if isinstance(found, DataEmbassyError):
                raise found
            return found

        async def load(_: Register) -> list[bytes]:
            return []

        async def keep(_: Register, schemas: Sequence[bytes]) -> None:
            self.kept.extend(schemas)

        async def seek(offset: int) -> None:
            self.sought.append(offset)
            once, self.on_seek = self.on_seek, None
            if once is not None:
                once()

        async def restart(_: Register) -> None:
            self.restarts += 1

        return Session(
            REGISTER,
            Ports(
                find_start=find_start,
                output=lambda: self.lane,
                sealer=lambda _register, _incarnation: self.lane,
                load_schemas=load,
                keep_schemas=keep,
                seek=seek,
                restart_connector=restart,
                became_ready=lambda: None,
                stops=StopFiles(self.state),
                now=lambda: "2031-01-01T00:00:00+00:00",
                jitter=lambda: 0.0,
            ),
            precedence=Precedence(clock=lambda: 0.0),
        )


def start(at: int, **more: Any) -> Start:
    """The record at `at` was there already, unless `more` says something else."""
    seen = {"following": records(at, at + 1)[0][1], **more}
    return Start(next_offset=at, incarnation=1, numbering=Numbering(records(0, at)), **seen)


def played(world: World, play: Callable[[Session], Awaitable[None]]) -> Session:
    """Run a session while `play` acts on it; it must not fail."""

    async def both() -> Session:
        session = world.session()
        task = asyncio.create_task(session.run())
        try:
            async with asyncio.timeout(10):
                await until(lambda: session.state is not State.OPENING)
                await play(session)
        finally:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return session

    return asyncio.run(both())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 (what is waited for sets no event)
        await asyncio.sleep(0.001)


def chunk(session: Session, content: list[Record]) -> Chunk:
    return Chunk(PARTITION, session.reading, content)


@pytest.fixture
def world(tmp_path):
    return World(state=tmp_path)


def test_an_epoch_is_acknowledged_before_its_first_records(world):
    async def play(session):
        world.lane.holds = True
        session.accept(chunk(session, records(0, 3)))
        await until(lambda: len(world.lane.published) == 1)
        await asyncio.sleep(0.01)
        assert world.lane.texts == ["epoch at 0, 0 schemas, generation None"]
        world.lane.acknowledge()
        await until(lambda: len(world.lane.published) == 2)

    played(world, play)
    assert world.lane.texts[1] == "0 to 2"


def test_envelopes_say_when_their_records_passed_and_epochs_do_not(world):
    async def play(session):
        session.accept(Chunk(PARTITION, session.reading, records(0, 3), (1_000, 3_000)))
        await until(lambda: session.acknowledged_end == 3)
        session.accept(Chunk(PARTITION, session.reading, records(1, 5), (2_000, 5_000)))
        await until(lambda: session.acknowledged_end == 5)
        assert session.epoch_use == EPOCH_USE

    session = played(world, play)
    epoch, first, second = world.lane.ways
    assert epoch is None
    assert second is None  # Records that were read again: which times are whose is not known.
    assert (first.captured_first, first.captured_last) == (1_000, 3_000)
    assert 0 < first.collected <= first.sealed
    assert session.flight.newest_way is not None
    assert session.flight.newest_way[0] == first
    assert session.epoch_use is None  # It is over: nobody seals with that key any more.


def test_an_epoch_whose_offset_is_unknown_is_begun_again(world):
    world.lane.unknown_offsets = 1

    async def play(session):
        session.accept(chunk(session, records(0, 3)))
        await until(lambda: len(world.lane.published) == 3)

    played(world, play)
    assert [text.split()[0] for text in world.lane.texts] == ["epoch", "epoch", "0"]


def test_a_snapshot_begins_an_epoch_with_its_generation(world):
    begin = (3, RecordKey(2, snapshot_run(4, 1), 1).pack(), b"v")

    async def play(session):
        session.accept(chunk(session, [*records(0, 3), begin]))
        await until(lambda: len(world.lane.published) == 4)

    played(world, play)
    assert world.lane.texts[1:] == ["0 to 2", "epoch at 3, 0 schemas, generation 4", "3 to 3"]


def test_an_exhausted_epoch_is_followed_by_another(world):
    async def play(session):
        session.accept(chunk(session, records(0, 3)))
        await until(lambda: len(world.lane.published) == 2)
        world.lane.exhausted = 1
        session.accept(chunk(session, records(3, 4)))
        await until(lambda: len(world.lane.published) == 4)

    played(world, play)
    assert world.lane.texts[2:] == ["epoch at 3, 0 schemas, generation None", "3 to 3"]


def test_schema_records_are_kept_before_they_are_sealed_and_restated(world):
    shape = ChangeSchema.build("public", "t", ("a",))
    schema = encode("Schema", {"fingerprint": shape.fingerprint, "json": shape.json})

    async def play(session):
        session.accept(chunk(session, [(0, RecordKey(1, 5, 1).pack(), schema)]))
        await until(lambda: len(world.lane.published) == 2)

    played(world, play)
    assert world.kept == [schema]
    assert world.lane.texts[0] == "epoch at 0, 1 schemas, generation None"


def test_chunks_of_an_earlier_reading_are_not_taken(world):
    async def play(session):
        session.accept(Chunk(PARTITION, object(), records(0, 3)))
        assert session.next_offset == 0

    played(world, play)


def test_a_jump_is_asked_for_again_and_only_then_a_gap(world):
    async def play(session):
        session.accept(chunk(session, records(2, 4)))
        await until(lambda: len(world.sought) == 2 and session.is_ready)
        session.accept(chunk(session, records(2, 4)))
        await until(lambda: session.state is State.STOPPED)

    played(world, play)
    assert world.sought == [0, 0]
    stop = StopFiles(world.state).read("population")
    assert stop is not None
    assert (stop.cause, stop.home_offset) == ("HomeGap", 0)


@pytest.mark.parametrize(("key", "value"), [(None, b"value"), (b"", b"value"), (b"short", b"value"), ("whole", None)])
def test_a_foreign_record_stops_behind_what_stands_before_it(world, key, value):
    whole = records(0, 6)
    key = whole[3][1] if key == "whole" else key

    async def play(session):
        session.accept(chunk(session, [*whole[:3], (3, key, value), *whole[4:]]))
        await until(lambda: session.acknowledged_end == 3 and session.is_ready)
        session.accept(chunk(session, [(3, key, value), *whole[4:]]))
        await until(lambda: session.state is State.STOPPED)
        world.starts.append(start(6))  # As the search finds it once a generation begins behind.
        session.retry()
        await until(lambda: session.is_ready)
        session.accept(chunk(session, records(6, 8)))
        await until(lambda: session.acknowledged_end == 8)

    played(world, play)
    assert world.refused == [None, 3]


def test_a_jump_that_was_a_lost_poll_goes_on(world):
    async def play(session):
        session.accept(chunk(session, records(2, 4)))
        await until(lambda: len(world.sought) == 2 and session.is_ready)
        session.accept(chunk(session, records(0, 4)))
        await until(lambda: session.acknowledged_end == 4)

    played(world, play)


def test_records_missed_while_a_place_is_sought_are_asked_for_again(world):
    async def play(session):
        former = session.reading
        world.on_seek = session.seek_again
        session.seek_again()
        await until(lambda: len(world.sought) == 3 and session.is_ready)
        assert session.reading is not former

    played(world, play)


def test_an_unexpected_number_is_looked_at_once_everything_before_is_acknowledged(world):
    async def play(session):
        session.accept(chunk(session, records(0, 3)))
        session.accept(chunk(session, records(3, 6, run=4)))
        world.starts.append(start(3, following=records(3, 4, run=4)[0][1]))
        await until(lambda: len(world.below) == 2 and session.is_ready)
        session.accept(chunk(session, records(3, 6, run=4)))
        await until(lambda: session.acknowledged_end == 6)

    played(world, play)
    assert world.sought == [0, 3]


def test_the_first_record_of_a_run_is_looked_at_for_what_stands_before_it_may_be_new(world):
    begun = [(3, RecordKey(1, 6, 1).pack(), b"marker"), (4, RecordKey(1, 6, 2).pack(), b"value")]

    async def play(session):
        session.accept(chunk(session, records(0, 3)))
        session.accept(chunk(session, begun))
        world.starts.append(start(3, following=begun[0][1]))
        await until(lambda: len(world.below) == 2 and session.is_ready)
        session.accept(chunk(session, begun))
        await until(lambda: session.acknowledged_end == 5)

    played(world, play)
    assert world.lane.texts[-1] == "3 to 4"


def test_a_session_that_lacks_a_record_is_replaced_once(world):
    lacking = [record for record in records(0, 9) if record[0] != 2]
    lacking = [(at, key, value) for at, (_, key, value) in enumerate(lacking)]

    async def play(session):
        world.starts.append(start(4, following=lacking[4][1]))
        session.accept(chunk(session, lacking[:4]))
        await until(lambda: world.restarts == 1 and session.is_ready)
        session.accept(chunk(session, lacking[4:]))
        await until(lambda: session.acknowledged_end == 8)

    played(world, play)
    assert world.restarts == 1
    assert world.sought == [0, 4]


def test_a_home_topic_that_was_cut_again_before_the_first_read_is_looked_at_again(world):
    async def play(session):
        session.accept(chunk(session, records(0, 3)))
        session.accept(chunk(session, records(3, 6, run=4)))
        world.starts.append(start(3, is_rewritten=True, following=records(3, 4, run=4)[0][1]))
        await until(lambda: len(world.below) == 2 and session.is_ready)
        world.starts.append(start(2, is_rewritten=True))
        session.accept(chunk(session, records(3, 6, run=6)))
        await until(lambda: len(world.below) == 3 and session.is_ready)

    played(world, play)
    assert world.sought == [0, 3, 2]


def test_a_rewritten_home_topic_restarts_the_connector(world):
    world.starts.append(start(0, is_rewritten=True, restarts_connector=True))

    async def play(session):
        await until(lambda: session.is_ready)

    played(world, play)
    assert world.restarts == 1


def test_a_lane_that_lost_acknowledged_envelopes_is_gone_on_behind_what_is_left(world):
    async def play(session):
        session.accept(chunk(session, records(0, 3)))
        await until(lambda: session.acknowledged_end == 3)
        world.lane.futures.clear()  # The next offset is 0 again.
        session.accept(chunk(session, records(3, 4)))
        await until(lambda: len(world.below) == 2)

    played(world, play)
    assert world.below == [None, 0]


def test_an_unreachable_broker_is_tried_again(world):
    world.starts.append(TransportError("away", remedy="wait"))

    async def play(session):
        await until(lambda: session.is_ready)

    played(world, play)
    assert StopFiles(world.state).read("population") is None


@pytest.mark.parametrize("how", ["file removed", "signal"])
def test_a_stop_is_cleared_by_an_operator(world, how):
    world.starts.append(HomeGap("gone", remedy="snapshot"))

    async def play(session):
        assert session.state is State.STOPPED
        if how == "signal":
            session.retry()
        else:
            StopFiles(world.state).clear("population")
        await until(lambda: session.is_ready)

    played(world, play)
    assert StopFiles(world.state).read("population") is None


def test_a_register_that_fails_again_stays_stopped(world):
    world.starts += [HomeGap("gone", remedy="snapshot"), HomeGap("still gone", remedy="snapshot")]

    async def play(session):
        session.retry()
        await until(lambda: not world.starts and session.state is State.STOPPED)

    played(world, play)
    stop = StopFiles(world.state).read("population")
    assert stop is not None
    assert stop.message == "still gone"


def test_a_lost_place_is_looked_for_again(world):
    async def play(session):
        session.lost_place()
        await until(lambda: len(world.below) == 2 and session.is_ready)

    played(world, play)


def test_reading_pauses_while_nothing_is_acknowledged(world):
    async def play(session):
        session.accept(chunk(session, records(0, 1)))
        await until(lambda: session.acknowledged_end == 1)
        world.lane.holds = True
        end = 1
        while session.is_ready:
            session.accept(chunk(session, records(end, end + 5000)))
            end += 5000
            await asyncio.sleep(0.005)
        assert end < 5000 * 30
        assert session.is_full
        world.lane.holds = False
        world.lane.acknowledge()
        await until(lambda: session.acknowledged_end == end)

    played(world, play)


def test_a_fault_of_the_process_ends_the_session(world):
    async def run() -> None:
        session = world.session()
        task = asyncio.create_task(session.run())
        await until(lambda: session.is_ready)
        world.lane.seal = None
        session.accept(chunk(session, records(0, 1)))
        await task

    with pytest.raises(TypeError):
        asyncio.run(run())


def test_looking_again_is_no_register_stop():
    assert not issubclass(LookAgain, DataEmbassyError)
