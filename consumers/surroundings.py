"""What receiving one register needs of the world, passed in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

from consumers.apply.ddl.decisions import Decide, undecided
from consumers.lane import KafkaLane
from consumers.receipts import ReceiptWriter
from consumers.stops import StopFiles
from consumers.telling import Told
from consumers.transactions import Limits
from consumers.verify.witness import Answers
from data_embassy.clock import Comparison
from data_embassy.config import Postgres, Register
from data_embassy.envelope import LaneOpener


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a register's supervisor needs of the world."""

    postgres: Postgres
    ensure_topics: Callable[[Register], None]
    open_lane: Callable[[Register], KafkaLane]
    new_opener: Callable[[Register], LaneOpener]
    receipts: Callable[[Register], ReceiptWriter]
    stops: StopFiles
    now: Callable[[], dt.datetime]
    keep_retired: bool = False
    is_paused: Callable[[str], bool] = lambda _: False
    tell: Callable[[str, Told], None] = lambda *_: None
    """Hears what a register is doing."""
    answers: Callable[[Register], Answers] | None = None
    """Where a live standby's verifications are answered."""
    decide: Callable[[Register], Decide] = lambda _: undecided
    """What operators decided about schema changes that cannot be replayed."""
    limits: Callable[[], Limits] = Limits
    """What one register may hold, asked at each start of a worker."""
    comparison: Comparison = field(default_factory=Comparison)
