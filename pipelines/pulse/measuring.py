"""Gauges of one register's pulse: what its database said last, and NaN once that is old."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from data_embassy import metrics
from data_embassy.gauges import Newest
from data_embassy.metrics import WAL_STATUSES
from pipelines.pulse.slot import Growth, Slot, tell_slot

OUTDATED_SECONDS: Final = 10.0
TOLD_SECONDS: Final = 5.0
_NEVER: Final = float("-inf")


class PulseGauges:
    """One per register; its beat's thread tells, any may ask."""

    def __init__(
        self,
        register: str,
        state: Path,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._register, self._state = register, state
        self._clock, self._monotonic = clock, monotonic
        self._growth, self._told_at = Growth(), _NEVER
        self._slot: Newest[tuple[Slot, float]] = Newest(OUTDATED_SECONDS, monotonic=monotonic)
        self._is_up: Newest[bool] = Newest(OUTDATED_SECONDS, monotonic=monotonic)
        self._ahead: Newest[float] = Newest(OUTDATED_SECONDS, monotonic=monotonic)

    def answers(self, *, clock_at: float) -> None:
        """The register's database answers, and it is this late by its clock (seconds since 1970)."""
        self._show()
        self._ahead.say(clock_at - self._clock())
        self._is_up.say(value=True)

    def is_away(self) -> None:
        """The register's database does not answer."""
        self._show()
        self._is_up.say(value=False)

    def saw_slot(self, slot: Slot) -> None:
        """One look at the slot."""
        now = self._monotonic()
        self._growth.see(now, slot)
        lost_in = self._growth.lost_in(slot)
        self._slot.say((slot, lost_in))
        if now - self._told_at >= TOLD_SECONDS:
            self._told_at = now
            tell_slot(self._state, self._register, slot, lost_in=lost_in, at=self._clock())

    def _show(self) -> None:
        """Only who beats shows anything: another process stands by and knows nothing."""
        name = self._register
        metrics.REGISTER_DATABASE_UP.labels(name).set_function(self._is_up.number)
        metrics.REGISTER_CLOCK_OFFSET.labels(name).set_function(self._ahead.number)
        for metric, read in (
            (metrics.SLOT_ACTIVE, lambda slot, _: slot.is_active),
            (metrics.SLOT_RETAINED_BYTES, lambda slot, _: slot.retained),
            (metrics.SLOT_SAFE_BYTES, lambda slot, _: slot.safe_bytes),
            (metrics.SLOT_LOST_SECONDS, lambda _, lost_in: lost_in),
        ):
            metric.labels(name).set_function(partial(self._of_slot, read))
        for status in WAL_STATUSES:
            metrics.SLOT_WAL_STATUS.labels(name, status).set_function(partial(self._of_slot, partial(_is, status)))

    def _of_slot(self, read: Callable[[Slot, float], float]) -> float:
        found = self._slot.get()
        return math.nan if found is None else float(read(*found))


def _is(status: str, slot: Slot, _: float) -> bool:
    return slot.status == status
