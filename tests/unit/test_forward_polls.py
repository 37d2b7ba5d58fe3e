"""What a poll brings counts as read: each chunk is handed on, or its partition is sought again."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from pipelines.chunks import Chunk, ChunkConsumer, ForwardApp

PARTITION = TP("changes.population", 0)
RECORD = SimpleNamespace(offset=7, key=b"key", value=b"value", timestamp=0, timestamp_type=0)


class Register:
    """Sources and Takers of one partition."""

    def __init__(self) -> None:
        self.reading, self.is_sought_again = object(), False

    def ready(self, partitions: Iterable[TP]) -> Mapping[TP, object]:
        return dict.fromkeys(partitions, self.reading)

    def may_be_ready_soon(self) -> bool:
        return False

    def is_current(self, partition: TP, reading: object) -> bool:
        return partition == PARTITION and self.reading is reading

    def missed(self, partition: TP) -> None:
        assert partition == PARTITION
        self.is_sought_again = True


class Broker:
    """The consumer's thread: something happens while it waits for a record."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self._meanwhile = meanwhile

    async def getmany(self, partitions: set[TP], timeout: float) -> dict[TP, list[Any]]:  # noqa: ASYNC109 (Faust's)
        self._meanwhile()
        return {partition: [RECORD] for partition in partitions}


async def polled(consumer: ChunkConsumer) -> list[tuple[Chunk, int]]:
    found = [message async for _, message in consumer.getmany(1.0)]
    return [(message.value, message.generation_id) for message in found]  # type: ignore[misc]


def play(steps: Callable[[ForwardApp, ChunkConsumer, Register], Awaitable[None]]) -> None:
    async def run() -> None:
        app = ForwardApp("forward-test", broker="kafka://127.0.0.1:1", web_enabled=False)
        app.forwarder = register = Register()
        app.consumer_generation_id = 4
        consumer = app._new_consumer()
        assert isinstance(consumer, ChunkConsumer)
        consumer._set_active_tps({PARTITION})
        thread = consumer._thread
        try:
            async with asyncio.timeout(10):
                await steps(app, consumer, register)
        finally:
            thread.thread_loop.close()
            app.threads.shutdown()

    asyncio.run(run())


def test_a_poll_that_waited_through_a_rebalance_is_handed_on_in_the_new_generation():
    async def steps(app: ForwardApp, consumer: ChunkConsumer, register: Register) -> None:
        consumer._thread = Broker(lambda: setattr(app, "consumer_generation_id", 5))  # type: ignore[assignment]
        ((chunk, generation),) = await polled(consumer)
        assert (chunk.records, generation) == ([(7, b"key", b"value")], 5)
        assert not register.is_sought_again

    play(steps)


def test_a_poll_that_waited_while_another_place_was_sought_is_asked_for_again():
    async def steps(app: ForwardApp, consumer: ChunkConsumer, register: Register) -> None:
        consumer._thread = Broker(lambda: setattr(register, "reading", object()))  # type: ignore[assignment]
        assert await polled(consumer) == []
        assert register.is_sought_again

    play(steps)


def test_a_poll_is_kept_while_the_flow_stands_still():
    async def steps(app: ForwardApp, consumer: ChunkConsumer, register: Register) -> None:
        consumer._thread = Broker(consumer.stop_flow)  # type: ignore[assignment]
        poll = asyncio.create_task(polled(consumer))
        await asyncio.sleep(0.01)
        assert not poll.done()
        consumer.resume_flow()
        assert len(await poll) == 1

    play(steps)
