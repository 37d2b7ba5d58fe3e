"""What the forwarder says of its registers, in a file that `embassy status` reads.

It tells a register that stands still from a forwarder that does not run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from data_embassy.config import write_hint
from data_embassy.envelope import EpochUse
from data_embassy.retention import Retention, headroom
from pipelines.outlook import BUSY_SECONDS, Carried, Coming, Load, level_in
from pipelines.session import Session
from pipelines.weighing import Weight

_BYTES_UNKNOWN: Final = 100.0
"""Taken for a sealed record before the first was sealed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the forwarder last said; `at` is seconds since 1970."""

    at: float
    acknowledged: Mapping[str, int | None] = field(default_factory=dict)
    """First home offset that the embassy's broker has not acknowledged, by register."""
    states: Mapping[str, str] = field(default_factory=dict)
    held: Sequence[str] = ()
    """Registers that wait because higher tiers have the link."""
    level_in_seconds: Mapping[str, float | None] = field(default_factory=dict)
    """About when each register will be level; None where that cannot be said."""
    bytes_per_record: Mapping[str, float | None] = field(default_factory=dict)
    """Sealed, of the last envelopes of each register."""
    waiting_bytes: Mapping[str, int | None] = field(default_factory=dict)
    """Sealed bytes that the embassy's broker has not acknowledged, an estimate."""
    home_headroom_seconds: Mapping[str, float] = field(default_factory=dict)
    """Until retention may remove what was not forwarded; without registers for which that is unlimited or unknown."""
    data_keys: Mapping[str, EpochUse] = field(default_factory=dict)
    """Of each register that has one in use."""
    link_bytes_per_second: float | None = None
    """What the link carried lately at its best; None when nothing was sent."""


class Teller:
    """Says it every few seconds, and remembers what is needed for an estimate. One thread uses it."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._coming: dict[str, Coming] = {}
        self._carried = Carried()
        self.headrooms: Mapping[str, float | None] = {}
        """Seconds until each home topic's retention may remove what was not forwarded, as of the last telling."""

    def tell(
        self,
        sessions: Mapping[str, Session],
        ends: Mapping[str, int],
        rate: float | None,
        *,
        carried: int = 0,
        weights: Mapping[str, Weight] = MappingProxyType({}),
        retentions: Mapping[str, Retention] = MappingProxyType({}),
        now: float,
        at: float,
    ) -> Told:
        """Say it; a disk that is full keeps nothing from being forwarded. `ends` are those of the home topics.

        `rate`: bytes per second that the link carried lately at its best. `carried`: bytes until now.
        """
        self._coming = {name: self._coming.get(name, Coming()) for name in ends}
        for name, end in ends.items():
            self._coming[name].see(now, end)
        loads = {
            name: self._load(sessions[name], end, weights.get(name)) for name, end in ends.items() if name in sessions
        }
        usual = self._usual(rate, carried, loads.values(), now)
        headrooms = {
            name: self._headroom(sessions[name], load, retentions[name], at)
            for name, load in loads.items()
            if name in retentions
        }
        told = Told(
            at=at,
            waiting_bytes={name: _waiting(sessions[name], load) for name, load in loads.items()},
            home_headroom_seconds={
                name: round(one, 1) for name, one in headrooms.items() if one is not None and one != math.inf
            },
            acknowledged={name: session.acknowledged_end for name, session in sessions.items()},
            states={name: session.state.value for name, session in sessions.items()},
            held=sorted(name for name, session in sessions.items() if session.flight.is_held),
            level_in_seconds={name: _rounded(level_in(load, loads.values(), usual)) for name, load in loads.items()},
            bytes_per_record={name: _rounded(session.flight.bytes_per_record) for name, session in sessions.items()},
            data_keys={name: use for name, one in sessions.items() if (use := one.epoch_use) is not None},
            link_bytes_per_second=_rounded(rate),
        )
        with suppress(OSError):
            write_hint(_path(self._state), json.dumps(asdict(told)))
        self.headrooms = headrooms
        return told

    def _headroom(self, session: Session, load: Load, retention: Retention, at: float) -> float | None:
        """The oldest record that was not forwarded is younger than the newest that was."""
        way = session.flight.newest_way
        return headroom(
            retention,
            oldest_age=0.0 if not load.waiting_bytes else None if way is None else at - way[0].captured_last / 1e6,
            waiting_bytes=load.waiting_bytes if session.acknowledged_end is not None else None,
            coming_bytes=load.coming_bytes,
        )

    def _usual(self, best: float | None, carried: int, loads: Collection[Load], now: float) -> float | None:
        """What the link carries on average while more waits than it can take, its best otherwise; None: not known yet.

        Its best says nothing of a link that was just mended: what it brings first was sent long before.
        """
        usual = self._carried.per_second() or best or 0.0
        is_busy = sum(load.waiting_bytes for load in loads) > BUSY_SECONDS * usual
        in_flight = sum(load.in_flight_bytes for load in loads)
        self._carried.see(now, carried, in_flight=in_flight, is_busy=is_busy)
        return self._carried.per_second() if is_busy else best

    def _load(self, session: Session, end: int, weight: Weight | None) -> Load:
        sealed, coming = session.flight.bytes_per_record or _BYTES_UNKNOWN, self._coming[session.register.name]
        waiting, newest = (sealed, sealed) if weight is None else (weight.waiting, weight.newest)
        done = session.acknowledged_end
        return Load(
            tier=session.register.tier,
            waiting_bytes=waiting * max(0, end - done) if done is not None else 0.0,
            in_flight_bytes=session.flight.in_flight_bytes,
            coming_bytes=newest * coming.per_second(),
            lasting_bytes=newest * coming.lasting(),
        )


def _waiting(session: Session, load: Load) -> int | None:
    return None if session.acknowledged_end is None else round(load.waiting_bytes)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def read_told(state: Path) -> Told | None:
    """What was said last; None when nothing was, or in another version's words."""
    try:
        said = json.loads(_path(state).read_text(encoding="utf-8"))
        keys = {name: EpochUse(**use) for name, use in said.pop("data_keys", {}).items()}
        return Told(**said, data_keys=keys)
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _path(state: Path) -> Path:
    return state / "told" / "forward.json"
