"""The forwarder is killed before and after it hands an envelope over and hears of it, and goes on from the lane."""

from __future__ import annotations

import signal

import pytest

from tests.fault.test_forward_faults import WORKER_START_SECONDS, settled, steady_writing
from tests.support.forwarding import bench

POINTS = [
    pytest.param("before_produce:3", marks=pytest.mark.campaign),
    pytest.param("after_produce:3", marks=pytest.mark.campaign),
    "before_ack:3",
    pytest.param("after_ack:3", marks=pytest.mark.campaign),
]


@pytest.mark.parametrize("point", POINTS)
def test_killed_forwarder_goes_on_and_the_lane_is_whole(brokers, monkeypatch, point):
    with bench(brokers) as site:
        register = site.registers[0]
        with steady_writing(site, register):
            monkeypatch.setenv("EMBASSY_FAILPOINT", point)
            with site.worker() as victim:
                assert victim.wait(WORKER_START_SECONDS) == -signal.SIGKILL
            monkeypatch.delenv("EMBASSY_FAILPOINT")
        with site.worker():
            settled(site, register)
