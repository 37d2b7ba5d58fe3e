"""Faults of the forwarder's world, one by one: whatever happens, the lane opens to the home topic."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from tests.support.beside import beside
from tests.support.forwarding import (
    Bench,
    bench,
    delete_topic,
    end_of,
    make_topics,
    resident_mb,
    until,
)

WORKER_START_SECONDS = 60
TAKEOVER_SECONDS = 10
WATCHDOG_SECONDS = 30
EXIT_STALLED = 70
NOTICED_SECONDS = 10
BACKLOG_RECORDS, BACKLOG_BYTES = 100_000, 200_000_000
HELD_MB = 150
STILL_LOOKS = 4


@contextmanager
def steady_writing(site: Bench, register: str, *, rate: int = 2000) -> Iterator[None]:
    """Changes arrive all the time."""

    def write(ended: threading.Event) -> None:
        while not ended.wait(0.05):
            site.write(register, rate // 20)

    with beside(write):
        yield


def settled(site: Bench, register: str, *, seconds: float = 60) -> None:
    """Wait until all is forwarded, and check it."""
    until(lambda: site.has_forwarded(register), seconds)
    assert site.opened(register).records == site.home_records(register)


def moved(site: Bench, register: str) -> Callable[[], bool]:
    """True once the lane is longer than now."""
    before = site.lane_end(register)
    return lambda: site.lane_end(register) > before


def largest_mb(pid: int) -> float:
    """Its memory once it grows no more: what it may read, it has read."""
    seen = [resident_mb(pid)]

    def is_still() -> bool:
        seen.append(resident_mb(pid))
        return max(seen) == max(seen[:-STILL_LOOKS], default=0.0)

    until(is_still, 60, every=1.0)
    return max(seen)


def test_worker_killed_five_times_under_load(brokers):
    with bench(brokers) as site:
        register = site.registers[0]
        with steady_writing(site, register):
            for _ in range(5):
                grows = moved(site, register)
                with site.worker() as process:
                    until(grows, WORKER_START_SECONDS)
                    process.kill()
                    process.wait()
        with site.worker():
            settled(site, register)


def test_two_forwarders_at_once(brokers):
    with bench(brokers) as site:
        register = site.registers[0]
        site.write(register, 20_000)
        with site.worker(), site.worker(f"second-{register}"):
            until(lambda: site.log_lines("forwarding") == 2, WORKER_START_SECONDS)
            with steady_writing(site, register):
                until(lambda: site.opened(register).repeated > 1000, 60, every=0.5)
            settled(site, register)
        assert len({header.incarnation for header in site.opened(register).headers}) == 1


def test_frozen_worker_goes_on_beside_its_successor(brokers):
    with bench(brokers) as site:
        register = site.registers[0]
        with steady_writing(site, register), site.worker() as frozen:
            until(lambda: site.log_lines("forwarding") == 1, WORKER_START_SECONDS)
            with site.worker() as successor:
                until(moved(site, register), 60)
                os.kill(frozen.pid, signal.SIGSTOP)
                until(lambda: site.log_lines("forwarding") >= 2, 60)
                until(moved(site, register), 60)
                os.kill(frozen.pid, signal.SIGCONT)
                until(moved(site, register), 60)
                time.sleep(3)  # The time a zombie has before it learns that it was expelled.
                assert successor.poll() is None
                until(moved(site, register), 60)
        with site.worker():
            settled(site, register)


def test_standby_worker_takes_over_in_seconds(brokers):
    with bench(brokers, registers=2) as site:
        with site.worker() as first:
            until(lambda: site.log_lines("forwarding") == 2, WORKER_START_SECONDS)
            with site.worker() as second:
                # Each has one register after the second came.
                until(lambda: site.log_lines("forwarding") == 4, 60)
                first.kill()
                first.wait()
                at = time.monotonic()
                for register in site.registers:
                    site.write(register, 100)
                until(lambda: all(site.has_forwarded(register) for register in site.registers), 30)
                print(f"taken over after {time.monotonic() - at:.1f} s")  # noqa: T201
                assert time.monotonic() - at < TAKEOVER_SECONDS
                assert second.poll() is None
        for register in site.registers:
            assert site.opened(register).records == site.home_records(register)


@pytest.mark.campaign
def test_rebalances_in_a_row(brokers):
    with bench(brokers, registers=2) as site:
        with site.worker() as steady, steady_writing(site, site.registers[0], rate=500):
            until(lambda: site.log_lines("forwarding") == 2, WORKER_START_SECONDS)
            for _ in range(3):
                before = site.log_lines("forwarding")
                with site.worker() as other:
                    until(lambda: site.log_lines("forwarding") >= before + 2, 60)  # noqa: B023
                    other.terminate()
                    other.wait(30)
            assert steady.poll() is None
        with site.worker():
            for register in site.registers:
                settled(site, register)


def test_link_cut_with_a_large_backlog_keeps_memory_bounded(brokers):
    with bench(brokers) as site:
        register = site.registers[0]
        site.write(register, 1000)
        with site.worker() as process:
            until(lambda: site.has_forwarded(register), 60)
            idle = resident_mb(process.pid)
            brokers.link.cut()
            try:
                writer = site.writer(register)
                writer.write_changes(BACKLOG_RECORDS, size=BACKLOG_BYTES // BACKLOG_RECORDS)
                writer.flush()
                held = largest_mb(process.pid)
            finally:
                brokers.link.mend()
            assert process.poll() is None
            settled(site, register, seconds=120)
            print(f"resident: idle {idle:.0f} MB, link cut {held:.0f} MB, at the end {resident_mb(process.pid):.0f} MB")  # noqa: T201
            assert held < idle + HELD_MB


@pytest.mark.campaign
def test_dead_embassy_address_is_waited_for_with_bounded_memory(brokers):
    with bench(brokers, link="127.0.0.1:9") as site:
        register = site.registers[0]
        site.write(register, 200_000)
        with site.worker() as process:
            until(lambda: site.log_lines("unreachable") >= 2, WORKER_START_SECONDS)
            held = resident_mb(process.pid)
            print(f"resident: {held:.0f} MB")  # noqa: T201
            assert held < 300
            assert process.poll() is None
        config = site.folder / "home" / "site.toml"
        config.write_text(config.read_text().replace('"127.0.0.1:9"', f'"{brokers.linked}"'))
        with site.worker():
            settled(site, register, seconds=120)


@pytest.mark.campaign
def test_home_broker_frozen_for_a_while(brokers):
    with bench(brokers) as site:
        register = site.registers[0]
        site.write(register, 1000)
        with site.worker():
            until(lambda: site.has_forwarded(register), 60)
            os.kill(brokers.home_pid, signal.SIGSTOP)
            time.sleep(20)
            os.kill(brokers.home_pid, signal.SIGCONT)
            site.write(register, 1000)
            until(lambda: site.has_forwarded(register) or site.log_lines("worker_stalled") > 0, 60)
        with site.worker():
            settled(site, register)


def test_home_topic_made_anew_begins_a_new_incarnation(brokers):
    """It ends before the lane's tail, and beyond it."""
    with bench(brokers, registers=2) as site:
        for register in site.registers:
            site.write(register, 5000)
        with site.worker():
            until(lambda: all(site.has_forwarded(register) for register in site.registers), 60)
            for register in site.registers:
                delete_topic(brokers.home, site.site.registers[register].changes_topic)
            make_topics(brokers, site.site)
            for register, written in zip(site.registers, (3_000, 15_000), strict=True):
                site.writer(register).begin_session(2 << 32 | 1)
                site.write(register, written)
            for register in site.registers:
                until(lambda: (h := site.newest_header(register)) is not None and h.incarnation > 1, 90)  # noqa: B023
                until(lambda: site.has_forwarded(register), 60)  # noqa: B023
        for register in site.registers:
            assert site.opened(register).records == site.home_records(register)
            assert any(f"capture.{register}" in path for path in site.connect.restarted)
            assert not site.stop_file(register).exists()


