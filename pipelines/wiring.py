"""What each session gets of the real world: brokers, keys, Kafka Connect, files, the clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

from aiokafka.errors import IllegalStateError
from faust.types import TP

from data_embassy.config import Register, Site
from data_embassy.envelope import HomeSealer
from data_embassy.errors import TransportError
from data_embassy.kafka import client_settings
from data_embassy.keys import HomeKeys
from pipelines.chunks import ChunkConsumer, ForwardApp, seek
from pipelines.connect import restart_connector
from pipelines.logs import Publisher
from pipelines.places import find_start_of, load_schemas_of
from pipelines.ports import Ports
from pipelines.stops import StopFiles
from pipelines.tail import Start
from schemas.records import decode

SEEK_SECONDS_MAX: Final = 30.0
T = TypeVar("T")


def ports_of(app: ForwardApp, site: Site, load_keys: Callable[[], HomeKeys], partition: TP) -> Ports:
    """The ports of one register's session; keys are read at each start and epoch, so that mended ones count at once."""
    assert site.link is not None
    home, link = client_settings(site.kafka), client_settings(site.link)

    async def find_start(register: Register, below: int | None, refused: int | None) -> Start:
        return await in_thread(app, lambda: find_start_of(site, load_keys(), register, below, refused=refused))

    async def load_schemas(register: Register) -> list[bytes]:
        return await in_thread(app, lambda: load_schemas_of(site, register))

    async def keep_schemas(register: Register, schemas: Sequence[bytes]) -> None:
        publisher = Publisher(home, asyncio.get_running_loop())
        try:
            keyed = ((decode(schema)[1]["fingerprint"], schema) for schema in schemas)
            await asyncio.gather(*(publisher.publish(register.schemas_topic, v, key=k) for k, v in keyed))
        finally:
            await publisher.close(wait_seconds=0)

    async def seek_partition(offset: int) -> None:
        consumer = app.consumer
        assert isinstance(consumer, ChunkConsumer)
        try:
            await asyncio.wait_for(seek(consumer, partition, offset), SEEK_SECONDS_MAX)
        except IllegalStateError as error:
            raise TransportError("the partition is being assigned anew", remedy="none: it is tried again") from error

    async def restart(register: Register) -> None:
        connect = site.connect
        if connect is not None:
            await in_thread(app, lambda: restart_connector(connect, f"capture.{register.name}"))

    return Ports(
        find_start=find_start,
        output=lambda: Publisher(link, asyncio.get_running_loop(), down=lambda: app.down.seconds),
        sealer=lambda register, incarnation: HomeSealer(lane=register.lane, keys=load_keys(), incarnation=incarnation),
        load_schemas=load_schemas,
        keep_schemas=keep_schemas,
        seek=seek_partition,
        restart_connector=restart,
        became_ready=app.forwarder.became_ready,
        stops=StopFiles(site.state),
        now=lambda: datetime.now(UTC).isoformat(timespec="seconds"),
        jitter=lambda: random.uniform(0.8, 1.2),  # noqa: S311 (spreads retries, guards nothing)
    )


def in_thread(app: ForwardApp, work: Callable[[], T]) -> Awaitable[T]:
    """Let a thread of the app do what blocks."""
    return asyncio.get_running_loop().run_in_executor(app.threads, work)
