"""The full sizes, each on a system of its own; `python -m bench.sizes` prints their figures."""

from __future__ import annotations

from typing import Any

import pytest

from bench.sizes import SCENARIOS
from tests.support.sizes import FORWARD_MB_MAX, RECEIVE_MB_MAX
from tests.support.system import local_system

LARGEST_VALUE_MB_MAX = 600
"""A value of 60 MB stands in a process several times: as it came, opened, as text, as a parameter."""
IDLE_LAG_SECONDS_MAX = 2.0

pytestmark = pytest.mark.campaign


def measure(scenario: str) -> dict[str, Any]:
    """Run it; it compares every row itself."""
    with local_system() as system:
        return SCENARIOS[scenario](system)


@pytest.mark.parametrize("scenario", ["transaction", "huge", "wide", "backlog", "tables"])
def test_many_rows_and_many_tables_pass_in_bounded_memory(scenario):
    found = measure(scenario)
    parts = [found, *(part for part in found.values() if isinstance(part, dict))]
    for name, most in (("receive", RECEIVE_MB_MAX), ("forward", FORWARD_MB_MAX)):
        peaks = [part[name]["peak_mb"] for part in parts if isinstance(part.get(name), dict)]
        assert peaks
        assert max(peaks) < most, found


def test_the_largest_values_pass():
    found = measure("values")
    for what, part in found.items():
        if isinstance(part, dict):
            assert part["receive"]["peak_mb"] < LARGEST_VALUE_MB_MAX, what
            assert part["forward"]["peak_mb"] < LARGEST_VALUE_MB_MAX, what


def test_twenty_registers_are_level_while_idle_and_after_work():
    assert measure("registers")["idle minute"]["worst_lag_seconds"] < IDLE_LAG_SECONDS_MAX


def test_an_idle_register_is_never_far_behind():
    assert measure("idle")["worst"] < IDLE_LAG_SECONDS_MAX
