"""How far standbys are behind and what their slots keep, once a second beside a run; and how a report says it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg

from tests.support.at_work import AtWork
from tests.support.scenario import Registers

_EVERY_SECONDS = 1.0
_SLOTS = """
SELECT database, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint FROM pg_replication_slots
WHERE slot_type = 'logical' AND NOT temporary
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment, in seconds since the sampler's beginning. What could not be asked is missing."""

    at: float
    lags: dict[str, float]
    slots: dict[str, int] = field(default_factory=dict)
    """Bytes of log behind what was confirmed, by database."""


class Sampler(AtWork):
    """Takes samples of all registers while the body of its `with` runs."""

    def __init__(self, registers: Registers) -> None:
        self.samples: list[Sample] = []
        self._registers = registers
        self._began = time.monotonic()
        super().__init__([self._run])

    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            at = self.now()
            found = {name: self._registers.lag(name) for name in self._registers.names}
            lags = {name: lag for name, lag in found.items() if lag is not None}
            self.samples.append(Sample(at, lags, self._slots()))
            due = max(due + _EVERY_SECONDS, time.monotonic())

    def _slots(self) -> dict[str, int]:
        with (
            suppress(psycopg.Error),
            psycopg.connect(self._registers.system.env()["home_postgres"], connect_timeout=5) as connection,
        ):
            return {str(name): int(str(size)) for name, size in connection.execute(_SLOTS).fetchall()}
        return {}


def lags_of(samples: Iterable[Sample], name: str) -> list[float]:
    """One register's lags, in order."""
    return [sample.lags[name] for sample in samples if name in sample.lags]


def slots_of(samples: Iterable[Sample], name: str) -> list[int]:
    """What one register's slot kept, in order."""
    return [sample.slots[name] for sample in samples if name in sample.slots]


def middle_and_most(values: Sequence[float]) -> tuple[float, float]:
    """Median and largest; NaN where nothing was seen."""
    return (statistics.median(values), max(values)) if values else (float("nan"), float("nan"))
