"""What receiving one register needs of the world, passed in."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from consumers.apply.ddl.decisions import Decide, undecided
from consumers.course import LaneLook
from consumers.figures import Instruments
from consumers.lane import KafkaLane
from consumers.receipts import ReceiptWriter
from consumers.services import Services
from consumers.stops import StopFiles
from consumers.telling import Told
from consumers.transactions import Limits
from consumers.verify.asked import Asker
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
    look: Callable[[str], LaneLook | None] | None = None
    """What the broker last said of a register's lane."""

    def services(self, register: Register, *, receipts: ReceiptWriter | None, is_live: bool) -> Services:
        """What a worker on one of its standbys needs."""
        answers = None if self.answers is None else self.answers(register)
        return Services(
            postgres=self.postgres,
            open_lane=lambda: self.open_lane(register),
            new_opener=lambda: self.new_opener(register),
            receipts=receipts,
            now=self.now,
            decide=self.decide(register),
            limits=self.limits(),
            answers=answers if is_live else None,
            asker=None if is_live or answers is None else Asker(answers),
            comparison=self.comparison,
        )

    @property
    def instruments(self) -> Instruments:
        """What figures are taken with."""
        return Instruments(
            comparison=self.comparison, now=lambda: self.now().timestamp(), monotonic=time.monotonic, look=self.look
        )
