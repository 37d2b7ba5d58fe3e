"""A disk is full under load, at either site: nothing is acknowledged that is not written; with space all goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support.bulk_work import Bulk, create
from tests.support.scenario import POPULATION, Registers, wait_for
from tests.support.small_disks import SIZES_MB, blow_up, can_be_mounted, full, small_disks
from tests.support.system import local_system

FULL_SECONDS = 10.0
SIGN = b"No space left on device"

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.skipif(not can_be_mounted(), reason="needs root: the disks are mounted"),
]


@pytest.fixture(scope="module")
def cramped() -> Iterator[Registers]:
    """Two registers on a system of their own whose services have small disks."""
    with local_system(disks=small_disks) as system:
        registers = Registers.make(system)
        create(system.database_dsn(POPULATION))
        yield registers


@pytest.mark.parametrize("name", SIZES_MB)
def test_a_full_disk_is_waited_for_and_nothing_is_lost(cramped: Registers, name: str):
    system = cramped.system
    log = system.log_file(name)
    read = len(log.read_bytes())
    with cramped.writers() as writers, Bulk(system.database_dsn(POPULATION), seed=1):
        writers.wait_done(5)
        with full(system.layout, name):

            def is_felt() -> bool:
                blow_up(system.layout, name)
                return SIGN in log.read_bytes()[read:]

            wait_for(is_felt, f"{name} feels its full disk")
            until = time.monotonic() + FULL_SECONDS
            while time.monotonic() < until:  # The fault itself has a length.
                blow_up(system.layout, name)
                time.sleep(0.2)
        over = time.time()
        cramped.wait_arrived(over)
        print(f"{name}: level {time.time() - over:.1f} s after its disk had space again; stops {cramped.stops()}")  # noqa: T201
        system.wait_running()
        writers.wait_done(5)
    cramped.assert_equal()
