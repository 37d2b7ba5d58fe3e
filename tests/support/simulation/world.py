"""One seed, one history: who does what and when, what breaks, and what must hold after every step."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from random import Random

from consumers.position import StandbyPosition
from data_embassy.envelope.header import Kind
from data_embassy.envelope.layout import parse
from tests.support.sealing import Sites, make_sites
from tests.support.simulation.clock import run_virtually
from tests.support.simulation.embassy import Embassy
from tests.support.simulation.forwarder import Forwarder, Home, LaneLog
from tests.support.simulation.register import Rows, SimulatedRegister

STEPS = 40
SETTLE_SECONDS = 600.0


class Violation(AssertionError):
    """A promise was broken; the message names the seed."""


@dataclass
class Outcome:
    """What a history was made of."""

    seed: int
    steps: Counter[str] = field(default_factory=Counter)
    commits: int = 0
    envelopes: int = 0
    stops: Counter[str] = field(default_factory=Counter)
    generations: int = 0


@cache
def _sites() -> Sites:
    return make_sites("simulation")


def simulate(seed: int, *, steps: int = STEPS) -> Outcome:
    """Play one history; raises Violation."""
    world = World(seed)
    try:
        run_virtually(world.play(steps))
    except Exception as error:
        raise Violation(f"seed {seed}, after {dict(world.outcome.steps)}: {type(error).__name__}: {error}") from error
    return world.outcome


class World:
    """Both sites and the fates."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.outcome = Outcome(seed)
        self.register = SimulatedRegister(self.random)
        self.lane = LaneLog()
        self.home = Home(self.register, self.lane, _sites(), self.random)
        self.embassy = Embassy(self.lane, _sites(), self.random, self._committed)
        self.forwarders: list[Forwarder] = []
        self._may_gap = False
        """Something was lost that only a new snapshot can replace: a stop is right, a wrong row never is."""
        self._read_lost: list[Forwarder] = []
        """They have read what is lost now, and what they sealed of it may still arrive."""

    async def play(self, steps: int) -> None:
        """Begin, break things, then let everything settle and compare."""
        self.register.begin_snapshot(is_retry=False)
        self.register.end_snapshot()
        self.register.start_task()
        self.forwarders.append(Forwarder(self.home))
        try:
            for _ in range(steps):
                name = self.random.choices(list(STEPS_BY_NAME), [weight for weight, _ in STEPS_BY_NAME.values()])[0]
                self.outcome.steps[name] += 1
                await STEPS_BY_NAME[name][1](self)
                await asyncio.sleep(self.random.choice([0.0, 0.003, 0.02, 0.3]))
                self._check()
            await self._settle()
        finally:
            for forwarder in self.forwarders:
                await forwarder.kill()
        self.outcome.envelopes = len(self.lane.envelopes)
        self.outcome.generations = self.register.generation

    # -- what must hold ----------------------------------------------------------------------------------------------

    def _committed(self, position: StandbyPosition, rows: Rows) -> None:
        """Called at every commit of a standby: it equals the register after one of its commits, and says which."""
        self.outcome.commits += 1
        done = [commit for commit in self.register.history if commit.lsn <= position.last_end]
        expected = done[-1].rows if done else {}
        assert rows == expected, f"at {position} the standby holds {rows}, the register held {expected}"
        assert (position.beat or 0) == (done[-1].beat if done else 0), "the beat is not the register's"

    def _check(self) -> None:
        for forwarder in self.forwarders:
            forwarder.check()
            if forwarder.stops.stop is not None:
                self._stopped(forwarder.stops.stop.cause)
        if self.embassy.stop is not None:
            self._stopped(type(self.embassy.stop).__name__)

    def _stopped(self, cause: str) -> None:
        self.outcome.stops[cause] += 1
        if cause == "UnknownSchema" and self.register.has_lost_schema:
            return
        assert self._may_gap or self.register.has_lost_confirmed, f"stopped without a reason: {cause}"

    async def _settle(self) -> None:
        """Nothing breaks any more: the standby comes level, by itself or with one more snapshot."""
        self.lane.is_cut = False
        register = self.register
        for attempt in range(6):
            if register.task is None or attempt:
                register.start_task()
            register.end_snapshot()
            register.capture(10_000)
            for forwarder in self.forwarders[1:]:
                await forwarder.kill()
            if not self.forwarders:
                self.forwarders.append(Forwarder(self.home))
            del self.forwarders[1:]
            await self._wait_forwarded()
            self.embassy.step(crashes=False)
            self._check()
            if self._is_level():
                return
            if self.embassy.stop is not None or self.forwarders[0].stops.stop is not None or attempt > 1:
                register.begin_snapshot(is_retry=False)
                register.end_snapshot()
        raise AssertionError(
            f"the standby never came level: {self.embassy.live and self.embassy.live.position}, the register is at"
            f" {register.lsn}, stops {self.embassy.stop!r}, {self.forwarders[0].stops.stop}"
        )

    async def _wait_forwarded(self) -> None:
        deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
        while not self.forwarders[0].is_level and self.forwarders[0].stops.stop is None:
            await asyncio.sleep(0.05)
            self.register.capture(10_000)
            self._check()
            assert asyncio.get_running_loop().time() < deadline, "the forwarder never came level"

    def _is_level(self) -> bool:
        live, history = self.embassy.live, self.register.history
        if self.embassy.stop is not None or live is None:
            return False
        return live.rows == self.register.rows and (not history or live.position.last_end == history[-1].lsn)

    # -- what happens ------------------------------------------------------------------------------------------------

    async def write(self) -> None:
        for _ in range(self.random.randint(1, 4)):
            self.register.commit()

    async def capture(self) -> None:
        if self.register.task is None:
            self.register.start_task()
        self.register.capture(self.random.choice([1, 3, 10, 50]))

    async def kill_capture(self) -> None:
        self.register.stop_task()

    async def replace_capture(self) -> None:
        self.register.start_task()
        self.register.capture(self.random.choice([0, 1, 4, 6]))
        self.register.linger(self.random.randint(0, 5))

    async def begin_snapshot(self) -> None:
        self.register.begin_snapshot(is_retry=self.random.random() < 0.5)

    async def end_snapshot(self) -> None:
        self.register.end_snapshot()

    async def lose_home_tail(self) -> None:
        keeps = self.random.random() < 0.8
        self.register.lose_tail(keeps_confirmed=keeps)
        # One forwarder may have sealed what is lost now, and another, who reads behind it and sees no loss, may seal
        # what comes in its place.
        behind = any(one.is_open and one.place < self._sealed_end() for one in self.forwarders)
        self._may_gap = self._may_gap or not keeps or len(self.forwarders) > 1 or behind
        self._read_lost += [one for one in self.forwarders if one.is_open and one.place > self.register.log.end]

    def _sealed_end(self) -> int:
        """Home offset behind all that any forwarder sealed and that reached the lane."""
        headers = [parse(envelope).header for envelope in self.lane.envelopes]
        return max((one.last_offset + 1 for one in headers if one.kind is Kind.RECORDS), default=0)

    async def kill_forwarder(self) -> None:
        if self.forwarders:
            await self.forwarders.pop(self.random.randrange(len(self.forwarders))).kill()
        if self.random.random() < 0.7:
            await self.start_forwarder()

    async def start_forwarder(self) -> None:
        if len(self.forwarders) < 2:
            # It finds its place before what another has in hand of a lost end arrives, and seals what comes in its
            # place: the embassy has those offsets already.
            self._may_gap = self._may_gap or any(one in self._read_lost for one in self.forwarders)
            self.forwarders.append(Forwarder(self.home))

    async def cut_link(self) -> None:
        self.lane.is_cut = True

    async def mend_link(self) -> None:
        self.lane.is_cut = False

    async def lose_lane_tail(self) -> None:
        """The embassy's broker loses what it had acknowledged."""
        kept = self.random.randint(max(0, len(self.lane.envelopes) - 3), len(self.lane.envelopes))
        del self.lane.envelopes[kept:]
        self._may_gap = True

    async def repeat_envelope(self) -> None:
        """Somebody sends a recorded envelope once more."""
        if self.lane.envelopes:
            self.lane.envelopes.append(self.random.choice(self.lane.envelopes[-6:]))

    async def receive(self) -> None:
        self.embassy.step(crashes=self.random.random() < 0.7)


STEPS_BY_NAME = {
    "write": (8, World.write),
    "capture": (10, World.capture),
    "kill_capture": (1, World.kill_capture),
    "replace_capture": (2, World.replace_capture),
    "begin_snapshot": (0.5, World.begin_snapshot),
    "end_snapshot": (1, World.end_snapshot),
    "lose_home_tail": (0.7, World.lose_home_tail),
    "kill_forwarder": (2, World.kill_forwarder),
    "start_forwarder": (2, World.start_forwarder),
    "cut_link": (1, World.cut_link),
    "mend_link": (3, World.mend_link),
    "lose_lane_tail": (0.4, World.lose_lane_tail),
    "repeat_envelope": (1, World.repeat_envelope),
    "receive": (6, World.receive),
}
