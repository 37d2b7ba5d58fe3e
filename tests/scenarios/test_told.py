"""Faults of a whole system: within stated times both sites' pages, metrics and alerts say so, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.told import measure, watched
from bench.told_faults import FAULTS, Fault
from bench.told_watch import Watch
from tests.support.monitored import alertmanager_there, prometheus_there
from tests.support.scenario import Registers

pytestmark = [pytest.mark.campaign, prometheus_there, alertmanager_there]


@pytest.fixture(scope="module")
def whole() -> Iterator[tuple[Registers, Watch]]:
    with watched() as found:
        yield found


@pytest.mark.clears(
    "CaptureStopped",
    "ConnectDown",
    "EmbassyBrokerDown",
    "HomeBrokerDown",
    "LinkDown",
    "PulseDown",
    "RetentionNearLoss",
    "SlotNearLoss",
)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_fault_is_told_by_its_name_and_no_other(whole: tuple[Registers, Watch], fault: Fault) -> None:
    outcome = measure(fault, *whole)
    assert outcome.failures == [], outcome
