"""When people work in a register that is idle for long."""

import pytest

from deploy.registers.catalogue import REGISTERS
from deploy.registers.workload import Spells

SPELLS = Spells(busy_seconds=5.0, idle_seconds=85.0)


def test_work_goes_on_within_a_spell():
    assert [SPELLS.next(seconds) for seconds in (0.0, 4.9, 92.5)] == pytest.approx([0.0, 4.9, 92.5])


def test_what_falls_into_a_rest_waits_for_the_next_spell():
    assert [SPELLS.next(seconds) for seconds in (5.0, 89.9, 95.0)] == pytest.approx([90.0, 90.0, 180.0])


def test_the_gazette_is_idle_most_of_the_time():
    spells = REGISTERS["gazette"].spells
    assert spells is not None
    assert spells.idle_seconds > 10 * spells.busy_seconds
