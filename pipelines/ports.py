"""What a session needs of the world, passed in: its two brokers, its sealer, its place, Kafka Connect, the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from data_embassy.config import Register
from pipelines.forward import Sealer
from pipelines.stops import StopFiles
from pipelines.tail import Start


class Output(Protocol):
    """A producer on the lane (logs.Publisher)."""

    def publish(  # noqa: D102
        self, topic: str, value: bytes, *, key: bytes | None = None, way: bytes | None = None
    ) -> asyncio.Future[int]: ...

    async def close(self, *, wait_seconds: float) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a session needs of the world."""

    find_start: Callable[[Register, int | None, int | None], Awaitable[Start]]
    output: Callable[[], Output]
    sealer: Callable[[Register, int], Sealer]
    load_schemas: Callable[[Register], Awaitable[list[bytes]]]
    keep_schemas: Callable[[Register, Sequence[bytes]], Awaitable[None]]
    seek: Callable[[int], Awaitable[None]]
    restart_connector: Callable[[Register], Awaitable[None]]
    became_ready: Callable[[], None]
    stops: StopFiles
    now: Callable[[], str]
    jitter: Callable[[], float]
    """A factor around 1 for waiting times."""
