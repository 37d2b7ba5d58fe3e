"""A register's course at the embassy: what waits, how fast it is worked off, when it will be level. Pure.

While it works off a backlog, the standby's time passes faster than the clock's: it applies the changes of many seconds
in one. From that pace alone follows when it will be level, whatever the sizes of transactions and envelopes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from consumers.position import StandbyPosition
from data_embassy.retention import Retention

WINDOW_SECONDS: Final = 20.0
SEEN_SECONDS: Final = 1.0
"""How often a register's course is noted."""
OUTDATED_SECONDS: Final = 5.0
"""A course that was last noted before that says nothing any more."""
LEVEL_SECONDS: Final = 3.0
"""A lag up to here is that of a pulse that is beaten once a second: there is nothing to catch up with."""
_PACE_LEAST: Final = 0.05
"""A standby that gains less than this on the clock does not come level in a time worth telling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneLook:
    """What the embassy's broker last said of a lane."""

    end: int
    retention: Retention | None = None
    """None while its settings are not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of the live standby, or while there is none of the one that was live last."""

    lag_seconds: float | None = None
    is_lag_trusted: bool | None = None
    hops: Mapping[str, float] = field(default_factory=dict)
    ahead_seconds: float = 0.0
    """The register's clock is at least so far ahead of home's."""
    correction_seconds: float = 0.0
    """What was taken from this site's clock."""
    backlog_envelopes: int | None = None
    backlog_bytes: int | None = None
    backlog_transactions: int | None = None
    level_in_seconds: float | None = None
    lane_headroom_seconds: float | None = None
    """Until retention may remove what was not applied; infinite without retention."""
    has_all: bool = False
    """True while all that stands on the lane is applied, but for a transaction whose end has not come."""
    key_envelopes: int | None = None
    """How many the data key of the newest envelope that was opened had sealed by then."""


@dataclass(frozen=True, slots=True)
class _Seen:
    at: float
    pulse_at: int
    transactions: int
    lane_offset: int
    lane_end: int | None


class Course:
    """The last seconds of one register's live standby. One thread notes, any may ask. `now` is monotonic."""

    def __init__(self) -> None:
        self._seen: deque[_Seen] = deque(maxlen=round(WINDOW_SECONDS / SEEN_SECONDS) + 1)

    def see(self, now: float, position: StandbyPosition | None, lane_end: int | None) -> None:
        """Note where the standby is, at most once a second."""
        if position is None or position.pulse_at is None:
            return
        last = self._seen[-1] if self._seen else None
        if last is not None and now - last.at < SEEN_SECONDS:
            return
        if last is not None and (position.pulse_at < last.pulse_at or position.lane_offset < last.lane_offset):
            self._seen.clear()  # Another standby became the live one.
        one = _Seen(now, position.pulse_at, position.transactions, position.lane_offset, lane_end)
        self._seen.append(one)

    def level_in(self, now: float, lag: float | None, backlog: int | None) -> float | None:
        """Seconds until it is level; 0 when it is, None when that cannot be said, or never at this pace."""
        if lag is None:
            return None
        if backlog == 0 and lag <= LEVEL_SECONDS:
            return 0.0
        ends = self._ends(now)
        if ends is None:
            return None
        first, last = ends
        gained = (last.pulse_at - first.pulse_at) / 1e6 / (last.at - first.at) - 1.0
        return lag / gained if gained > _PACE_LEAST else None

    def transactions_waiting(self, now: float, backlog: int | None) -> int | None:
        """Source transactions in so many envelopes, if they hold as many as those applied lately."""
        if not backlog:
            return backlog
        ends = self._ends(now)
        if ends is None or ends[0].lane_offset == ends[1].lane_offset:
            return None
        first, last = ends
        each = (last.transactions - first.transactions) / (last.lane_offset - first.lane_offset)
        return round(each * backlog)

    def envelopes_per_second(self, now: float) -> float | None:
        """How many came lately."""
        ends = self._ends(now)
        if ends is None or ends[0].lane_end is None or ends[1].lane_end is None:
            return None
        return max(0, ends[1].lane_end - ends[0].lane_end) / (ends[1].at - ends[0].at)

    def _ends(self, now: float) -> tuple[_Seen, _Seen] | None:
        seen = tuple(self._seen)
        recent = [one for one in seen if one.at >= now - WINDOW_SECONDS - SEEN_SECONDS]
        if len(recent) < 2 or now - recent[-1].at > OUTDATED_SECONDS:
            return None
        return recent[0], recent[-1]
