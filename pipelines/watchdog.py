"""Notice a worker that lives on without reading, and end it: the supervisor starts it again.

After a broker outage or a rebalance a Faust worker may stop fetching without any error (faust issues 523, 532, 629).
The rule is pure; the thread asks the home broker itself and does not depend on the event loop, which may hang too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

STALL_SECONDS_MAX: Final = 10.0
LOOP_SECONDS_MAX: Final = 60.0
REBALANCE_SECONDS_MAX: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a session wants and where it is."""

    wants: bool
    next_offset: int | None


@dataclass(slots=True)
class Watchdog:
    """Remembers since when each register has been behind without moving."""

    since: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Register to its next offset and the time since when it stands there."""

    def stalled(self, now: float, readings: Mapping[str, Reading], ends: Mapping[str, int]) -> list[str]:
        """Registers that want records, have had some to read for ten seconds and read none."""
        found = []
        # Where the end is not known nothing is judged, and waiting begins anew.
        self.since = {register: seen for register, seen in self.since.items() if register in ends}
        for register, end in ends.items():
            reading = readings.get(register)
            if reading is None or not reading.wants or reading.next_offset is None or end <= reading.next_offset:
                self.since.pop(register, None)
                continue
            offset, since = self.since.get(register, (-1, now))
            if offset != reading.next_offset:
                self.since[register] = (reading.next_offset, now)
            elif now - since >= STALL_SECONDS_MAX:
                found.append(register)
        return found
