"""Receipts: what the embassy tells home of a lane, signed, and only once it is durable (envelope-v1 section 9).

Commits of the standby are not awaited one by one; a receipt is. It states a position whose commit lies before the part
of the standby's log that is on disk. While nothing is applied the last such position is stated again, at least every
five seconds, with what the register is doing: home tells a still register from a silent embassy.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import Producer

from consumers.course import Figures
from consumers.position import StandbyPosition
from data_embassy.config import Broker
from data_embassy.envelope import encode_payload, sign_receipt
from data_embassy.kafka import client_settings
from data_embassy.keys import EmbassyKeys
from data_embassy.types import Lsn

INTERVAL_SECONDS: Final = 0.2
HEARTBEAT_SECONDS: Final = 4.0
"""A receipt follows the former at the latest after this and a step of the supervisor."""
_MICROSECONDS: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a register is doing, in words that may leave the embassy: no names, no values."""

    state: str
    cause: str | None = None
    backlog_envelopes: int | None = None
    candidate: Mapping[str, Any] = field(default_factory=dict)
    """Of a generation that loads: state, cause, generation, attempt, rows, bytes."""
    figures: Figures = field(default_factory=Figures)

    def is_news_after(self, earlier: Condition | None) -> bool:
        """True when home should hear of it at once."""
        if earlier is None:
            return True
        mine, its = self.candidate, earlier.candidate
        return (self.state, self.cause, mine.get("state"), mine.get("cause")) != (
            earlier.state, earlier.cause, its.get("state"), its.get("cause"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pending:
    position: StandbyPosition
    applied_at: dt.datetime
    log_end: int


class ReceiptWriter:
    """Decides when a receipt of one lane is due. Pure: what is durable is told, and `send` does the rest.

    The worker that applies and its supervisor use it, from two threads.
    """

    def __init__(
        self,
        *,
        lane: str,
        keys: EmbassyKeys,
        send: Callable[[bytes], None],
        transit: Callable[[], float | None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._lane, self._keys, self._send = lane, keys, send
        self._transit, self._clock = transit, clock
        self._lock = threading.Lock()
        self._newest: tuple[StandbyPosition, dt.datetime] | None = None
        self._pending: _Pending | None = None
        self._durable: tuple[StandbyPosition, dt.datetime] | None = None
        self._sent_at = float("-inf")
        self._condition: Condition | None = None
        self._told: Condition | None = None

    def applied(self, position: StandbyPosition, at: dt.datetime) -> None:
        """A position was committed."""
        with self._lock:
            self._newest = position, at

    def found(self, position: StandbyPosition, at: dt.datetime) -> None:
        """A position that an earlier process committed; one that was applied meanwhile counts instead."""
        with self._lock:
            if not self.knows_position:
                self._newest = position, at

    def tell(self, condition: Condition) -> None:
        """What the register is doing; the next receipt says it."""
        with self._lock:
            self._condition = condition

    @property
    def waits(self) -> bool:
        """True while a receipt is owed."""
        return self._newest is not None or self._pending is not None

    @property
    def knows_position(self) -> bool:
        """True once a position was told of."""
        return self.waits or self._durable is not None

    def step(self, now: float, *, log_end: Callable[[], int], log_flushed: Callable[[], int]) -> None:
        """Send a receipt if one is due and its position is on disk."""
        with self._lock:
            if self._pending is None:
                if self._newest is None or now - self._sent_at < INTERVAL_SECONDS:
                    return
                position, at = self._newest
                self._newest = None
                self._pending = _Pending(position=position, applied_at=at, log_end=log_end())
            if log_flushed() < self._pending.log_end:
                return
            self._durable = self._pending.position, self._pending.applied_at
            self._pending = None
            self._sign(now)

    def beat(self, now: float) -> None:
        """Say again what is known, when nothing else was said for some time, or when the register's state changed."""
        with self._lock:
            if self._condition is None:
                return
            is_news = self._condition.is_news_after(self._told) and now - self._sent_at >= INTERVAL_SECONDS
            if is_news or now - self._sent_at >= HEARTBEAT_SECONDS:
                self._sign(now)

    def _sign(self, now: float) -> None:
        fields: dict[str, Any] = {"kind": "state", "signed_at": round(self._clock() * _MICROSECONDS)}
        if (transit := self._transit()) is not None:
            fields["transit"] = round(transit * _MICROSECONDS)
        if self._condition is not None:
            fields |= {
                "state": self._condition.state,
                "cause": self._condition.cause,
                "backlog_envelopes": self._condition.backlog_envelopes,
            }
            if self._condition.candidate:
                fields["candidate"] = dict(self._condition.candidate)
            fields |= _figure_fields(self._condition.figures)
        if self._durable is not None:
            fields |= _position_fields(*self._durable)
        self._told, self._sent_at = self._condition, now
        self._send(sign_receipt(self._keys, encode_payload(self._lane, fields)))


def _figure_fields(figures: Figures) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if figures.hops:
        fields["hops"] = {hop: round(seconds * _MICROSECONDS) for hop, seconds in figures.hops.items()}
    if figures.ahead_seconds:
        fields["ahead"] = round(figures.ahead_seconds * _MICROSECONDS)
    if figures.backlog_transactions is not None:
        fields["backlog_transactions"] = figures.backlog_transactions
    return fields


def _position_fields(position: StandbyPosition, applied_at: dt.datetime) -> dict[str, Any]:
    return {
        "kind": "position",
        "generation": position.generation,
        "attempt": position.attempt,
        "incarnation": position.incarnation,
        "commit_lsn": str(Lsn(position.last_end)),
        "home_offset": position.home_offset,
        "lane_offset": position.lane_offset,
        "source_committed_at": position.committed_at,
        "beat": position.beat,
        "pulse_at": position.pulse_at,
        "applied_at": int(applied_at.timestamp() * _MICROSECONDS),
    }


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
