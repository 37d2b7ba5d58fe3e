"""Receipts: what the embassy tells home of a lane, signed, and only once it is durable (envelope-v1 section 9).

Commits of the standby are not awaited one by one; a receipt is. It states a position whose commit lies before the part
of the standby's log that is on disk.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Producer

from consumers.position import StandbyPosition
from data_embassy.config import Broker
from data_embassy.envelope import encode_payload, sign_receipt
from data_embassy.kafka import client_settings
from data_embassy.keys import EmbassyKeys
from data_embassy.types import Lsn

INTERVAL_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pending:
    position: StandbyPosition
    applied_at: dt.datetime
    log_end: int


class ReceiptWriter:
    """Decides when a receipt of one lane is due. Pure: what is durable is told, and `send` does the rest."""

    def __init__(self, *, lane: str, keys: EmbassyKeys, send: Callable[[bytes], None]) -> None:
        self._lane, self._keys, self._send = lane, keys, send
        self._newest: tuple[StandbyPosition, dt.datetime] | None = None
        self._pending: _Pending | None = None
        self._sent_at = float("-inf")

    def applied(self, position: StandbyPosition, at: dt.datetime) -> None:
        """A position was committed."""
        self._newest = position, at

    @property
    def waits(self) -> bool:
        """True while a receipt is owed."""
        return self._newest is not None or self._pending is not None

    def step(self, now: float, *, log_end: Callable[[], int], log_flushed: Callable[[], int]) -> None:
        """Send a receipt if one is due and its position is on disk."""
        if self._pending is None:
            if self._newest is None or now - self._sent_at < INTERVAL_SECONDS:
                return
            position, at = self._newest
            self._newest = None
            self._pending = _Pending(position=position, applied_at=at, log_end=log_end())
        if log_flushed() < self._pending.log_end:
            return
        self._send(self._receipt(self._pending))
        self._pending = None
        self._sent_at = now

    def _receipt(self, pending: _Pending) -> bytes:
        position = pending.position
        return sign_receipt(
            self._keys,
            encode_payload(
                self._lane,
                {
                    "generation": position.generation,
                    "attempt": position.attempt,
                    "incarnation": position.incarnation,
                    "commit_lsn": str(Lsn(position.last_end)),
                    "home_offset": position.home_offset,
                    "lane_offset": position.lane_offset,
                    "source_committed_at": position.committed_at,
                    "pulse_at": position.pulse_at,
                    "applied_at": int(pending.applied_at.timestamp() * 1_000_000),
                },
            ),
        )


def receipt_producer(broker: Broker) -> Producer:
    """A producer for receipts of all lanes."""
    return Producer(
        client_settings(broker)
        | {"enable.idempotence": True, "acks": "all", "linger.ms": 0, "queue.buffering.max.kbytes": 4096}
    )


def sender(producer: Producer, topic: str) -> Callable[[bytes], None]:
    """Sends without waiting: a lost receipt is followed by a newer one."""

    def send(receipt: bytes) -> None:
        # A full buffer: the broker has been away for long, and home sees it by the age of the newest receipt.
        with suppress(BufferError):
            producer.produce(topic, receipt, partition=0)
        producer.poll(0)

    return send
