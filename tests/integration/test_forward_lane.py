"""The forward worker on two real brokers: the lane, opened, equals the home topic."""

import time

import pytest

from data_embassy import hops
from data_embassy.envelope import LaneOpener, Refused
from data_embassy.keys import load_embassy_keys
from tests.support.forwarding import bench, following, until
from tests.support.sealing import flip


def test_the_lane_holds_the_home_topic_in_order(brokers):
    with bench(brokers) as site:
        register = site.registers[0]
        writer = site.writer(register)
        writer.write_changes(12_000)
        writer.write_snapshot(3, chunks=20)
        writer.write_changes(1, size=3 << 20)
        writer.begin_session(2 << 32 | 9, columns=("id", "name", "born"))
        writer.write_changes(500)
        writer.flush()
        with site.worker():
            until(lambda: site.has_forwarded(register), 60)
        opened, home = site.opened(register), site.home_records(register)
    assert opened.records == home
    assert opened.repeated == 0
    assert [epoch.generation for epoch in opened.epochs] == [None, 3]
    assert [len(schemas) for schemas in opened.schemas] == [1, 1]


def test_a_restarted_worker_restates_the_schemas_and_repeats_nothing(brokers):
    with bench(brokers) as site:
        register = site.registers[0]
        writer = site.writer(register)
        writer.write_changes(100)
        writer.begin_session(2 << 32 | 9, columns=("id", "name", "born"))
        writer.write_changes(100)
        writer.flush()
        with site.worker():
            until(lambda: site.has_forwarded(register), 60)
        writer.write_changes(50)
        writer.flush()
        with site.worker():
            until(lambda: site.has_forwarded(register), 60)
        opened, home = site.opened(register), site.home_records(register)
    assert opened.records == home
    assert opened.repeated == 0
    assert [len(schemas) for schemas in opened.schemas] == [2, 2]
    assert all(len(set(schemas)) == len(schemas) for schemas in opened.schemas)


def test_a_session_that_lacks_a_record_is_carried_and_its_capture_begun_again(brokers):
    """The embassy suspends such a session until its next marker, so home asks Kafka Connect for another one."""
    with bench(brokers) as site:
        register = site.registers[0]
        writer = site.writer(register)
        writer.write_changes(100)
        writer.n += 1
        writer.write_changes(100)
        writer.flush()
        with site.worker():
            until(lambda: site.has_forwarded(register), 60)
            until(lambda: bool(site.connect.restarted), 30)
            writer.begin_session(2 << 32 | 9)
            writer.write_changes(100)
            writer.flush()
            until(lambda: site.has_forwarded(register), 60)
        assert site.opened(register).records == site.home_records(register)
        assert len(site.connect.restarted) == 1


def test_registers_travel_side_by_side(brokers):
    with bench(brokers, registers=3) as site:
        for register in site.registers:
            site.writer(register).write_changes(3_000)
        for register in site.registers:
            site.writer(register).flush()
        with site.worker():
            until(lambda: all(site.has_forwarded(register) for register in site.registers), 60)
        for register in site.registers:
            assert site.opened(register).records == site.home_records(register)


def test_a_register_that_is_new_at_a_restart_is_forwarded(brokers):
    with bench(brokers) as site:
        for _ in range(2):
            register = site.registers[-1]
            writer = site.writer(register)
            writer.write_changes(100)
            writer.flush()
            with site.worker():
                until(lambda: site.has_forwarded(site.registers[-1]), 60)
            site.add_register()


def test_nothing_on_the_lane_can_be_read_or_changed_without_keys(brokers):
    with bench(brokers) as site:
        register = site.registers[0]
        writer = site.writer(register)
        writer.write_changes(200)
        writer.flush()
        with site.worker():
            until(lambda: site.has_forwarded(register), 60)
        lane = site.lane_messages(register)
        body = site.home_records(register)[50][2][12:]
        assert not any(body in envelope for _, _, envelope in lane)
        keys = load_embassy_keys(site.folder / "embassy-keys")
        opener = LaneOpener(lane=site.site.registers[register].lane, keys=keys)
        with pytest.raises(Refused):
            opener.verify(flip(lane[-1][2], -1))


def test_a_single_change_of_an_idle_register_arrives_at_once(brokers):
    with bench(brokers) as site:
        register = site.registers[0]
        writer = site.writer(register)
        writer.write_changes(10)
        writer.flush()
        with site.worker():
            until(lambda: site.has_forwarded(register), 60)
            lane = following(brokers.embassy, site.site.registers[register].lane_topic)
            taken = []
            for _ in range(100):
                at = time.monotonic()
                writer.write_changes(1)
                writer.flush()
                message = lane.poll(10)
                assert message is not None
                value = dict(message.headers() or [])["way"]
                assert isinstance(value, bytes)
                sent = hops.decode_header(value)
                assert sent is not None
                assert sent.captured_first <= sent.captured_last <= sent.collected <= sent.sealed
                taken.append(time.monotonic() - at)
            lane.close()
    taken.sort()
    print(f"idle latency: p50 {taken[49] * 1000:.1f} ms, p99 {taken[98] * 1000:.1f} ms")  # noqa: T201
    assert taken[49] < 0.5
