"""What home makes of receipts, and of what its own processes said last: lag, age, position, what runs out. Pure."""

from __future__ import annotations

import datetime as dt
from typing import Final

from data_embassy.clock import OFFSET_SECONDS_MAX
from data_embassy.status import DataKey, Position, utc
from data_embassy.types import Lsn
from pipelines.memory import Remembered
from pipelines.pulse.slot import SlotTold
from pipelines.receipts import Heard, Receipt
from pipelines.telling import Told

LATELY_SECONDS: Final = 15.0
_MICROSECONDS: Final = 1e6


def lag_of(heard: Heard | None, position: Receipt | None, remembered: Remembered | None) -> float | None:
    """As of the newest receipt, as far as the clocks were compared."""
    correction = 0.0 if remembered is None else remembered.correction_seconds
    lag = None if heard is None else heard.lag_seconds(position, correction=correction)
    return None if lag is None else round(lag, 3)


def age_of(heard: Heard | None, now: dt.datetime, remembered: Remembered | None) -> float | None:
    """Since the newest receipt was signed, by home's clock as far as the clocks were compared."""
    if heard is None:
        return None
    offset = 0.0 if remembered is None or remembered.offset_seconds is None else remembered.offset_seconds
    return round(max(0.0, now.timestamp() - (heard.signed_at / _MICROSECONDS - offset)), 1)


def position_of(position: Receipt) -> Position:
    """A receipt's position, as a status shows it."""
    return Position(
        commit_lsn="?" if position.commit_lsn is None else str(Lsn(position.commit_lsn)),
        source_committed_at=utc(position.source_committed_at),
        home_offset=position.home_offset,
        generation=position.generation,
        attempt=position.attempt,
        lane_offset=position.lane_offset,
    )


def is_trusted(heard: Heard | None, remembered: Remembered | None) -> bool | None:
    """Whether the lag may be trusted: False beyond a second of clock offset, of the sites or of the register."""
    if heard is not None and heard.ahead is not None and heard.ahead > OFFSET_SECONDS_MAX * _MICROSECONDS:
        return False
    return None if remembered is None else remembered.is_offset_small


def is_recent(told: Told, now: dt.datetime) -> bool:
    """True while the forwarder's last words are of the present."""
    return now.timestamp() - told.at <= LATELY_SECONDS


def data_key_of(register: str, told: Told) -> DataKey | None:
    """The data key in use, as the forwarder said lately; None where it has none, or said nothing of it."""
    said = told.data_keys.get(register)
    if said is None:
        return None
    return DataKey(
        age_seconds=said.age_seconds, envelopes=said.envelopes, used=said.sealed, left_seconds=said.left_seconds
    )


def runs_out(register: str, now: dt.datetime, told: Told | None, slot: SlotTold | None) -> dict[str, float]:
    """What loses data first, as far as home's processes said lately."""
    found = {}
    if slot is not None and slot.lost_seconds is not None and now.timestamp() - slot.at <= LATELY_SECONDS:
        found["slot"] = slot.lost_seconds
    headroom = None if told is None or not is_recent(told, now) else told.home_headroom_seconds.get(register)
    if headroom is not None:
        found["home"] = headroom
    return found