@pytest.mark.campaign
def test_home_topic_that_grew_past_the_old_end_is_noticed(brokers):
    with bench(brokers) as site:
        register = site.registers[0]
        site.write(register, 1000)
        with site.worker():
            until(lambda: site.has_forwarded(register), 60)
        delete_topic(brokers.home, site.site.registers[register].changes_topic)
        make_topics(brokers, site.site)
        site.writer(register).begin_session(2 << 32 | 1)
        site.write(register, 3000)
        with site.worker():
            until(lambda: (h := site.newest_header(register)) is not None and h.incarnation > 1, 90)
            settled(site, register)


@pytest.mark.clears("HomeTopicMissing")
def test_a_deleted_home_topic_stops_its_register_until_it_is_there_again(brokers):
    with bench(brokers, registers=2) as site:
        deleted, other = site.registers
        for register in site.registers:
            site.write(register, 1000)
        with site.worker() as process:
            until(lambda: all(site.has_forwarded(register) for register in site.registers), 60)
            delete_topic(brokers.home, site.site.registers[deleted].changes_topic)
            until(site.stop_file(deleted).exists, NOTICED_SECONDS)
            stop = json.loads(site.stop_file(deleted).read_text())
            site.write(other, 1000)
            settled(site, other)
            make_topics(brokers, site.site)
            site.writer(deleted).begin_session(2 << 32 | 1)
            site.write(deleted, 100)
            until(lambda: (h := site.newest_header(deleted)) is not None and h.incarnation > 1, 90)
            settled(site, deleted)
            assert not site.stop_file(deleted).exists()
            assert process.poll() is None
    assert stop["cause"] == "HomeTopicMissing"
    assert f"embassy connector apply {deleted}" in stop["remedy"]


