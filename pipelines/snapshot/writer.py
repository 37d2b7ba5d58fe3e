"""Appends snapshot records to the home topic: one idempotent producer, in order, numbered without a hole."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Final, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from data_embassy.config import Broker
from data_embassy.errors import TransportError
from data_embassy.kafka import MESSAGE_BYTES_MAX, RECORD_BYTES_MAX, client_settings
from pipelines.snapshot.errors import SnapshotRefused
from schemas.records import ORIGIN_SNAPSHOT, RecordKey, encode

_TIMEOUT_SECONDS: Final = 120.0
_QUEUE_KILOBYTES: Final = 96 << 10
"""Bound on what waits in memory: a largest record and the chunks behind it."""


class RecordWriter:
    """Writes the records of one attempt."""

    def __init__(self, broker: Broker, topic: str, run: int) -> None:
        self._topic = topic
        self._run = run
        self._n = 0
        self._failed: str | None = None
        self._producer = Producer(
            client_settings(broker)
            | {
                "enable.idempotence": True,
                "acks": "all",
                "message.max.bytes": MESSAGE_BYTES_MAX,
                "queue.buffering.max.kbytes": _QUEUE_KILOBYTES,
                "batch.size": 2 << 20,
                "linger.ms": 5,
                "message.timeout.ms": int(_TIMEOUT_SECONDS * 1000),
            }
        )

    def write(self, name: str, record: dict[str, Any]) -> None:
        """Append a record; waits while too much is on its way. Raises TransportError, SnapshotRefused."""
        value = encode(name, record)
        if len(value) > RECORD_BYTES_MAX:
            raise SnapshotRefused(
                f"a {name} record has {len(value)} bytes, {RECORD_BYTES_MAX} are possible",
                remedy="make the value smaller or move it out of the register: larger rows cannot be carried",
            )
        self._n += 1
        key = RecordKey(ORIGIN_SNAPSHOT, self._run, self._n).pack()
        while True:
            self._check()
            try:
                self._producer.produce(self._topic, value, key, partition=0, on_delivery=self._delivered)
            except BufferError:
                self._producer.poll(0.5)
            except KafkaException as error:
                raise self._lost(error.args[0].str()) from error
            else:
                self._producer.poll(0)
                return

    def wait(self) -> None:
        """Return when everything is acknowledged; raises TransportError."""
        left = self._producer.flush(_TIMEOUT_SECONDS)
        self._check()
        if left:
            raise self._lost(f"{left} records were not acknowledged in {_TIMEOUT_SECONDS:.0f} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._producer.purge()
            self._producer.flush(1.0)

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None and self._failed is None:
            self._failed = error.str()

    def _check(self) -> None:
        if self._failed is not None:
            raise self._lost(self._failed)

    def _lost(self, reason: str) -> TransportError:
        return TransportError(
            f"the home broker did not take the snapshot's records: {reason}",
            remedy="check the home broker, then run the snapshot again: it begins a new attempt",
        )
