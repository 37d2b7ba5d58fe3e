"""What a standby's worker needs of the world, and why it stopped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

from consumers.apply.ddl.decisions import Decide, undecided
from consumers.lane import KafkaLane
from consumers.receipts import ReceiptWriter
from consumers.transactions import Limits
from consumers.verify.asked import Asker
from consumers.verify.witness import Answers
from data_embassy.clock import Comparison
from data_embassy.config import Postgres
from data_embassy.envelope import LaneOpener
from data_embassy.errors import DataEmbassyError


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What a worker needs of the world."""

    postgres: Postgres
    open_lane: Callable[[], KafkaLane]
    new_opener: Callable[[], LaneOpener]
    receipts: ReceiptWriter | None
    now: Callable[[], dt.datetime]
    decide: Decide = undecided
    """What operators decided about schema changes."""
    limits: Limits = field(default_factory=Limits)
    answers: Answers | None = None
    """Where verifications are answered; None for a standby that is not the live one."""
    asker: Asker | None = None
    """Where home's questions about a base are answered; None in a replay."""
    comparison: Comparison = field(default_factory=Comparison)
    """Of the sites' clocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Why a worker ended before its time."""

    error: DataEmbassyError
    position: str
    lane_offset: int | None
