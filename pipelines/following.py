"""Follows the receipts of all registers, compares the sites' clocks, and remembers both. Blocking; one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from data_embassy import metrics
from data_embassy.clock import Offset, Travel, offset_between, settle
from data_embassy.config import Register
from data_embassy.errors import TransportError
from data_embassy.keys import HomeKeys
from pipelines.logs import LogReader
from pipelines.memory import Memory, Remembered
from pipelines.receipts import Heard, ReceiptFollower

_NAN: Final = float("nan")
_MICROSECONDS: Final = 1e6
REMEMBER_SECONDS: Final = 5.0


class Following:
    """One follower per register that is under contract."""

    def __init__(
        self,
        keys: HomeKeys,
        *,
        open_topic: Callable[[str], LogReader],
        memory: Memory,
        down: Travel,
        heard: dict[str, tuple[Heard, float]],
    ) -> None:
        """`heard` is told the newest receipt of each register, with its correction; other threads read it."""
        self._keys, self._open_topic, self._memory, self._down = keys, open_topic, memory, down
        self._followers: dict[str, tuple[Register, LogReader, ReceiptFollower]] = {}
        self._remembered_at: dict[str, float] = {}
        self._heard = heard
        metrics.of_site(metrics.CLOCK_OFFSET).set_function(
            lambda: _NAN if (offset := self.offset) is None else offset.seconds
        )

    @property
    def offset(self) -> Offset | None:
        """The embassy's clock minus home's, as far as it is known."""
        heard = [one.heard for _, _, one in list(self._followers.values()) if one.heard is not None]
        ups = [one.transit / _MICROSECONDS for one in heard if one.transit is not None]
        return offset_between(min(ups, default=None), self._down.seconds)

    def follow(self, registers: Mapping[str, Register]) -> dict[str, ReceiptFollower]:
        """Look at every register's receipts once; the followers of those that could be reached."""
        for name in [name for name, (known, _, _) in self._followers.items() if registers.get(name) != known]:
            self._followers.pop(name)[1].close()
        found = {}
        for name, register in registers.items():
            follower = self._follower(name, register)
            try:
                follower.follow()
            except TransportError:
                continue  # The age of the newest receipt says it.
            found[name] = follower
            if follower.heard is not None:
                self._heard[name] = follower.heard, follower.correction
            settle(self.offset, self._down)
            self._remember(name, follower)
        return found

    def close(self) -> None:
        """Give the connections back."""
        for _, topic, _ in self._followers.values():
            topic.close()
        self._followers.clear()

    def _follower(self, name: str, register: Register) -> ReceiptFollower:
        if name not in self._followers:
            topic, known = self._open_topic(register.receipts_topic), self._memory.read(name)
            highest = None if known is None else known.highest
            follower = ReceiptFollower(register, self._keys, topic, highest=highest, down=self._down)
            self._followers[name] = (register, topic, follower)
        return self._followers[name][2]

    def _remember(self, name: str, follower: ReceiptFollower) -> None:
        now = time.monotonic()
        if now - self._remembered_at.get(name, float("-inf")) < REMEMBER_SECONDS:
            return
        self._remembered_at[name] = now
        offset = self.offset
        self._memory.write(
            name,
            Remembered(
                at=time.time(),
                heard=follower.heard,
                position=follower.newest,
                highest=follower.highest,
                has_gone_back=follower.has_gone_back,
                has_lost_receipts=follower.has_lost_receipts,
                offset_seconds=None if offset is None else round(offset.seconds, 4),
                uncertainty_seconds=None if offset is None else round(offset.uncertainty, 4),
                is_offset_small=None if offset is None else offset.is_small,
                correction_seconds=round(follower.correction, 4),
            ),
        )
