"""A running forwarder takes up, pauses and drops registers while others stream; every lane stays exact."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data_embassy.config import load_site, pause, unpause
from tests.support.forwarding import Bench, bench, until

PICK_UP_SECONDS = 10.0
HOLD_UP_SECONDS_MAX = 5.0


class Stream:
    """Writes into a register and notes how long its lane stood still at most."""

    def __init__(self, site: Bench, register: str) -> None:
        self._site, self.register = site, register
        self.longest = 0.0
        self._end = threading.Event()

    def run(self) -> None:
        moved, end = time.monotonic(), self._site.lane_end(self.register)
        while not self._end.is_set():
            self._site.write(self.register, 5)
            now = self._site.lane_end(self.register)
            if now != end:
                self.longest = max(self.longest, time.monotonic() - moved)
                moved, end = time.monotonic(), now
            self._end.wait(0.05)
        self.longest = max(self.longest, time.monotonic() - moved)

    @contextmanager
    def writing(self) -> Iterator[Stream]:
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield self
        finally:
            self._end.set()
            thread.join()


def assert_exact(site: Bench, register: str) -> None:
    until(lambda: site.has_forwarded(register), 30)
    assert site.opened(register).records == site.home_records(register)


def contract_of(site: Bench, register: str) -> Path:
    return site.folder / "home" / "registers" / f"{register}.toml"


def opened_count(site: Bench, register: str) -> int:
    lines = site.worker_log.read_text().splitlines()
    return sum("event='forwarding'" in line and f"register='{register}'" in line for line in lines)


EXCLUDED = """
[[excluded]]
table = "public.*"
reason = "it may not leave the country"
promotion = "it is missing"
"""


@pytest.mark.clears("ExcludedRows")
def test_rows_that_by_contract_stay_at_home_are_not_sealed(brokers):
    with bench(brokers) as site, site.worker() as process:
        (register,) = site.registers
        site.write(register, 10)
        until(lambda: site.has_forwarded(register), 60)
        contract = contract_of(site, register)
        before, sealed = contract.read_text(), site.lane_end(register)
        contract.write_text(before + EXCLUDED)
        until(lambda: opened_count(site, register) == 2, PICK_UP_SECONDS)
        site.writer(register).begin_session(1 << 32 | 2)
        site.write(register, 10)
        until(site.stop_file(register).exists, PICK_UP_SECONDS)
        stop = json.loads(site.stop_file(register).read_text())
        assert (stop["cause"], site.lane_end(register)) == ("ExcludedRows", sealed)
        assert "person" not in json.dumps(stop) + site.worker_log.read_text()

        contract.write_text(before)
        site.stop_file(register).unlink(missing_ok=True)
        assert_exact(site, register)
        assert process.poll() is None


@pytest.mark.parametrize("has_standby", [False, pytest.param(True, marks=pytest.mark.campaign)])
def test_a_register_comes_pauses_and_goes_while_another_streams(brokers, has_standby):
    with bench(brokers) as site, site.worker() as process:
        (first,) = site.registers
        site.write(first, 10)
        until(lambda: site.has_forwarded(first), 60)
        if has_standby:
            with site.worker() as second:
                come_pause_and_go(site, first)
                assert second.poll() is None
        else:
            come_pause_and_go(site, first)
            assert opened_count(site, first) == 1, "its session lived on"
        assert process.poll() is None


def come_pause_and_go(site: Bench, first: str) -> None:
    home = load_site(site.folder / "home")
    with Stream(site, first).writing() as stream:
        second = site.add_register()
        site.write(second, 50)
        until(lambda: site.has_forwarded(second), PICK_UP_SECONDS)

        pause(home, second, at="2026-01-01T00:00:00+00:00", reason=None)
        until(lambda: site.log_lines("register_paused") >= 1, 5)
        held = site.lane_end(second)
        site.write(second, 50)
        time.sleep(1.0)
        assert site.lane_end(second) == held
        unpause(home, second)
        until(lambda: site.has_forwarded(second), PICK_UP_SECONDS)

        contract_of(site, second).write_text("lane = 5")
        until(lambda: site.log_lines("contract_unusable") >= 1, 5)
        contract_of(site, second).unlink()
        until(lambda: site.log_lines("register_removed") >= 1, PICK_UP_SECONDS)
        site.write(first, 10)
    assert_exact(site, first)
    assert_exact(site, second)
    assert stream.longest < HOLD_UP_SECONDS_MAX
