"""A lost slot on the whole system: only what differs goes over the lane, whoever dies meanwhile; every row is equal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from psycopg import sql

from data_embassy.config import load_site
from data_embassy.kafka import client_settings
from deploy.local.apart import enter_command
from deploy.local.compare import contents
from deploy.local.processes import embassy_script
from deploy.local.system import LocalSystem
from tests.support.beside import beside
from tests.support.scenario import Registers, wait_for

pytestmark = pytest.mark.campaign
NAME = "parcels"
ROWS = 100_000
TABLES = f"""
CREATE TABLE parcel (id bigint PRIMARY KEY, owner text, area numeric, note text, at timestamptz);
INSERT INTO parcel SELECT n, md5(n::text), n / 7.0, repeat(md5((n * 7)::text), 3),
    '2026-01-01'::timestamptz + n * interval '1 s' FROM generate_series(1, {ROWS}) n;
CREATE TABLE log (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text);
CREATE TABLE tally (kind text, n integer);
INSERT INTO tally SELECT 'k' || n % 3, n FROM generate_series(1, 1000) n;
CREATE TABLE scratch (id integer PRIMARY KEY);
INSERT INTO scratch SELECT generate_series(1, 1000);
"""
ONE_IN_A_HUNDRED = """
UPDATE parcel SET note = 'sold' WHERE id % 200 = 0 AND id % 400 <> 0;
DELETE FROM parcel WHERE id % 400 = 0;
UPDATE parcel SET owner = 'new' WHERE id BETWEEN 80001 AND 80250;
INSERT INTO parcel SELECT n, 'new', 1, NULL, NULL FROM generate_series(600001, 600250) n;
UPDATE parcel SET id = -id WHERE id IN (7, 8, 9);
TRUNCATE scratch;
"""


class Cadastre:
    """A register of a hundred thousand rows, its slot, and what its lane holds."""

    def __init__(self, registers: Registers) -> None:
        self.registers, self.system = registers, registers.system

    @property
    def home(self) -> str:
        return self.system.database_dsn(NAME)

    def make(self) -> None:
        with psycopg.connect(self.system.env()["home_postgres"], autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
        self.run(TABLES)
        self.system.add_register(NAME)
        self.registers.wait_level(NAME)

    def run(self, script: str) -> None:
        with psycopg.connect(self.home) as connection:
            connection.execute(script.encode())

    def lose_slot(self) -> None:
        slot = f"data_embassy_{NAME}"

        def is_dropped() -> bool:
            with psycopg.connect(self.home, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s AND active",
                    (slot,),
                )
                try:
                    connection.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
                except psycopg.errors.ObjectInUse:
                    return False
                return True

        wait_for(is_dropped, "the slot is in use")

    def lane_bytes(self, *topics: str) -> int:
        """Size of all messages on the lane and its receipts."""
        site = load_site(self.system.layout.site("embassy"))
        register = site.register(NAME)
        total = 0
        for topic in topics or (register.lane_topic,):
            settings = {"group.id": "x", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
            with closing(Consumer(client_settings(site.kafka) | settings)) as consumer:
                low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)
                consumer.assign([TopicPartition(topic, 0, low)])
                at = low
                while at < high:
                    for message in consumer.consume(500, 5):
                        assert message.error() is None
                        at, total = (message.offset() or 0) + 1, total + len(message.value() or b"")
        return total

    @property
    def receipts(self) -> str:
        return load_site(self.system.layout.site("embassy")).register(NAME).receipts_topic

    def heal(self, *, failpoint: str = "") -> subprocess.CompletedProcess[str]:
        layout = self.system.layout
        command = [
            *enter_command(layout, "home"), str(embassy_script()), "--site", str(layout.site("home")),
            "register", "snapshot", NAME, "--differing", "--json",
        ]  # fmt: skip
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=600,
            env=os.environ | {"EMBASSY_FAILPOINT": failpoint},
        )  # fmt: skip

    def generation(self) -> int | None:
        return self.registers.status()[NAME].generation

    def assert_equal(self) -> None:
        found = self.registers.compare(NAME)
        assert found.equal, found.differences

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Somebody writes all the time, slot or none."""

        def write(ended: threading.Event) -> None:
            with psycopg.connect(self.home, autocommit=True) as connection:
                while not ended.wait(0.02):
                    connection.execute("INSERT INTO log (text) VALUES (md5(random()::text))")
                    connection.execute("UPDATE tally SET n = n + 1 WHERE n % 100 = 3")

        with beside(write):
            yield


@pytest.fixture
def cadastre(system: LocalSystem) -> Cadastre:
    one = Cadastre(Registers(system, names=(NAME,)))
    one.make()
    return one


def taken_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_lost_slot_is_healed_under_writers(cadastre: Cadastre, record_property):
    full = cadastre.lane_bytes()
    with cadastre.writing():
        cadastre.lose_slot()
        cadastre.run(ONE_IN_A_HUNDRED)
        before, answers = cadastre.lane_bytes(), cadastre.lane_bytes(cadastre.receipts)
        taken = taken_of(cadastre.heal())
        sent, heard = cadastre.lane_bytes() - before, cadastre.lane_bytes(cadastre.receipts) - answers
        wait_for(lambda: cadastre.generation() == 2, "generation 2 is not live")
    for name, number in {"full": full, "sent": sent, "heard": heard, "seconds": taken["seconds"]}.items():
        record_property(name, number)
    print(f"\nfull {full}, sent {sent}, heard {heard}, {taken}")  # noqa: T201 (the figures of the report)
    cadastre.assert_equal()
    assert sent < full / 5

    # A second healing rests on the first; the receiver dies while it puts it together.
    with cadastre.writing():
        cadastre.lose_slot()
        cadastre.run("UPDATE parcel SET owner = 'again' WHERE id BETWEEN 1000 AND 1100")
        # Home dies while it compares, then while it sends: each time the next run begins a new attempt.
        for failpoint in ("after-base", "kept"):
            assert cadastre.heal(failpoint=failpoint).returncode in (-signal.SIGKILL, 137)
        killing = threading.Thread(target=lambda: kill_receiver_while_loading(cadastre))
        killing.start()
        taken_of(cadastre.heal())
        killing.join()
        wait_for(lambda: cadastre.generation() == 3, "generation 3 is not live")
    cadastre.assert_equal()

    # Home dark for this register: the lane alone gives the same, over both healings.
    cadastre.registers.command("home", "register", "pause", NAME)
    now = contents(cadastre.registers.standby_dsn(NAME))
    rebuilt = json.loads(cadastre.registers.command("embassy", "register", "replay", NAME, "--json"))
    assert (rebuilt["generation"], rebuilt["is_live"]) == (3, True)
    assert contents(cadastre.registers.standby_dsn(NAME)) == now


def kill_receiver_while_loading(cadastre: Cadastre) -> None:
    """Killed as soon as the third generation has a database, and once more."""
    for _ in range(2):
        wait_for(lambda: has_database(cadastre, f"{NAME}_g3") or cadastre.generation() == 3, "no third generation")
        cadastre.system.kill("receive")
        cadastre.system.wait_running("receive")


def has_database(cadastre: Cadastre, name: str) -> bool:
    with psycopg.connect(cadastre.system.env()["embassy_postgres"]) as connection:
        return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is not None
