"""What home says of an envelope's way: waiting for the epoch that it needs is waiting for the link."""

from __future__ import annotations

import asyncio

from data_embassy.config import Register
from data_embassy.hops import decode_header
from pipelines.batches import Batch
from pipelines.flight import Flight
from pipelines.precedence import Precedence

BATCH = Batch(records=[(0, b"k", b"v")], plain_size=2, generation=None, schemas=(), captured=(1, 2), collected=3)


class Link:
    """Acknowledges what is asked of it once the clock was set on."""

    def __init__(self) -> None:
        self.now = 10.0
        self.ways: list[bytes | None] = []

    def publish(
        self, topic: str, value: bytes, *, key: bytes | None = None, way: bytes | None = None
    ) -> asyncio.Future[int]:
        self.ways.append(way)
        self.now += 8.0
        acknowledged: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        acknowledged.set_result(len(self.ways) - 1)
        return acknowledged

    async def close(self, *, wait_seconds: float) -> None: ...


def test_the_wait_for_an_epoch_is_the_links():
    link = Link()

    async def send() -> None:
        register = Register(name="flown", lane="0" * 16, tier=1, source=None)
        flight = Flight(register, lambda: None, Precedence(clock=lambda: 0.0), clock=lambda: link.now)
        flight.open(link, 0)
        await flight.publish_epoch(b"epoch")
        flight.publish(BATCH, b"first")
        flight.publish(BATCH, b"second")
        await flight.give_up()

    asyncio.run(send())
    sealed = [sent.sealed for way in link.ways if (sent := decode_header(way)) is not None]
    assert sealed == [10_000_000, 26_000_000]
