"""Whose turn the link is, with a link in memory that carries so many bytes a second."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from functools import partial

import pytest

from pipelines.batches import LIMITS
from pipelines.precedence import IN_FLIGHT_BYTES_MIN, QUEUE_SECONDS, Extreme, Precedence, Ticket, Turn

ROUND_TRIP = 0.04
STEP_SECONDS = 0.01
ENVELOPE_BYTES_MAX = 500_000


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(eq=False)
class Register:
    """Has bytes to publish, and notes how long each of its envelopes took."""

    precedence: Precedence
    turn: Turn
    per_second: float
    backlog: float = 0.0
    delays: list[float] = field(default_factory=list)
    carried: int = 0
    envelopes: int = 0

    def grow(self, seconds: float) -> None:
        self.backlog += self.per_second * seconds

    def next_size(self) -> int:
        if self.backlog < 1:
            self.precedence.content(self.turn)
            return 0
        free = self.precedence.bytes_free(self.turn)
        if self.envelopes >= LIMITS.in_flight_max:
            return 0
        return int(min(self.backlog, ENVELOPE_BYTES_MAX, ENVELOPE_BYTES_MAX if free is None else free))


class Link:
    """All registers share it; each envelope waits for those before it."""

    def __init__(self, rate: float) -> None:
        self.clock = Clock()
        self.precedence = Precedence(clock=self.clock)
        self.rate = rate
        self.registers: list[Register] = []
        self._free_at = 0.0
        self._numbers = itertools.count()
        self._arriving: list[tuple[float, int, Register, Ticket]] = []

    def add(self, *, tier: int, per_second: float, backlog: float = 0.0) -> Register:
        turn = self.precedence.join(tier, lambda: None)
        self.registers.append(Register(self.precedence, turn, per_second, backlog))
        return self.registers[-1]

    def run(self, seconds: float) -> None:
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.now += STEP_SECONDS
            while self._arriving and self._arriving[0][0] <= self.clock.now:
                _, _, register, ticket = heapq.heappop(self._arriving)
                register.envelopes -= 1
                register.carried += ticket.size
                register.delays.append(self.clock.now - ticket.sent_at)
                self.precedence.acknowledged(register.turn, ticket)
            for register in sorted(self.registers, key=lambda one: -one.turn.tier):  # The lowest asks first.
                register.grow(STEP_SECONDS)
                while (size := register.next_size()) > 0:
                    self._send(register, size)

    def _send(self, register: Register, size: int) -> None:
        register.backlog -= size
        register.envelopes += 1
        ticket = self.precedence.sent(register.turn, size)
        self._free_at = max(self._free_at, self.clock.now) + size / self.rate
        heapq.heappush(self._arriving, (self._free_at + ROUND_TRIP, next(self._numbers), register, ticket))


def test_a_high_tier_keeps_its_delay_while_a_low_one_has_a_backlog():
    link = Link(rate=250_000)
    high = link.add(tier=1, per_second=50_000)
    low = link.add(tier=3, per_second=10_000, backlog=50_000_000)
    link.run(20)
    high.delays.clear()
    link.run(60)
    assert max(high.delays) < ROUND_TRIP + 2 * QUEUE_SECONDS + 0.1
    assert low.carried > 0.5 * 80 * 250_000, "and the link is used"


def test_a_low_tier_waits_while_a_high_one_has_a_backlog():
    link = Link(rate=250_000)
    high = link.add(tier=1, per_second=0, backlog=20_000_000)
    low = link.add(tier=3, per_second=1_000, backlog=20_000_000)
    link.run(60)
    assert high.carried > 0.95 * 60 * 250_000
    assert low.carried < 300_000
    assert low.turn.is_held
    link.run(80)
    assert high.backlog < 1
    assert low.carried > 8_000_000, "then it has its turn"


def test_the_middle_one_goes_before_the_lowest():
    link = Link(rate=250_000)
    link.add(tier=1, per_second=1_000)
    middle = link.add(tier=2, per_second=0, backlog=5_000_000)
    lowest = link.add(tier=3, per_second=0, backlog=5_000_000)
    link.run(15)
    assert middle.carried > 10 * lowest.carried


def test_a_fast_link_is_found_by_the_lowest_tier():
    link = Link(rate=20_000_000)
    link.add(tier=1, per_second=200)
    low = link.add(tier=3, per_second=0, backlog=400_000_000)
    link.run(10)
    assert low.carried > 0.8 * 10 * 20_000_000


def test_a_link_that_becomes_slow_is_noticed():
    link = Link(rate=20_000_000)
    high = link.add(tier=1, per_second=20_000)
    link.add(tier=3, per_second=0, backlog=4_000_000_000)
    link.run(5)
    link.rate = 250_000
    link.run(60)
    high.delays.clear()
    link.run(30)
    assert max(high.delays) < 1.0


def test_of_those_that_wait_who_sent_last_is_woken_last():
    precedence, woken = Precedence(clock=Clock()), list[str]()
    first = precedence.join(1, lambda: None)
    turns = {name: precedence.join(2, partial(woken.append, name)) for name in ("court", "land", "pension")}
    tickets = []
    for _ in range(4):
        ticket = precedence.sent(first, IN_FLIGHT_BYTES_MIN)
        assert [precedence.bytes_free(turn) for turn in turns.values()] == [0, 0, 0]
        woken.clear()
        precedence.acknowledged(first, ticket)
        assert sorted(woken) == sorted(turns)
        turn = turns[woken[0]]  # It takes all there is, as soon as it is woken.
        tickets.append((woken[0], precedence.sent(turn, 1)))
        precedence.acknowledged(turn, tickets[-1][1])
    assert [name for name, _ in tickets] == ["court", "land", "pension", "court"]


def test_registers_of_one_tier_are_never_held():
    precedence = Precedence(clock=Clock())
    turns = [precedence.join(2, lambda: None) for _ in range(2)]
    for turn in turns:
        precedence.sent(turn, 1 << 30)
    assert [precedence.bytes_free(turn) for turn in turns] == [None, None]


def test_when_nothing_is_in_flight_the_lowest_may_publish():
    precedence = Precedence(clock=Clock())
    precedence.join(1, lambda: None)
    assert precedence.bytes_free(precedence.join(9, lambda: None)) == IN_FLIGHT_BYTES_MIN


@pytest.mark.parametrize("ends", ["acknowledged", "leave"])
def test_who_is_held_is_woken(ends):
    woken: list[str] = []
    precedence = Precedence(clock=Clock())
    high, low = precedence.join(1, lambda: None), precedence.join(3, lambda: woken.append("low"))
    ticket = precedence.sent(high, 1 << 20)
    assert precedence.bytes_free(low) == 0
    if ends == "leave":
        precedence.leave(high)
        assert woken == ["low"]
        assert precedence.bytes_free(low) is None
    else:
        precedence.acknowledged(high, ticket)
        assert woken == ["low"]
        assert precedence.bytes_free(low) == IN_FLIGHT_BYTES_MIN


def test_who_is_held_holds_lower_ones_until_it_is_content():
    woken: list[int] = []
    precedence = Precedence(clock=Clock())
    top, middle, low = (precedence.join(tier, partial(woken.append, tier)) for tier in (1, 2, 3))
    ticket = precedence.sent(top, 1 << 20)
    assert precedence.bytes_free(middle) == 0
    precedence.acknowledged(top, ticket)
    assert precedence.bytes_free(low) == 0, "the middle one has not asked again"
    precedence.content(middle)
    assert woken.count(3) > 0
    assert precedence.bytes_free(low) == IN_FLIGHT_BYTES_MIN


def test_the_best_of_lately_is_forgotten_in_time():
    best = Extreme(max, 3.0)
    assert best.at(0) is None
    best.add(5.0, 1)
    best.add(4.0, 2)
    best.add(2.0, 4)
    assert best.at(4) == 5.0
    assert best.at(7) == 2.0
    assert best.at(10) is None
