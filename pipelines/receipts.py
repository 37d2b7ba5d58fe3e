"""Follow the embassy's signed receipts through the link: how far each standby is, as home knows it.

A receipt that does not verify counts nowhere and changes nothing; a newer one that states less than an older one is
said aloud, because a copy that went back was restored or tampered with. Receipts of other kinds are passed over.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, Self

from data_embassy import log, metrics
from data_embassy.clock import Travel, behind, correction_between
from data_embassy.config import Register
from data_embassy.envelope import Refused, decode_payload, verify_receipt
from data_embassy.envelope.errors import ReceiptMalformed
from data_embassy.keys import HomeKeys
from data_embassy.status import HOPS
from data_embassy.types import Lsn
from pipelines.tail import Bounds

_MICROSECONDS: Final = 1e6
_POSITION: Final = "position"
_KINDS: Final = (_POSITION, "state")
_FIRST_LOOK: Final = 16
_WIDEN: Final = 8
_LOOK_MAX: Final = 16_384
"""How many receipts are read back for one that states a position; a register that has none is no further."""
_WORD: Final = re.compile(r"\A[A-Za-z][A-Za-z ]{0,63}\Z")
_REQUIRED: Final = ("generation", "incarnation", "home_offset", "lane_offset", "applied_at")
_NUMBERS: Final = (
    *_REQUIRED, "commit_lsn", "source_committed_at", "pulse_at", "beat", "attempt", "signed_at", "transit",
    "backlog_envelopes", "backlog_transactions", "ahead",
)  # fmt: skip
_CANDIDATE_NUMBERS: Final = ("generation", "attempt", "rows", "bytes", "tables_done")

_log = log.get("receipts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the embassy says of its standby that was applied and is durable. Times are microseconds since 1970."""

    generation: int
    incarnation: int
    commit_lsn: int | None
    home_offset: int
    lane_offset: int
    source_committed_at: int | None
    applied_at: int
    pulse_at: int | None
    attempt: int | None = None
    beat: int | None = None
    signed_at: int | None = None

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> Self:
        """Read a payload's fields, ignoring those not known here; raises ReceiptMalformed."""
        taken: dict[str, Any] = {name: fields.get(name) for name in cls.__dataclass_fields__}
        if isinstance(taken["commit_lsn"], str):
            try:
                taken["commit_lsn"] = int(Lsn.parse(taken["commit_lsn"]))
            except ValueError as error:
                raise ReceiptMalformed("commit_lsn is no LSN") from error
        if not all(type(taken[name]) is int for name in _REQUIRED):
            raise ReceiptMalformed("a field is missing or not a number")
        _check_numbers(taken, cls.__dataclass_fields__)
        return cls(**taken)

    def goes_back_from(self, earlier: Receipt) -> bool:
        """True when this receipt, though later on the topic, states less."""
        return (self.incarnation, self.home_offset) < (earlier.incarnation, earlier.home_offset) and (
            self.generation <= earlier.generation
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One receipt: what the register is doing, and its position where it has one."""

    signed_at: int
    state: str = "live"
    cause: str | None = None
    """Class of what it stands still for; the table of causes knows it."""
    transit: int | None = None
    """Smallest time from home to there, by both clocks (`clock.Comparison.up`), microseconds."""
    backlog_envelopes: int | None = None
    backlog_transactions: int | None = None
    hops: Mapping[str, int] = field(default_factory=dict)
    """Microseconds that the newest applied pulse took on each of status.HOPS."""
    ahead: int | None = None
    """How far the register's clock is at least ahead of home's, microseconds."""
    candidate: Mapping[str, Any] = field(default_factory=dict)
    position: Receipt | None = None

    def lag_seconds(self, position: Receipt | None, *, correction: float = 0.0) -> float | None:
        """Age of the newest applied pulse when this was signed; `correction` as in `clock`. None when unknown."""
        if position is None or position.pulse_at is None:
            return None
        pulse_at, ahead = position.pulse_at / _MICROSECONDS, (self.ahead or 0) / _MICROSECONDS
        return behind(self.signed_at / _MICROSECONDS, pulse_at, correction=correction, ahead=ahead)

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> Self | None:
        """Read a payload; None for a kind that states neither position nor state. Raises ReceiptMalformed."""
        kind = fields.get("kind", _POSITION)
        if kind not in _KINDS:
            return None
        _check_numbers(fields, _NUMBERS)
        position = Receipt.parse(fields) if kind == _POSITION else None
        signed_at = fields.get("signed_at")
        if signed_at is None and position is not None:
            signed_at = position.applied_at
        state, cause = fields.get("state", "live" if position is not None else None), fields.get("cause")
        if type(signed_at) is not int or not _is_word(state) or not (cause is None or _is_word(cause)):
            raise ReceiptMalformed("its time, state or cause is not in its one valid form")
        return cls(
            signed_at=signed_at,
            state=state,
            cause=cause,
            transit=fields.get("transit"),
            backlog_envelopes=fields.get("backlog_envelopes"),
            backlog_transactions=fields.get("backlog_transactions"),
            hops=_hops(fields.get("hops")),
            ahead=fields.get("ahead"),
            candidate=_candidate(fields.get("candidate")),
            position=position,
        )


def _is_word(value: object) -> bool:
    return isinstance(value, str) and _WORD.match(value) is not None


def _check_numbers(fields: Mapping[str, Any], names: Any) -> None:
    for name in names:
        value = fields.get(name)
        if value is not None and type(value) is not int and not (name == "commit_lsn" and isinstance(value, str)):
            raise ReceiptMalformed(f"{name} is not a number")


def _hops(value: object) -> Mapping[str, int]:
    if value is None:
        return {}
    if not isinstance(value, dict) or value.keys() != set(HOPS):
        raise ReceiptMalformed("the hops are not in their one valid form")
    if not all(type(one) is int and one >= 0 for one in value.values()):
        raise ReceiptMalformed("a hop is not a time")
    return {hop: value[hop] for hop in HOPS}


def _candidate(value: object) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not _is_word(value.get("state")):
        raise ReceiptMalformed("the candidate is not in its one valid form")
    _check_numbers(value, _CANDIDATE_NUMBERS)
    cause = value.get("cause")
    if not (cause is None or _is_word(cause)):
        raise ReceiptMalformed("the candidate's cause is not a word")
    return {name: value[name] for name in (*_CANDIDATE_NUMBERS, "state", "cause") if name in value}


class ReceiptLog(Protocol):
    """The receipts topic of one register (logs.LogReader)."""

    def bounds(self) -> Bounds: ...  # noqa: D102

    def end_at(self, seconds: float) -> int: ...  # noqa: D102

    def read(self, first: int, last: int) -> Iterator[tuple[int, bytes | None, bytes | None]]: ...  # noqa: D102


class ReceiptFollower:
    """The newest receipt of one register, the newest position, and the one of some time ago."""

    def __init__(
        self,
        register: Register,
        keys: HomeKeys,
        topic: ReceiptLog,
        *,
        highest: Receipt | None = None,
        down: Travel | None = None,
    ) -> None:
        self._register, self._topic = register, topic
        self.keys = keys
        """Those of now: whoever follows for long renews them."""
        self._read_before = 0
        self.down = Travel() if down is None else down
        """Smallest time from there to here, by both clocks."""
        self.heard: Heard | None = None
        self.newest: Receipt | None = None
        """The newest position."""
        self.highest = highest
        """The highest position ever stated, also to an earlier process."""
        self.has_lost_receipts = False
        """True when the topic ends before what was read of it: somebody cut it."""

    @property
    def has_gone_back(self) -> bool:
        """True while the embassy states less than it once stated."""
        return self.newest is not None and self.highest is not None and self.newest.goes_back_from(self.highest)

    @property
    def correction(self) -> float:
        """What has to be taken from the embassy's clock, in seconds (clock.correction_between)."""
        transit = None if self.heard is None else self.heard.transit
        return correction_between(None if transit is None else transit / _MICROSECONDS, self.down.seconds)

    def follow(self) -> Receipt | None:
        """The newest position; raises TransportError."""
        bounds = self._topic.bounds()
        if bounds.end < self._read_before:
            _log.error("receipts_lost", register=self._register.name, end=bounds.end, read_before=self._read_before)
            self._read_before, self.has_lost_receipts = 0, True
        if bounds.end > max(bounds.low, self._read_before):
            self._take_new(max(bounds.low, self._read_before), bounds.end)
            self._read_before = bounds.end
            if self.newest is None and (found := self._last_position(bounds.end, bounds.low)) is not None:
                self._take_position(found)
        return self.newest

    def received_at(self, seconds: float) -> Receipt | None:
        """The newest position that stood on the topic at this time; raises TransportError."""
        bounds = self._topic.bounds()
        return self._last_position(min(bounds.end, self._topic.end_at(seconds)), bounds.low)

    def _take_new(self, first: int, end: int) -> None:
        heard = position = None
        for heard in self._heard(max(first, end - _FIRST_LOOK), end):
            position = heard.position or position
        if position is not None:
            self._take_position(position)
        if heard is not None:
            self.heard = heard
            self.down.observe(heard.signed_at / _MICROSECONDS)
            metrics.RECEIPT_TIME.labels(self._register.name).set(heard.signed_at / _MICROSECONDS)
            lag = heard.lag_seconds(self.newest, correction=self.correction)
            metrics.RECEIPT_LAG.labels(self._register.name).set(math.nan if lag is None else lag)

    def _last_position(self, end: int, low: int) -> Receipt | None:
        """Walks back over receipts that state none."""
        count, looked = _FIRST_LOOK, 0
        while end > low and looked < _LOOK_MAX:
            first = max(low, end - count)
            found = [one.position for one in self._heard(first, end) if one.position is not None]
            if found:
                return found[-1]
            looked, end, count = looked + end - first, first, count * _WIDEN
        return None

    def _heard(self, first: int, end: int) -> Iterator[Heard]:
        for _, _, data in self._topic.read(first, end - 1) if end > first else ():
            try:
                payload = verify_receipt(self.keys, data or b"")
                heard = Heard.parse(decode_payload(payload, lane=self._register.lane))
            except Refused as error:
                _log.warning("receipt_refused", register=self._register.name, reason=error.reason)
                continue
            if heard is not None:
                yield heard

    def _take_position(self, receipt: Receipt) -> None:
        former = self.highest if self.newest is None else self.newest
        if former is not None and receipt.goes_back_from(former):
            _log.error(
                "receipt_went_back",
                register=self._register.name,
                home_offset=receipt.home_offset,
                before=former.home_offset,
            )
        self.newest = receipt
        if self.highest is None or not receipt.goes_back_from(self.highest):
            self.highest = receipt
        name = self._register.name
        metrics.RECEIPT_HOME_OFFSET.labels(name).set(receipt.home_offset)
