"""The edge to a lane: envelopes from an offset on, one envelope by its offset, the lane's bounds (DESIGN 8).

Manual assignment; groups and committed offsets play no part: where to read is said by the standby's position row.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

from confluent_kafka import TIMESTAMP_CREATE_TIME, Consumer, KafkaError, KafkaException, Message, TopicPartition

from consumers.group import REGISTERS_UNSHARED
from consumers.passage import Arrival, arrival
from consumers.refusals import NEW_GENERATION, LaneLost, Unreachable
from data_embassy import clock, hops, log
from data_embassy.config import Broker
from data_embassy.kafka import ENVELOPE_BYTES_MAX, Settings, client_settings
from data_embassy.share import share_of

FETCH_SECONDS_MAX: Final = 30.0
_QUEUED_KIB_MAX: Final = 32 << 10
_QUEUED_KIB_LEAST: Final = 2 << 10
"""Envelopes that wait in memory, before they are opened; one larger envelope still fits."""
_PARTITION: Final = 0
_CHECK: Final = "check that the embassy's broker runs and that this site may read the lane"
_log = log.get("receive")


class Lane(Protocol):
    """One lane, as the receiver reads it."""

    def seek(self, offset: int) -> None: ...  # noqa: D102

    def poll(self, count: int, seconds: float) -> list[tuple[int, bytes]]: ...  # noqa: D102

    def fetch(self, offset: int) -> bytes: ...  # noqa: D102

    def known_end(self) -> int | None: ...  # noqa: D102

    def arrival(self, offset: int) -> Arrival | None: ...  # noqa: D102


class KafkaLane:
    """A lane on the embassy's broker. One thread reads; `close` after it ended."""

    def __init__(
        self,
        broker: Broker,
        topic: str,
        *,
        comparison: clock.Comparison | None = None,
        registers: int = 1,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`registers` of one process share what the client fetches ahead."""
        self._topic, self._now = topic, now
        self._arrivals: dict[int, Arrival] = {}
        self._empty_at = 0
        self._comparison = comparison
        queued = share_of(_QUEUED_KIB_MAX, registers, unshared=REGISTERS_UNSHARED, least=_QUEUED_KIB_LEAST)
        self._settings = _settings(broker) | {"queued.max.messages.kbytes": queued}
        self._consumer = Consumer(self._settings)
        self._single: Consumer | None = None
        self._offset = 0

    def seek(self, offset: int) -> None:
        """Go on reading at this lane offset."""
        self._offset = offset
        self._consumer.assign([TopicPartition(self._topic, _PARTITION, offset)])

    def poll(self, count: int, seconds: float) -> list[tuple[int, bytes]]:
        """Up to `count` envelopes: waits only for the first. Raises LaneLost, Unreachable."""
        is_level = self._is_level()
        if is_level:
            self._empty_at = self._microseconds()
        first = self._consumer.poll(seconds)
        if first is None:
            return []
        if is_level:
            self._compare_clocks(first)
        messages = [first, *self._consumer.consume(count - 1, 0)] if count > 1 else [first]
        found = []
        for message in messages:
            error = message.error()
            if error is not None:
                self._judge(error)
                continue
            found.append(_content(message))
        if found:
            self._offset = found[-1][0] + 1
        self._note(messages)
        return found

    def arrival(self, offset: int) -> Arrival | None:
        """When this envelope came; known of those of the last poll."""
        return self._arrivals.get(offset)

    def _note(self, messages: list[Message]) -> None:
        now, up = self._microseconds(), None if self._comparison is None else self._comparison.up.seconds
        self._arrivals = {
            offset: arrival(
                hops.decode_header(_header(message, hops.HEADER)), fetched=now, empty_at=self._empty_at, up=up
            )
            for message in messages
            if message.error() is None and (offset := message.offset()) is not None
        }

    def _microseconds(self) -> int:
        return round(self._now() * 1e6)

    def _is_level(self) -> bool:
        """True when what comes next was not on the lane at the last fetch: only its way here took time."""
        end = self.known_end()
        return end is not None and self._offset >= end

    def _compare_clocks(self, message: Message) -> None:
        kind, milliseconds = message.timestamp()
        if self._comparison is None or message.error() is not None or kind != TIMESTAMP_CREATE_TIME:
            return
        self._comparison.hear(milliseconds / 1000, clock.decode_header(_header(message, clock.HEADER)))

    def fetch(self, offset: int) -> bytes:
        """The envelope at this offset. Raises LaneLost, Unreachable."""
        if self._single is None:
            self._single = Consumer(self._settings | {"queued.min.messages": 1, "max.partition.fetch.bytes": 1 << 20})
        self._single.assign([TopicPartition(self._topic, _PARTITION, offset)])
        deadline = time.monotonic() + FETCH_SECONDS_MAX
        try:
            while time.monotonic() < deadline:
                message = self._single.poll(0.5)
                if message is None:
                    continue
                error = message.error()
                if error is not None:
                    self._judge(error)
                    continue
                found, envelope = _content(message)
                if found != offset:
                    raise LaneLost(f"the lane holds nothing at offset {offset}", remedy=NEW_GENERATION)
                return envelope
        finally:
            self._single.unassign()
        raise Unreachable(f"the lane's offset {offset} was not read in {FETCH_SECONDS_MAX:g} s", remedy=_CHECK)

    def bounds(self) -> tuple[int, int]:
        """First offset and end of the lane, asked of the broker. Raises Unreachable."""
        try:
            low, high = self._consumer.get_watermark_offsets(TopicPartition(self._topic, _PARTITION), timeout=10.0)
        except KafkaException as error:
            raise Unreachable(f"the lane's bounds cannot be read: {_text(error)}", remedy=_CHECK) from error
        return low, high

    def known_end(self) -> int | None:
        """End of the lane as of the last fetch; None when it is not known yet.

        Only for the thread that polls: called beside a poll it never returns (confluent-kafka 2.16 keeps the
        interpreter's lock while it waits).
        """
        _, high = self._consumer.get_watermark_offsets(TopicPartition(self._topic, _PARTITION), cached=True)
        return None if high < 0 else high

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()
        if self._single is not None:
            self._single.close()

    def _judge(self, error: KafkaError) -> None:
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001
            raise LaneLost(
                "the lane does not reach to the position: it was trimmed, deleted or lost its end",
                remedy=NEW_GENERATION,
            )
        if error.fatal() or error.code() in (
            KafkaError.TOPIC_AUTHORIZATION_FAILED,
            KafkaError.UNKNOWN_TOPIC_OR_PART,
            KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
            KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
        ):
            raise Unreachable(f"the lane cannot be read: {error.str()}", remedy=_CHECK)
        # The client connects again by itself; the lag shows that nothing comes.
        _log.debug("broker", error=error.str())


def _content(message: Message) -> tuple[int, bytes]:
    offset = message.offset()
    assert offset is not None
    return offset, message.value() or b""


def _header(message: Message, name: str) -> bytes | None:
    headers = message.headers()
    value = dict(headers).get(name) if isinstance(headers, list) else None
    return value if isinstance(value, bytes) else None


def _text(error: KafkaException) -> str:
    cause = error.args[0]
    return cause.str() if isinstance(cause, KafkaError) else str(cause)


def _settings(broker: Broker) -> Settings:
    return client_settings(broker) | {
        "log_level": 2,  # What fails is raised or logged by us; at 3 a closing client writes of groups it never used.
        "group.id": "data-embassy-receive",  # Required by the client, never used: no commits, no subscription.
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "fetch.min.bytes": 1,
        "fetch.wait.max.ms": 100,
        "fetch.error.backoff.ms": 100,
        "max.partition.fetch.bytes": 8 << 20,
        "fetch.max.bytes": ENVELOPE_BYTES_MAX,
        "message.max.bytes": ENVELOPE_BYTES_MAX,
        "receive.message.max.bytes": 2 * ENVELOPE_BYTES_MAX,
        # The default of 1 s would stall a catch-up each time the queue was full.
        "fetch.queue.backoff.ms": 5,
    }
