"""Beside the way of a change, on real brokers: receipts come home, metrics are served, home topics are trimmed."""

import time
import types
from typing import Any

import pytest
import requests
from confluent_kafka import Producer

from data_embassy.envelope import encode_payload, sign_receipt
from data_embassy.envelope.codec import compress
from data_embassy.keys import load_embassy_keys, load_home_keys
from deploy.local.machine import LOOPBACK, free_ports
from pipelines.caretaker import Caretaker
from pipelines.logs import LogReader
from pipelines.receipts import ReceiptFollower
from pipelines.session import State
from pipelines.weighing import Weigher
from tests.support.forwarding import Bench, bench, until


def send_receipt(site: Bench, register: str, home_offset: int) -> None:
    known = site.site.registers[register]
    now = int(time.time() * 1_000_000)
    fields = {
        "generation": 1, "incarnation": 1, "commit_lsn": 5, "home_offset": home_offset, "lane_offset": 1,
        "source_committed_at": now, "applied_at": now, "pulse_at": now - 2_000_000,
    }  # fmt: skip
    keys = load_embassy_keys(site.folder / "embassy-keys")
    producer = Producer({"bootstrap.servers": site.brokers.embassy})
    producer.produce(known.receipts_topic, sign_receipt(keys, encode_payload(known.lane, fields)), partition=0)
    assert producer.flush(30) == 0


def value_of(port: int, metric: str, register: str) -> float | None:
    try:
        text = requests.get(f"http://{LOOPBACK}:{port}/metrics", timeout=5).text
    except requests.ConnectionError:
        return None
    lines = [line for line in text.splitlines() if line.startswith(metric) and f'register="{register}"' in line]
    return float(lines[0].rsplit(" ", 1)[1]) if lines else None


def test_what_a_worker_does_is_measured(brokers):
    with bench(brokers) as site:
        register = site.registers[0]
        (port,) = free_ports(1)
        config = site.folder / "home" / "site.toml"
        config.write_text(config.read_text() + f"[metrics]\nforward = {port}\n")
        site.write(register, 998)
        with site.worker():
            until(lambda: value_of(port, "embassy_forward_records_total", register) == 1000, 60)
            assert value_of(port, "embassy_forward_home_offset", register) == 999
            assert value_of(port, "embassy_forward_epochs_total", register) == 1
            until(lambda: value_of(port, "embassy_forward_backlog_records", register) == 0, 30)
            send_receipt(site, register, 700)
            until(lambda: value_of(port, "embassy_receipt_home_offset", register) == 700, 30)
            assert value_of(port, "embassy_receipt_lag_seconds", register) == 2


def test_what_waits_is_weighed_at_homes_broker(brokers):
    with bench(brokers) as site:
        register = site.registers[0]
        site.writer(register).write_changes(2_000, size=8_000)
        site.writer(register).write_changes(2_000, size=80)
        site.writer(register).flush()
        known = site.site.registers[register]
        weigher = Weigher(lambda _: LogReader({"bootstrap.servers": brokers.home}, known.changes_topic))
        offsets = range(2, 4_002)
        weigher.look(0, {register: offsets})
        values = [value for _, _, value in site.home_records(register)[offsets[0] : offsets[-1] + 1]]
        assert weigher.weights[register].waiting == pytest.approx(len(compress(b"".join(values))) / 4_000, rel=0.3)
        assert weigher.weights[register].newest < 100


@pytest.mark.parametrize(("kept_from", "first_kept"), [(900, 701), (600, 600)])
def test_home_is_trimmed_behind_receipts_and_the_last_envelopes(brokers, kept_from, first_kept):
    with bench(brokers) as site:
        register = site.registers[0]
        site.write(register, 998)
        send_receipt(site, register, 700)
        flight = types.SimpleNamespace(kept_from=kept_from)
        session = types.SimpleNamespace(state=State.OPEN, incarnation=1, flight=flight)
        forwarder: Any = types.SimpleNamespace(sessions=lambda: {register: session})
        keys = load_home_keys(site.site.keys)
        caretaker = Caretaker(site.site, keys, forwarder, lambda: False)
        known = site.site.registers[register]
        with LogReader({"bootstrap.servers": brokers.linked}, known.receipts_topic) as topic:
            follower = ReceiptFollower(known, keys, topic)
            caretaker.trim(known, follower)  # The receipt is not a day old.
            assert site.home_records(register)[0][0] == 0
            caretaker.trim(known, follower, behind_seconds=-60)
        assert site.home_records(register)[0][0] == first_kept
