"""The edge to Kafka topics with one partition: read any range, publish and await (confluent-kafka)."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from data_embassy import clock, hops
from data_embassy.errors import DataEmbassyError, TransportError
from data_embassy.kafka import ENVELOPE_BYTES_MAX, Settings
from pipelines.tail import Bounds

_ANSWER_SECONDS: Final = 15.0
_READ_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.2
_FETCH_BYTES: Final = 1 << 20
IGNORED: Final = (KafkaError._PARTITION_EOF, KafkaError.GROUP_AUTHORIZATION_FAILED)  # noqa: SLF001 (public constants)
"""Groups play no part: home has no right to any at the embassy's broker, and needs none."""

_NO_TOPIC: Final = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 (public constants)
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
)

PUBLISH_SETTINGS: Final[Settings] = {
    "acks": "all",
    "enable.idempotence": True,
    # A message that fails for good fails those behind it too: the lane has no hole.
    "enable.gapless.guarantee": True,
    "max.in.flight.requests.per.connection": 5,
    "message.max.bytes": ENVELOPE_BYTES_MAX,
    "linger.ms": 0,
    "socket.nagle.disable": True,
    # Never given up: what waits is bounded by the batch rules, and the link may be away for hours.
    "message.timeout.ms": 0,
    # A message of 64 MiB takes ten seconds at 50 Mbit/s.
    "request.timeout.ms": 60_000,
}
READ_SETTINGS: Final[Settings] = {
    "log_level": 2,  # What fails is raised or logged by us; at 3 a closing client writes of groups it never used.
    "group.id": "unused",
    "enable.auto.commit": False,
    "auto.offset.reset": "error",
    "fetch.wait.max.ms": 100,
    "fetch.message.max.bytes": _FETCH_BYTES,
    "fetch.max.bytes": ENVELOPE_BYTES_MAX,
    "receive.message.max.bytes": ENVELOPE_BYTES_MAX + (1 << 20),
    "queued.max.messages.kbytes": 16_384,
    "allow.auto.create.topics": False,
}


class MessageTooLarge(DataEmbassyError):
    """A broker refuses a message for its size."""


class TopicMissing(TransportError):
    """The broker does not know the topic: it was deleted, or made a moment ago."""


class LogReader:
    """Reads partition 0 of a topic; blocking, for use in a thread of its own."""

    def __init__(
        self,
        settings: Settings,
        topic: str,
        *,
        answer_seconds: float = _ANSWER_SECONDS,
        fetch_bytes: int = _FETCH_BYTES,
    ) -> None:
        """`fetch_bytes`: asked for at a time; a larger message comes nevertheless."""
        self._topic, self._answer_seconds = topic, answer_seconds
        self._consumer = Consumer({**settings, **READ_SETTINGS, "fetch.message.max.bytes": fetch_bytes})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def bounds(self) -> Bounds:
        """First offset present and the one behind the last; raises TransportError."""
        try:
            low, end = self._consumer.get_watermark_offsets(
                TopicPartition(self._topic, 0), timeout=self._answer_seconds
            )
        except KafkaException as error:
            raise _unreachable(self._topic, error.args[0]) from error
        return Bounds(low=low, end=end)

    def is_deleted(self, sibling: str) -> bool:
        """True when the broker knows `sibling` and not this topic.

        A broker that has just started answers before it knows all of its topics again, so that its not knowing one
        says nothing by itself.
        """
        try:
            known = self._consumer.list_topics(timeout=self._answer_seconds).topics
        except KafkaException:
            return False
        return sibling in known and self._topic not in known

    def end_at(self, seconds: float) -> int:
        """Offset behind the last message that was there at a time (since 1970); raises TransportError."""
        asked = TopicPartition(self._topic, 0, int(seconds * 1000))
        try:
            found = self._consumer.offsets_for_times([asked], timeout=self._answer_seconds)[0].offset
        except KafkaException as error:
            raise _unreachable(self._topic, error.args[0]) from error
        return found if found >= 0 else self.bounds().end

    def close(self) -> None:
        """Give the connection back."""
        self._consumer.close()

    def read(self, first: int, last: int) -> Iterator[tuple[int, bytes | None, bytes | None]]:
        """Offset, key and value of every message in [first, last]; raises TransportError."""
        if last < first:
            return
        self._consumer.assign([TopicPartition(self._topic, 0, first)])
        deadline = time.monotonic() + min(_READ_SECONDS, 4 * self._answer_seconds)
        try:
            while True:
                message = self._poll(deadline)
                offset = message.offset()
                assert offset is not None
                if offset > last:
                    return
                yield offset, _raw(message.key()), _raw(message.value())
                if offset == last:
                    return
                deadline = time.monotonic() + _READ_SECONDS
        finally:
            self._consumer.unassign()

    def _poll(self, deadline: float) -> Message:
        while (left := deadline - time.monotonic()) > 0:
            message = self._consumer.poll(min(left, 1.0))
            if message is None:
                continue
            error = message.error()
            if error is None:
                return message
            if error.code() not in IGNORED and not error.retriable():
                raise _unreachable(self._topic, error)
        raise TransportError(f"{self._topic} did not answer in time", remedy="check the broker and the link")


