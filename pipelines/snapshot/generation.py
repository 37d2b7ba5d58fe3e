"""Which generation and attempt comes next: a small file of the site, and the home topic where the file is missing."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from data_embassy.config import Register, Site, write_atomically
from data_embassy.errors import TransportError
from data_embassy.kafka import client_settings
from pipelines.snapshot.errors import SnapshotRefused
from schemas.records import FINGERPRINTS, ORIGIN_SNAPSHOT, RecordKey, fingerprint, split_snapshot_run

_BATCH: Final = 5000
_TIMEOUT_SECONDS: Final = 30.0
_RETRY_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt at a generation."""

    generation: int
    attempt: int
    is_complete: bool = False

    @property
    def run(self) -> int:
        """Run of its records (stream-v1 section 2)."""
        return self.generation << 32 | self.attempt


def following(last: Attempt | None) -> Attempt:
    """The attempt after `last`: a complete generation is followed by the next, another is tried again."""
    if last is None:
        return Attempt(generation=1, attempt=1)
    if last.is_complete:
        return Attempt(generation=last.generation + 1, attempt=1)
    return Attempt(generation=last.generation, attempt=last.attempt + 1)


def last_attempt(site: Site, register: Register, *, given: int | None = None) -> Attempt | None:
    """The attempt before this one; `given` is the operator's word on the last complete generation.

    Raises SnapshotRefused when neither the file nor the topic tells: guessing low would make a standby drop the
    new generation as an old one.
    """
    if given is not None:
        return Attempt(generation=given, attempt=0, is_complete=True) if given else None
    path = _path(site, register)
    if path.exists():
        return Attempt(**json.loads(path.read_text(encoding="utf-8")))
    found, is_whole = _scan(site, register)
    if found is None and not is_whole:
        raise SnapshotRefused(
            f"the last generation of {register.name} is unknown: {path} is missing and the topic was trimmed",
            remedy=f"embassy register snapshot {register.name} --after-generation N, "
            "N being the standby's generation (embassy status at the embassy)",
        )
    return found


def remember(site: Site, register: Register, attempt: Attempt) -> None:
    """Write the file so that a crash leaves the old or the new one."""
    write_atomically(_path(site, register), json.dumps(asdict(attempt)))


def _path(site: Site, register: Register) -> Path:
    return site.state / "snapshot" / f"{register.name}.json"


def _scan(site: Site, register: Register) -> tuple[Attempt | None, bool]:
    """Last attempt whose records stand in the home topic, and whether the topic still has its first record."""
    settings = client_settings(site.kafka) | {
        "group.id": "unused",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": False,
        "fetch.message.max.bytes": 8 << 20,
    }
    consumer = Consumer(settings)
    last: Attempt | None = None
    try:
        partition = TopicPartition(register.changes_topic, 0)
        low, high = _watermarks(consumer, partition)
        consumer.assign([TopicPartition(register.changes_topic, 0, low)])
        position = low
        while position < high:
            # Waits for the first one only: a call for a whole batch waits for it to be full.
            first = consumer.poll(_TIMEOUT_SECONDS)
            if first is None:
                raise TransportError("the home broker does not deliver", remedy="check the home broker")
            for message in (first, *consumer.consume(_BATCH - 1, timeout=0)):
                _check(message)
                position = (message.offset() or 0) + 1
                last = _later(last, message.key(), message.value())
    except KafkaException as error:
        raise TransportError(
            f"the home topic cannot be read: {error.args[0].str()}", remedy="check the home broker"
        ) from error
    finally:
        consumer.close()
    return last, low == 0


def _watermarks(consumer: Consumer, partition: TopicPartition) -> tuple[int, int]:
    """First and next offset; a topic that was just made has no leader for a moment."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while True:
        try:
            low, high = consumer.get_watermark_offsets(partition, timeout=_TIMEOUT_SECONDS)
        except KafkaException:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return low, high


def _check(message: Message) -> None:
    error = message.error()
    if error is not None:
        raise KafkaException(error)


def _later(last: Attempt | None, key: bytes | str | None, value: bytes | str | None) -> Attempt | None:
    record = RecordKey.unpack(key if isinstance(key, bytes) else None)
    if record.origin != ORIGIN_SNAPSHOT or (last is not None and record.run < last.run):
        return last
    generation, attempt = split_snapshot_run(record.run)
    is_end = isinstance(value, bytes) and fingerprint(value) == FINGERPRINTS["SnapshotEnd"]
    return Attempt(generation=generation, attempt=attempt, is_complete=is_end)
