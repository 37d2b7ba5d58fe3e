"""Whose turn the link is: higher tiers go first when the link cannot carry everything (pure).

Several registers share one link, each with a connection of its own, so that whoever has more in flight gets more of it.

1. The highest tier present is never held.
2. A register below it publishes only while all that is in flight is less than the link carries in `QUEUE_SECONDS` plus
   a bare round trip: nothing of a lower tier ever waits in front of a higher one for longer.
3. Nor does it publish while a register of a higher tier is held.
4. Registers of one tier share what there is: of those that wait, who sent last is woken last.
5. When nothing is in flight, rule 2 holds nobody.

What the link carries is measured by acknowledgements: the best rate seen lately, and the shortest round trip. An
unlimited link is found as fast as a slow one, since each acknowledged envelope raises the next bound several times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

QUEUE_SECONDS: Final = 0.25
"""How long what is in flight may take on the link, beyond the round trip, before lower tiers wait."""
RATE_SECONDS: Final = 3.0
"""A rate is believed for this long, and at most twice as long: then a slower one counts."""
ROUND_TRIP_SECONDS: Final = 300.0
IN_FLIGHT_BYTES_MIN: Final = 32 << 10
"""Always allowed, so that a link that was silent is found again."""


class Extreme:
    """The best of the samples of the last one to two periods."""

    __slots__ = ("_best", "_former", "_period", "_present", "_seconds")

    def __init__(self, best: Callable[[float, float], float], seconds: float) -> None:
        self._best, self._seconds = best, seconds
        self._period = -1
        self._present: float | None = None
        self._former: float | None = None

    def add(self, value: float, now: float) -> None:
        """Take a sample."""
        period = int(now // self._seconds)
        if period != self._period:
            self._former = self._present if period == self._period + 1 else None
            self._present, self._period = value, period
        elif self._present is None or self._best(value, self._present) == value:
            self._present = value

    def at(self, now: float) -> float | None:
        """The best lately, None without a sample; other threads may ask."""
        elapsed = int(now // self._seconds) - self._period
        samples = [one for one in (self._present, self._former)[: max(0, 2 - elapsed)] if one is not None]
        return self._best(*samples) if len(samples) > 1 else next(iter(samples), None)


@dataclass(slots=True, kw_only=True, eq=False)
class Turn:
    """One register's part in the precedence; `wake` is called when it may ask again."""

    tier: int
    wake: Callable[[], None]
    is_held: bool = False
    in_flight: int = 0
    """Bytes published and not acknowledged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One envelope in flight."""

    size: int
    sent_at: float
    carried: int
    """Bytes that the link had carried when it was sent."""


@dataclass(slots=True, kw_only=True)
class Precedence:
    """The registers of one worker that share a link. Times are seconds of a monotonic clock."""

    clock: Callable[[], float]
    _turns: list[Turn] = field(default_factory=list)
    """Who sent longest ago comes first."""
    _carried: int = 0
    _rate: Extreme = field(default_factory=lambda: Extreme(max, RATE_SECONDS))
    _round_trip: Extreme = field(default_factory=lambda: Extreme(min, ROUND_TRIP_SECONDS))

    def join(self, tier: int, wake: Callable[[], None]) -> Turn:
        """A register takes part from now on."""
        turn = Turn(tier=tier, wake=wake)
        self._turns.append(turn)
        return turn

    def leave(self, turn: Turn) -> None:
        """A register takes part no more, or begins anew: what it had in flight counts for nothing."""
        if turn in self._turns:
            self._turns.remove(turn)
            self._wake_held()

    def bytes_free(self, turn: Turn) -> int | None:
        """How many bytes the register may publish now: None any number, 0 that it must wait until it is woken."""
        allowed = self._allowed(turn)
        was_held, turn.is_held = turn.is_held, allowed == 0
        if was_held and not turn.is_held:
            self._wake_held()
        return allowed

    def content(self, turn: Turn) -> None:
        """The register has nothing to publish: it holds nobody."""
        if turn.is_held:
            turn.is_held = False
            self._wake_held()

    def sent(self, turn: Turn, size: int) -> Ticket:
        """An envelope of `size` bytes was published."""
        turn.in_flight += size
        self._turns.sort(key=lambda one: one is turn)  # To the end; the others keep their order.
        return Ticket(size=size, sent_at=self.clock(), carried=self._carried)

    def acknowledged(self, turn: Turn, ticket: Ticket) -> None:
        """It was acknowledged."""
        now = self.clock()
        turn.in_flight -= ticket.size
        self._carried += ticket.size
        if (seconds := now - ticket.sent_at) > 0:
            self._rate.add((self._carried - ticket.carried) / seconds, now)
            self._round_trip.add(seconds, now)
        self._wake_held()

    def carried(self) -> int:
        """Bytes that were acknowledged since the beginning; other threads may ask."""
        return self._carried

    def rate(self) -> float | None:
        """Bytes per second that the link carried lately at its best; None when nothing was sent."""
        return self._rate.at(self.clock())

    def _allowed(self, turn: Turn) -> int | None:
        if all(turn.tier <= other.tier for other in self._turns):
            return None
        if any(other.is_held and other.tier < turn.tier for other in self._turns):
            return 0
        in_flight = sum(other.in_flight for other in self._turns)
        bound = self._bound()
        return bound if in_flight == 0 else max(0, bound - in_flight)

    def _bound(self) -> int:
        now = self.clock()
        rate = self._rate.at(now) or 0.0
        return max(IN_FLIGHT_BYTES_MIN, int(rate * (QUEUE_SECONDS + (self._round_trip.at(now) or 0.0))))

    def _wake_held(self) -> None:
        for turn in self._turns:
            if turn.is_held:
                turn.wake()
