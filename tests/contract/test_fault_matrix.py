"""The report of faults names only tests that there are."""

from __future__ import annotations

import pytest

from bench.fault_matrix import ROWS
from bench.faults import KINDS, schedule
from deploy.local.machine import checkout

NAMED = sorted({one for row in ROWS for one in row.covered if not one.startswith("`")})


@pytest.mark.parametrize("test", NAMED)
def test_every_test_that_the_matrix_names_exists(test: str):
    file, _, name = test.partition("::")
    assert f"def {name}(" in (checkout() / "tests" / file).read_text(encoding="utf-8")


def test_a_seed_gives_the_same_schedule_and_a_round_has_every_kind():
    one_round = sum(weight for weight, _ in KINDS.values())
    assert schedule(7, 3 * one_round) == schedule(7, 3 * one_round) != schedule(8, 3 * one_round)
    assert set(schedule(7, one_round)) == set(KINDS)
