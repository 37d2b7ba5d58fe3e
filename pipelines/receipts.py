"""Follow the embassy's signed receipts through the link: how far each standby is, as home knows it.

A receipt that does not verify is counted nowhere and changes nothing; a newer one that states less than an older one
is said aloud, because a copy that went back was restored or tampered with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

from data_embassy import log, metrics
from data_embassy.config import Register
from data_embassy.envelope import Refused, decode_payload, verify_receipt
from data_embassy.envelope.errors import ReceiptMalformed
from data_embassy.keys import HomeKeys
from data_embassy.types import Lsn
from pipelines.tail import Bounds

_MICROSECONDS: Final = 1e6

_log = log.get("receipts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the embassy says of its standby. Times are microseconds since 1970."""

    generation: int
    incarnation: int
    commit_lsn: int | None
    home_offset: int
    lane_offset: int
    source_committed_at: int | None
    applied_at: int
    pulse_at: int | None

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> Self:
        """Read a payload's fields, ignoring those not known here; raises ReceiptMalformed."""
        taken: dict[str, Any] = {name: fields.get(name) for name in cls.__dataclass_fields__}
        if isinstance(taken["commit_lsn"], str):
            try:
                taken["commit_lsn"] = int(Lsn.parse(taken["commit_lsn"]))
            except ValueError as error:
                raise ReceiptMalformed("commit_lsn is no LSN") from error
        required = ("generation", "incarnation", "home_offset", "lane_offset", "applied_at")
        is_sound = all(type(taken[name]) is int for name in required)
        if not is_sound or not all(value is None or type(value) is int for value in taken.values()):
            raise ReceiptMalformed("a field is missing or not a number")
        return cls(**taken)

    @property
    def lag_seconds(self) -> float | None:
        """Age of the newest applied pulse when the receipt was signed."""
        return None if self.pulse_at is None else max(0.0, (self.applied_at - self.pulse_at) / _MICROSECONDS)

    def goes_back_from(self, earlier: Receipt) -> bool:
        """True when this receipt, though later on the topic, states less."""
        return (self.incarnation, self.home_offset) < (earlier.incarnation, earlier.home_offset) and (
            self.generation <= earlier.generation
        )


class ReceiptLog(Protocol):
    """The receipts topic of one register (logs.LogReader)."""

    def bounds(self) -> Bounds: ...  # noqa: D102

    def end_at(self, seconds: float) -> int: ...  # noqa: D102

    def read(self, first: int, last: int) -> Iterator[tuple[int, bytes | None, bytes | None]]: ...  # noqa: D102


class ReceiptFollower:
    """The newest receipt of one register, and the one of some time ago."""

    def __init__(self, register: Register, keys: HomeKeys, topic: ReceiptLog) -> None:
        self._register, self._keys, self._topic = register, keys, topic
        self._read_before = 0
        self.newest: Receipt | None = None

    def follow(self) -> Receipt | None:
        """The newest receipt; raises TransportError."""
        bounds = self._topic.bounds()
        if bounds.end > max(bounds.low, self._read_before):
            taken = self._last_before(bounds.end, bounds.low)
            self._read_before = bounds.end
            if taken is not None:
                self._take(taken)
        return self.newest

    def received_at(self, seconds: float) -> Receipt | None:
        """The newest receipt that stood on the topic at this time; raises TransportError."""
        bounds = self._topic.bounds()
        return self._last_before(min(bounds.end, self._topic.end_at(seconds)), bounds.low)

    def _last_before(self, end: int, low: int) -> Receipt | None:
        if end <= low:
            return None
        for _, _, data in self._topic.read(end - 1, end - 1):
            try:
                payload = verify_receipt(self._keys, data or b"")
                return Receipt.parse(decode_payload(payload, lane=self._register.lane))
            except Refused as error:
                _log.warning("receipt_refused", register=self._register.name, reason=error.reason)
        return None

    def _take(self, receipt: Receipt) -> None:
        if self.newest is not None and receipt.goes_back_from(self.newest):
            _log.error(
                "receipt_went_back",
                register=self._register.name,
                home_offset=receipt.home_offset,
                before=self.newest.home_offset,
            )
        self.newest = receipt
        name = self._register.name
        metrics.RECEIPT_TIME.labels(name).set(receipt.applied_at / _MICROSECONDS)
        metrics.RECEIPT_HOME_OFFSET.labels(name).set(receipt.home_offset)
        if receipt.lag_seconds is not None:
            metrics.RECEIPT_LAG.labels(name).set(receipt.lag_seconds)