def test_a_worker_that_stops_reading_without_an_error_is_ended(brokers, tmp_path, monkeypatch):
    monkeypatch.setenv("FORWARD_STALLS", str(tmp_path / "stalls"))
    with bench(brokers) as site:
        register = site.registers[0]
        with site.worker() as process:
            site.write(register, 1000)
            until(lambda: site.has_forwarded(register), 60)
            (tmp_path / "stalls").touch()
            time.sleep(1)  # The fetch that was on its way.
            site.write(register, 1000)
            assert process.wait(WATCHDOG_SECONDS) == EXIT_STALLED
        (tmp_path / "stalls").unlink()
        assert site.log_lines("worker_stalled") == 1
        with site.worker():
            settled(site, register)


@pytest.mark.clears("HomeGap")
def test_records_trimmed_before_they_were_sealed_stop_that_register_alone(brokers):
    with bench(brokers, registers=2) as site:
        trimmed, other = site.registers
        for register in site.registers:
            site.write(register, 1000)
        with site.worker():
            until(lambda: all(site.has_forwarded(register) for register in site.registers), 60)
        site.write(trimmed, 1000)
        topic = site.site.registers[trimmed].changes_topic
        before = end_of(brokers.home, topic) - 10
        admin = AdminClient({"bootstrap.servers": brokers.home})
        for future in admin.delete_records([TopicPartition(topic, 0, before)]).values():
            future.result(30)
        with site.worker() as process:
            until(site.stop_file(trimmed).exists, WORKER_START_SECONDS)
            site.write(other, 1000)
            settled(site, other)
            assert process.poll() is None
            stop = json.loads(site.stop_file(trimmed).read_text())
            site.stop_file(trimmed).unlink()
            until(site.stop_file(trimmed).exists, 30)
            # A new generation begins behind the gap.
            site.writer(trimmed).write_snapshot(2, chunks=5)
            site.write(trimmed, 10)
            site.stop_file(trimmed).unlink()
            until(lambda: site.has_forwarded(trimmed), 60)
        headers = [(header.incarnation > 1, header.first_offset) for header in site.headers(trimmed)]
        assert (True, before + 10) in headers
    assert stop["cause"] == "HomeGap"
    assert "register snapshot" in stop["remedy"]


def test_worker_ends_cleanly_when_asked(brokers):
    with bench(brokers) as site:
        register = site.registers[0]
        with steady_writing(site, register), site.worker() as process:
            until(lambda: site.log_lines("forwarding") == 1, WORKER_START_SECONDS)
            until(moved(site, register), 30)
            process.terminate()
            assert process.wait(20) == 0
        with site.worker():
            settled(site, register)
