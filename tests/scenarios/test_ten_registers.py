"""The ten registers of a state at once: all stream under their workloads, and no standby ever shows a broken rule."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from deploy.local.auditor import Auditor, auditing, held
from deploy.registers.workload import Workload
from tests.support.scenario import Registers, wait_for
from tests.support.ten_registers import NAMES, at_work, onboard, verify

SCALE = 0.005
RATE = 3.0
EVALUATIONS = 2_000
MOVES = 2
"""Commits at which every standby is looked at, and transactions in every register, before and after each fault."""
KILLED = ("receive", "embassy-postgres", "forward")
RENEWED = "land"


def wait_seen(auditors: Mapping[str, Auditor]) -> None:
    """Until every check was evaluated at some more commits of every register."""
    before = {name: audit.positions for name, audit in held(auditors).items()}
    wait_for(
        lambda: all(audit.positions >= before[name] + MOVES for name, audit in held(auditors).items()),
        lambda: f"not seen at more commits than {before}: {held(auditors)}",
    )


def wait_done(works: Mapping[str, Workload]) -> None:
    """Until people have done more, all of them together."""
    goal = sum(work.counters().transactions for work in works.values()) + MOVES * len(works)
    wait_for(lambda: sum(work.counters().transactions for work in works.values()) >= goal, "nobody works")


def renew(registers: Registers, auditor: Auditor) -> None:
    """A newer generation takes over under the auditor's eyes."""
    before = auditor.audit().generation or 0
    registers.command("home", "register", "snapshot", RENEWED)
    wait_for(lambda: (auditor.audit().generation or 0) > before, "no newer generation is seen")


@pytest.mark.crowded
@pytest.mark.usefixtures("registers")  # One of those is among the ten: it is not made twice.
def test_no_invariant_of_any_register_is_broken_at_its_standby_whatever_dies(system):
    registers = onboard(system, dict.fromkeys(NAMES, SCALE))
    with auditing(system, *NAMES) as auditors:
        with at_work(registers, seed=1, rates=dict.fromkeys(NAMES, RATE)) as works:
            for name in KILLED:
                wait_seen(auditors)
                system.kill(name)
            wait_seen(auditors)
            renew(registers, auditors[RENEWED])
            system.link.cut()
            try:
                wait_done(works)
            finally:
                system.link.mend()
            wait_seen(auditors)
            wait_for(
                lambda: sum(audit.evaluations for audit in held(auditors).values()) >= EVALUATIONS,
                lambda: f"too few evaluations: {held(auditors)}",
            )
        assert all(verify(registers).values())
        found = held(auditors)
    assert sum(audit.evaluations for audit in found.values()) >= EVALUATIONS
    assert registers.stops() == {}