class Publisher:
    """Publishes to partition 0 of topics, in order and exactly once per producer session; each message is awaited.

    Once a message failed nothing more goes: a broker that has just started may know no topic for a moment, which fails
    what waits (librdkafka#3513), and take what is handed over next.

    `down` is home's half of the clock comparison (data_embassy.clock); where it is known each message says it. With
    an envelope go home's times of it (data_embassy.hops).
    """

    def __init__(
        self, settings: Settings, loop: asyncio.AbstractEventLoop, *, down: Callable[[], float | None] = lambda: None
    ) -> None:
        self._loop, self._down = loop, down
        self._has_failed = False
        self._producer = Producer({**settings, **PUBLISH_SETTINGS})
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="publisher", daemon=True)
        self._thread.start()

    def publish(
        self, topic: str, value: bytes, *, key: bytes | None = None, way: bytes | None = None
    ) -> asyncio.Future[int]:
        """Hand a message over; the future gives its offset, or raises TransportError or MessageTooLarge.

        The offset is negative when the broker had the message already and does not say where.
        """
        acknowledged: asyncio.Future[int] = self._loop.create_future()

        def delivered(error: KafkaError | None, message: Message) -> None:
            self._has_failed = self._has_failed or error is not None
            offset = message.offset()
            self._settle(acknowledged, error, -1 if offset is None else offset)

        self._poll(0)  # What failed meanwhile counts before this one goes.
        if self._has_failed:
            raise TransportError("a message before this one failed", remedy="check the broker, the link and the rights")
        try:
            self._producer.produce(topic, value, key, partition=0, on_delivery=delivered, headers=self._headers(way))
        except BufferError as error:
            raise TransportError("the producer's queue is full", remedy="check the broker and the link") from error
        except KafkaException as error:
            raise _refusal(topic, error.args[0]) from error
        return acknowledged

    def _headers(self, way: bytes | None) -> list[tuple[str, str | bytes | None]]:
        down = self._down()
        headers: list[tuple[str, str | bytes | None]] = []
        if down is not None:
            headers.append((clock.HEADER, clock.encode_header(down)))
        if way is not None:
            headers.append((hops.HEADER, way))
        return headers

    async def close(self, *, wait_seconds: float) -> None:
        """Wait at most so long for acknowledgements, then give up what is left."""
        await self._loop.run_in_executor(None, self._close, wait_seconds)

    def _serve(self) -> None:
        while not self._is_closing.is_set():
            self._poll(_POLL_SECONDS)

    def _poll(self, seconds: float) -> None:
        try:
            self._producer.poll(seconds)
        except KafkaException:  # Fatal, of the producer as a whole: a message failed, and so do those behind it.
            self._has_failed = True

    def _close(self, wait_seconds: float) -> None:
        self._is_closing.set()
        self._thread.join()
        if wait_seconds and self._is_flushed(wait_seconds):
            return
        self._producer.purge()
        self._is_flushed(1.0)

    def _is_flushed(self, seconds: float) -> bool:
        try:
            return self._producer.flush(seconds) == 0
        except KafkaException:  # As in `_poll`.
            return False

    def _settle(self, acknowledged: asyncio.Future[int], error: KafkaError | None, offset: int) -> None:
        def settle() -> None:
            if acknowledged.done():
                return
            if error is None:
                acknowledged.set_result(offset)
            else:
                acknowledged.set_exception(_refusal("a message", error))

        try:
            self._loop.call_soon_threadsafe(settle)
        except RuntimeError:  # The loop is closed: nobody waits any more.
            return


def _raw(data: str | bytes | None) -> bytes | None:
    assert not isinstance(data, str)
    return data


def _refusal(what: str, error: KafkaError) -> DataEmbassyError:
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return MessageTooLarge(
            f"{what} is larger than the broker allows", remedy="raise max.message.bytes of the topic to 80 MiB"
        )
    return _unreachable(what, error)


def _unreachable(what: str, error: KafkaError) -> TransportError:
    if error.code() in _NO_TOPIC:
        return TopicMissing(
            f"the broker has no topic {what}", remedy="make it again, or wait until the broker knows it"
        )
    return TransportError(f"{what}: {error.str()} ({error.name()})", remedy="check the broker, the link and the rights")
