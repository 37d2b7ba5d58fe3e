"""A register's voice: receipts to home and a word to this site's operator, also while nothing works."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final

from consumers import standby
from consumers.control import Control
from consumers.position import StandbyPosition
from consumers.receipts import Condition, ReceiptWriter
from consumers.telling import TOLD_SECONDS, Told
from consumers.worker import Phase, StandbyWorker
from data_embassy.clock import Comparison
from data_embassy.errors import DataEmbassyError

_NEVER: Final = float("-inf")


class Voice:
    """Says what one register is doing. Its supervisor uses it; the live worker uses the receipts beside it."""

    def __init__(
        self,
        receipts: ReceiptWriter,
        *,
        comparison: Comparison,
        tell: Callable[[Told], None],
        now: Callable[[], dt.datetime],
    ) -> None:
        self.receipts = receipts
        self._comparison, self._tell, self._now = comparison, tell, now
        self._told_at = _NEVER
        self._said: Condition | None = None
        self.condition: tuple[float, Condition] | None = None
        """What was said last and when, monotonic."""

    def say(self, condition: Condition, *, trouble: DataEmbassyError | None = None) -> None:
        """Say it: to home when a receipt is due, here every second."""
        self.receipts.tell(condition)
        now = time.monotonic()
        self.condition = now, condition
        self.receipts.beat(now)
        if now - self._told_at >= TOLD_SECONDS or condition.is_news_after(self._said):
            self._told_at, self._said = now, condition
            words = None if trouble is None else trouble.message
            self._tell(Told.of(condition, self._comparison, at=self._now().timestamp(), trouble=words))

    def settle(self, control: Control, live: StandbyWorker | None, position: StandbyPosition | None) -> None:
        """See receipts through that no worker will send: of a position known from the database, or a stopped worker."""
        if position is not None and not self.receipts.knows_position:
            self.receipts.found(position, self._now())
        if self.receipts.waits and (live is None or live.phase is not Phase.APPLYING):
            self.receipts.step(
                time.monotonic(),
                log_end=lambda: standby.insert_lsn(control.connection),
                log_flushed=lambda: standby.flushed_lsn(control.connection),
            )


def stored_position(control: Control, database: str) -> StandbyPosition | None:
    """The position of a standby on which nothing works; None where there is none. Raises TransportError."""
    if not control.exists(database):
        return None
    with closing(standby.open_session(control.target, database, role="look")) as connection:
        return standby.read_position(connection) if standby.has_position_table(connection) else None
