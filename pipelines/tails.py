"""The newest messages of many topics of one partition, over one client that is kept: it fetches while nobody asks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from data_embassy.errors import TransportError
from data_embassy.kafka import Settings
from pipelines.logs import IGNORED, READ_SETTINGS, LogReader
from pipelines.tail import Bounds

KEPT: Final = 64
"""Messages of each topic that are kept; what lies before them is read anew."""
FAR_BEHIND: Final = 10_000
"""Messages that are not worth to be fetched: nobody asked for so long."""
_AT_ONCE: Final = 1000
_SETTINGS: Final[Settings] = READ_SETTINGS | {
    # What comes is answered at once; while nothing comes a question a second is enough.
    "fetch.wait.max.ms": 1000,
    "queued.max.messages.kbytes": 4096,
}
_RESET: Final = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)  # noqa: SLF001 (public constants)
Read = tuple[int, bytes | None, bytes | None]


@dataclass(slots=True)
class _Tail:
    bounds: Bounds
    start: int
    """All from here on is kept, as far as there is room."""
    next: int
    failure: TransportError | None = None
    """What the broker said last instead of messages."""
    kept: deque[Read] = field(default_factory=lambda: deque(maxlen=KEPT))

    @property
    def first(self) -> int:
        """The first offset that can still be asked for here."""
        return self.kept[0][0] if len(self.kept) == KEPT else self.start


class Tails:
    """One thread uses it."""

    def __init__(self, settings: Settings, *, answer_seconds: float) -> None:
        self._settings, self._answer_seconds = settings, answer_seconds
        self._consumer = Consumer({**settings, **_SETTINGS})
        self._tails: dict[str, _Tail] = {}
        self._deadline = 0.0
        """Of all topics together: a link that is cut just now is waited for once."""

    def follow(self, bounds: Mapping[str, Bounds]) -> None:
        """Follow these topics, which have these bounds now, and no others; reads have a time from here on."""
        self._deadline = time.monotonic() + self._answer_seconds
        known = {topic: tail for topic, tail in self._tails.items() if topic in bounds}
        kept = {topic: tail for topic, tail in known.items() if _goes_on(tail, bounds[topic])}
        new = {topic: _begin(one) for topic, one in bounds.items() if topic not in kept}
        for topic, tail in kept.items():
            tail.bounds = bounds[topic]
        is_changed = bool(new) or kept.keys() != self._tails.keys()
        self._tails = kept | new
        if is_changed:
            self._consumer.assign([TopicPartition(topic, 0, tail.next) for topic, tail in self._tails.items()])

    def log(self, topic: str) -> TailLog:
        """One topic, as whoever follows its messages wants it."""
        return TailLog(self, topic)

    def bounds(self, topic: str) -> Bounds:
        """As they were told last; raises TransportError for a topic that is not followed."""
        return self._tail(topic).bounds

    def read(self, topic: str, first: int, last: int) -> Iterator[Read]:
        """Offset, key and value of every message in [first, last]; raises TransportError."""
        tail = self._tail(topic)
        if first < tail.first:
            with LogReader(self._settings, topic, answer_seconds=self._answer_seconds) as log:
                yield from log.read(first, last)
            return
        tail.failure = None
        while tail.next <= last:
            self._take(topic)
            if tail.failure is not None:
                raise tail.failure
        yield from [message for message in tail.kept if first <= message[0] <= last]

    def end_at(self, topic: str, seconds: float) -> int:
        """As LogReader.end_at, over a connection of its own."""
        with LogReader(self._settings, topic, answer_seconds=self._answer_seconds) as log:
            return log.end_at(seconds)

    def close(self) -> None:
        """Give the connection back."""
        self._consumer.close()

    def _tail(self, topic: str) -> _Tail:
        if topic not in self._tails:
            raise TransportError(f"{topic} is not followed", remedy="none: it is tried again")
        return self._tails[topic]

    def _take(self, topic: str) -> None:
        """Take what came, of all topics. What is there already is taken also when time is over."""
        first = self._consumer.poll(max(0.0, self._deadline - time.monotonic()))
        if first is None and time.monotonic() >= self._deadline:
            raise TransportError(f"{topic} did not answer in time", remedy="check the broker and the link")
        for message in () if first is None else (first, *self._consumer.consume(_AT_ONCE, 0)):
            self._keep(message)

    def _keep(self, message: Message) -> None:
        topic, offset, error = message.topic(), message.offset(), message.error()
        tail = None if topic is None else self._tails.get(topic)
        if topic is None or tail is None:
            return
        if error is not None:
            if error.code() not in IGNORED and not error.retriable():
                tail.failure = TransportError(f"{topic}: {error.str()}", remedy="check the broker and the rights")
            if error.code() in _RESET:
                del self._tails[topic]  # The next bounds say where it begins now.
        elif offset is not None and offset >= tail.next:
            key, value = message.key(), message.value()
            assert not isinstance(key, str)
            assert not isinstance(value, str)
            tail.kept.append((offset, key, value))
            tail.next = offset + 1


class TailLog:
    """A topic's log, as `receipts.ReceiptFollower` reads it."""

    def __init__(self, tails: Tails, topic: str) -> None:
        self._tails, self._topic = tails, topic

    def bounds(self) -> Bounds:
        """First offset present and the one behind the last, as of the last look; raises TransportError."""
        return self._tails.bounds(self._topic)

    def read(self, first: int, last: int) -> Iterator[Read]:
        """As LogReader.read."""
        return self._tails.read(self._topic, first, last) if first <= last else iter(())

    def end_at(self, seconds: float) -> int:
        """As LogReader.end_at, over a connection of its own."""
        return self._tails.end_at(self._topic, seconds)


def _begin(bounds: Bounds) -> _Tail:
    start = max(bounds.low, bounds.end - KEPT)
    return _Tail(bounds, start, start)


def _goes_on(tail: _Tail, bounds: Bounds) -> bool:
    """Unless the topic was cut at its end or before what was read, or went on far."""
    return bounds.low <= tail.next <= bounds.end and bounds.end - tail.next <= FAR_BEHIND
