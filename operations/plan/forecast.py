"""What a register asks of link and disks, how long each part may be away, how soon it is level again. Pure.

The formulas and the symbols are those of docs/sizing.md; the rates of the stages were measured there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

HOME_BYTES: Final = 265.0
"""`h`: of a change in the home topic, before compression."""
SEALED_BYTES: Final = 54.0
"""`l`: of a change on the lane."""
SNAPSHOT_RATIO: Final = 0.5
"""Sealed bytes of a snapshot by bytes of the database: 0.3 to 0.5; large values that do not compress take more."""
CAPTURE_PER_SECOND: Final = 31_000.0
FORWARD_PER_SECOND: Final = 185_000.0
APPLY_PER_SECOND: Final = 137_000.0
DAY: Final = 86_400.0
_IDLE_SEALED_PER_SECOND: Final = 500.0
"""The clock's own transactions."""
_IDLE_WAL_PER_SECOND: Final = 200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one register did while it was watched. Rates are per second."""

    tier: int
    seconds: float
    changes: float
    wal_bytes: float
    database_bytes: int
    slot_bytes_max: int | None
    """max_slot_wal_keep_size; None when it is unlimited."""
    sealed_bytes: float | None = None
    """Of one record, as the forwarder sealed it lately."""

    @property
    def is_idle(self) -> bool:
        """Nothing but the clock was seen."""
        return self.changes < 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the operator plans for."""

    outage_seconds: float
    """The longest absence of the link that must be endured."""
    peak: float
    """The busiest minute by the average."""
    link_bytes: float | None = None
    """Bytes per second that the link carries; None when nobody knows."""
    home_disk_bytes: float | None = None
    lane_disk_bytes: float | None = None
    generation_seconds: float = 90 * DAY
    """How often a new generation replaces the old ones on the lane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One register. None where it cannot be said."""

    tier: int
    link_bytes: float
    """Per second, on average."""
    link_bytes_peak: float
    slot_seconds: float | None
    """How long capture may be away; None when the slot is unlimited, until the register's disk is full."""
    wal_bytes_per_day: float
    home_bytes_per_day: float
    home_bytes: float
    """For the outage and the day before it, one replica."""
    lane_bytes_per_day: float
    lane_bytes: float
    """Snapshot and changes of a generation, one replica."""
    standby_bytes: int
    first_standby_seconds: float | None
    catch_up_seconds: float | None
    """After the outage; None when the link carries less than comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """All registers together."""

    link_bytes: float
    link_bytes_peak: float
    home_bytes: float
    lane_bytes: float
    standby_bytes: int
    """With a second generation of the largest beside the first ones."""
    home_seconds: float | None
    """How long the link may be away before home's broker is full."""
    lane_seconds: float | None
    """How long until the embassy's broker is full, from empty."""
    first_standby_seconds: float | None
    catch_up_seconds: float | None


def forecast(found: Mapping[str, Measured], asked: Asked) -> tuple[dict[str, Forecast], Total]:
    """Each register, in the order of their tiers on the link, and all together."""
    each = {name: _one(one, found.values(), asked) for name, one in found.items()}
    return each, _total(list(each.values()), found.values(), asked)


def _one(one: Measured, everyone: Iterable[Measured], asked: Asked) -> Forecast:
    ahead = [other for other in everyone if other.tier <= one.tier]
    home_day = one.changes * HOME_BYTES * DAY
    lane_day = _sealed_per_second(one) * DAY
    wal = one.wal_bytes + _IDLE_WAL_PER_SECOND
    return Forecast(
        tier=one.tier,
        link_bytes=_sealed_per_second(one),
        link_bytes_peak=_sealed_per_second(one, asked.peak),
        slot_seconds=None if one.slot_bytes_max is None else one.slot_bytes_max / wal,
        wal_bytes_per_day=wal * DAY,
        home_bytes_per_day=home_day,
        home_bytes=home_day * (asked.outage_seconds / DAY + 1) + one.database_bytes,
        lane_bytes_per_day=lane_day,
        lane_bytes=lane_day * asked.generation_seconds / DAY + one.database_bytes * SNAPSHOT_RATIO,
        standby_bytes=one.database_bytes,
        first_standby_seconds=_first(ahead, asked),
        catch_up_seconds=_catch_up(ahead, asked),
    )


def _total(each: list[Forecast], found: Iterable[Measured], asked: Asked) -> Total:
    everyone = list(found)
    link = sum(one.link_bytes for one in each)
    home_day, lane_day = sum(one.home_bytes_per_day for one in each), sum(one.lane_bytes_per_day for one in each)
    sizes = [one.standby_bytes for one in each]
    snapshot = sum(sizes) * SNAPSHOT_RATIO
    return Total(
        link_bytes=link,
        link_bytes_peak=sum(one.link_bytes_peak for one in each),
        home_bytes=sum(one.home_bytes for one in each),
        lane_bytes=sum(one.lane_bytes for one in each),
        standby_bytes=sum(sizes) + max(sizes, default=0),
        home_seconds=_until_full(asked.home_disk_bytes, home_day, home_day),
        lane_seconds=_until_full(asked.lane_disk_bytes, snapshot, lane_day),
        first_standby_seconds=_first(everyone, asked),
        catch_up_seconds=_catch_up(everyone, asked),
    )


def _sealed_per_second(one: Measured, factor: float = 1.0) -> float:
    return one.changes * factor * (one.sealed_bytes or SEALED_BYTES) + _IDLE_SEALED_PER_SECOND


def _first(ahead: list[Measured], asked: Asked) -> float | None:
    """A first snapshot of all that goes first, while changes go on coming."""
    if asked.link_bytes is None:
        return None
    spare = asked.link_bytes - sum(_sealed_per_second(one) for one in ahead)
    return sum(one.database_bytes for one in ahead) * SNAPSHOT_RATIO / spare if spare > 0 else None


def _catch_up(ahead: list[Measured], asked: Asked) -> float | None:
    """`c * t / (r - c)` with the slowest of link, forwarder and receiver."""
    changes = sum(one.changes for one in ahead)
    rate = min(FORWARD_PER_SECOND, APPLY_PER_SECOND)
    if asked.link_bytes is not None:
        each = sum(_sealed_per_second(one) for one in ahead) / changes if changes else SEALED_BYTES
        rate = min(rate, asked.link_bytes / each)
    return changes * asked.outage_seconds / (rate - changes) if rate > changes else None


def _until_full(disk: float | None, taken: float, per_day: float) -> float | None:
    if disk is None or per_day <= 0:
        return None
    return max(0.0, disk - taken) / per_day * DAY
