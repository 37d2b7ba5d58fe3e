"""Everything dies in turn under load, the link is cut, all stops and starts again: nothing done by hand, equal."""

from __future__ import annotations

import os
import time

import pytest

from deploy.local.processes import CONNECT, ROLES, SERVICES
from tests.support.scenario import Registers

CUT_SECONDS = 6.0
VICTIMS: tuple[str, ...] = (CONNECT, "home-kafka", "embassy-kafka", "home-postgres", "link", "pulse")
if os.environ.get("EMBASSY_CAMPAIGN"):  # Elsewhere tests/scenarios/test_ten_registers.py kills these three under load.
    VICTIMS += ("forward", "receive", "embassy-postgres")


class Before:
    """How it was: to see that no register stopped, not even for a moment, and that none was begun anew."""

    def __init__(self, registers: Registers) -> None:
        self.registers = registers
        self.stops = len(registers.stops_ever())
        self.generations = self._generations()

    def assert_nothing_was_done(self) -> None:
        assert self.registers.stops_ever()[self.stops :] == []
        assert self._generations() == self.generations

    def _generations(self) -> dict[str, int | None]:
        return {name: one.generation for name, one in self.registers.status().items()}


def test_everything_killed_in_turn_under_load_comes_back_and_both_are_equal(registers: Registers):
    system = registers.system
    before = Before(registers)
    with registers.writers() as writers:
        for victim in VICTIMS:
            writers.wait_done(5)
            system.kill(victim)
            system.wait_running(victim, seconds=300)
            writers.wait_done(5)
            registers.wait_arrived()
        system.link.cut()
        try:
            time.sleep(CUT_SECONDS)  # The fault itself has a length.
            assert all((registers.lag(name) or 0) > CUT_SECONDS - 2 for name in registers.names)
        finally:
            system.link.mend()
        registers.wait_arrived()
    registers.assert_equal()
    before.assert_nothing_was_done()


@pytest.mark.parametrize(
    "is_gentle",
    [pytest.param(True, id="stopped", marks=pytest.mark.campaign), pytest.param(False, id="all killed at once")],
)
def test_all_stopped_under_load_and_started_later_both_are_equal(registers: Registers, is_gentle):
    system = registers.system
    before = Before(registers)
    with registers.writers() as writers:
        writers.wait_done(20)
        if is_gentle:
            system.down(keep_data=True)
            system.up()
        else:
            for victim in (*SERVICES, CONNECT, *ROLES):
                system.kill(victim)
            system.wait_running(seconds=300)
        writers.wait_done(20)
        registers.wait_arrived()
    registers.assert_equal()
    before.assert_nothing_was_done()
