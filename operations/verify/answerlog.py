"""The embassy's answers as home reads them: receipts of kind "answer", verified, opened and put together."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from data_embassy.config import Register
from data_embassy.envelope import Refused, decode_payload, verify_receipt
from data_embassy.envelope.answer import KEY_BYTES, AnswerReader, Place
from data_embassy.keys import HomeKeys
from pipelines.receipts import ReceiptLog


class Clock(Protocol):
    """Monotonic seconds."""

    def __call__(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    place: Place
    content: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """What it is about."""
        return str(self.content.get("kind"))


@dataclass(slots=True, kw_only=True)
class AnswerLog:
    """Reads on from the end that the topic had when it was made; raises TransportError."""

    topic: ReceiptLog
    keys: HomeKeys
    lane: str
    reader: AnswerReader
    clock: Clock
    heard_at: float = 0.0
    told: dict[str, Any] = field(default_factory=dict)
    """Fields of the newest receipt that is no answer: what the embassy says of itself."""
    _next: int = 0

    def start(self) -> None:
        """What stands on the topic already concerns nobody."""
        self._next = self.topic.bounds().end
        self.told = {}
        self.heard_at = self.clock()

    def poll(self) -> list[Answer]:
        """Answers since the last call, in order."""
        end = self.topic.bounds().end
        found = []
        for _, _, data in self.topic.read(self._next, end - 1):
            answer = self._take(data or b"")
            if answer is not None:
                found.append(answer)
        self._next = max(self._next, end)
        if found:
            self.heard_at = self.clock()
        return found

    def _take(self, data: bytes) -> Answer | None:
        try:
            fields = decode_payload(verify_receipt(self.keys, data), lane=self.lane)
            if fields.get("kind") != "answer":
                self.told = fields
                return None
            taken = self.reader.take(fields)
        except Refused:
            return None  # Forged, damaged, or of another verification: it proves nothing. The forwarder says it aloud.
        return None if taken is None else Answer(*taken)


def new_answers(register: Register, keys: HomeKeys, topic: ReceiptLog) -> AnswerLog:
    """The answers to one conversation, which nobody else can read: its id and its key are new."""
    reader = AnswerReader(key=os.urandom(KEY_BYTES), lane=register.lane, verification=str(uuid.uuid4()))
    return AnswerLog(topic=topic, keys=keys, lane=register.lane, reader=reader, clock=time.monotonic)
