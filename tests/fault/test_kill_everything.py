"""Everything dies in turn under load, the link is cut, all stops and starts again: nothing done by hand, equal."""

from __future__ import annotations

import time

import pytest

from deploy.local.processes import CONNECT, ROLES, SERVICES
from tests.support.scenario import Registers

LEVEL_SECONDS = 5.0
CUT_SECONDS = 6.0
VICTIMS = (CONNECT, "home-kafka", "embassy-kafka", "forward", "receive", "home-postgres", "embassy-postgres", "link")


def test_everything_killed_in_turn_under_load_comes_back_and_both_are_equal(registers: Registers):
    system = registers.system
    with registers.writers() as writers:
        for victim in VICTIMS:
            writers.wait_done(5)
            system.kill(victim)
            system.wait_running(victim, seconds=300)
            writers.wait_done(5)
            registers.wait_level(lag=LEVEL_SECONDS)
        system.link.cut()
        try:
            time.sleep(CUT_SECONDS)  # The fault itself has a length.
            assert all((registers.lag(name) or 0) > CUT_SECONDS - 2 for name in registers.names)
        finally:
            system.link.mend()
        registers.wait_level(lag=LEVEL_SECONDS)
    registers.assert_equal()


@pytest.mark.parametrize("is_gentle", [True, False], ids=["stopped", "all killed at once"])
def test_all_stopped_under_load_and_started_later_both_are_equal(registers: Registers, is_gentle):
    system = registers.system
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
        registers.wait_level(lag=LEVEL_SECONDS)
    registers.assert_equal()
