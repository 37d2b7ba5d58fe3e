"""A local system of its own, without our processes: started, looked at, hurt, stopped. The order of tests is free."""

import json
import os
import signal
import socket
import stat
from collections.abc import Iterator
from dataclasses import astuple
from functools import partial
from pathlib import Path

import psycopg
import pytest
import requests
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from data_embassy.config import load_site
from data_embassy.kafka import ENVELOPE_BYTES_MAX, Settings, client_settings, ensure_topics, lane_topic_settings
from data_embassy.postgres import connect
from deploy.local.layout import load_layout
from deploy.local.leftovers import is_alive, marked
from deploy.local.machine import LOOPBACK, LocalError, is_port_free, wait_until
from deploy.local.processes import CONNECT, MONITORING, SERVICES, broker_answers
from deploy.local.system import LocalSystem
from tests.support.monitored import alertmanager_there, prometheus_there
from tests.support.system import local_system

LANE = "lane.00000000000000aa"
RECEIPTS = "receipts.00000000000000aa"
WITHOUT_ROLES = (*SERVICES, CONNECT)


@pytest.fixture(scope="module")
def bare() -> Iterator[LocalSystem]:
    with local_system(has_roles=False) as running:
        topics = {name: lane_topic_settings() for name in (LANE, RECEIPTS, "secrets")}
        ensure_topics(load_site(running.layout.site("embassy")).kafka, topics)
        yield running


def link_settings(system: LocalSystem) -> Settings:
    link = load_site(system.layout.site("home")).link
    assert link is not None
    return client_settings(link)


def produce(settings: Settings, topic: str, value: bytes) -> str | None:
    """Name of the error, None when the record was acknowledged."""
    outcome: list[str | None] = []
    defaults: Settings = {"enable.idempotence": True, "message.timeout.ms": 20_000, "message.max.bytes": 90 << 20}
    producer = Producer(defaults | settings)
    try:
        producer.produce(topic, value, on_delivery=lambda error, _: outcome.append(error.name() if error else None))
    except KafkaException as error:
        return str(error.args[0].name())
    producer.flush(25)
    return outcome[0] if outcome else "nothing came back"


def read_first(settings: Settings, topic: str) -> bytes | str:
    """The first record's value, or the name of the error."""
    consumer = Consumer(
        settings
        | {
            "group.id": "none",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": 90 << 20,
            "receive.message.max.bytes": 200 << 20,
        }
    )
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        answers = (consumer.poll(20) for _ in range(5))
        # Groups are none of home's business, and it needs none.
        message = next(each for each in answers if each and not _is_about_groups(each))
        error = message.error()
        return str(error.name()) if error else message.value() or b""
    finally:
        consumer.close()


def _is_about_groups(message) -> bool:
    return message.error() is not None and message.error().name() == "GROUP_AUTHORIZATION_FAILED"


def test_up_twice_starts_nothing_twice(bare):
    before = {line.name: line.pid for line in bare.status()}
    bare.up(has_roles=False)
    assert {line.name: line.pid for line in bare.status()} == before


@pytest.mark.parametrize(
    "name", ["home-kafka", "embassy-kafka", "home-postgres", "embassy-postgres", "link", "connect"]
)
def test_a_killed_process_comes_back(bare, name):
    before = next(line.pid for line in bare.status() if line.name == name)
    bare.kill(name)
    bare.wait_running(name)
    after = next(line for line in bare.status() if line.name == name)
    assert after.state == "running"
    assert after.pid != before


def test_a_stopped_process_stays_stopped_until_it_is_started(bare):
    bare.stop("embassy-kafka")
    assert not broker_answers(bare.layout, "embassy")
    bare.start("embassy-kafka")
    assert broker_answers(bare.layout, "embassy")


def test_waiting_for_a_stopped_process_names_it(bare):
    bare.stop("link")
    with pytest.raises(LocalError, match="link"):
        bare.wait_running("link", "home-postgres", seconds=1)
    bare.start("link")


def test_an_unknown_process_is_named_with_the_known_ones(bare):
    with pytest.raises(LocalError, match=r"forwarder.*home-kafka"):
        bare.stop("forwarder")


def test_addresses_work(bare):
    found = bare.env()
    for dsn in (found["home_postgres"], found["embassy_postgres"]):
        with psycopg.connect(dsn) as connection:
            row = connection.execute("SELECT current_setting('wal_level'), current_setting('fsync')").fetchone()
        assert row == ("logical", "on")
    plugins = requests.get(found["connect_url"] + "/connector-plugins", timeout=10).json()
    assert "dataembassy.capture.RegisterConnector" in {each["class"] for each in plugins}
    assert json.dumps(found)


def test_connect_reads_passwords_only_from_homes_secrets(bare):
    text = (bare.layout.service("home", "connect") / "connect.properties").read_text()
    allowed = {line.partition("=")[2] for line in text.splitlines() if ".allowed.paths=" in line}
    assert allowed == {str(bare.layout.site("home") / "secrets")}


def test_home_appends_to_a_lane_and_reads_it_back(bare):
    assert produce(link_settings(bare), LANE, b"sealed") is None
    assert isinstance(read_first(link_settings(bare), LANE), bytes)


def test_home_reads_receipts_and_cannot_write_them(bare):
    embassy = client_settings(load_site(bare.layout.site("embassy")).kafka)
    assert produce(embassy, RECEIPTS, b"receipt") is None
    assert read_first(link_settings(bare), RECEIPTS) == b"receipt"
    assert produce(link_settings(bare), RECEIPTS, b"forged") == "TOPIC_AUTHORIZATION_FAILED"


def test_home_neither_reads_nor_writes_other_topics(bare):
    seen = AdminClient(link_settings(bare)).list_topics("secrets", timeout=20).topics["secrets"]
    assert seen.error is not None
    assert seen.error.name() == "TOPIC_AUTHORIZATION_FAILED"
    assert produce(link_settings(bare), "secrets", b"x") == "TOPIC_AUTHORIZATION_FAILED"


def test_home_creates_no_topics(bare):
    link = load_site(bare.layout.site("home")).link
    assert link is not None
    admin = AdminClient(client_settings(link))
    with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
        admin.create_topics([NewTopic("lane.bbbb", 1, 1)])["lane.bbbb"].result(timeout=20)


def test_without_homes_certificate_nobody_passes(bare):
    settings = {
        name: value for name, value in link_settings(bare).items() if "certificate" not in name and "key" not in name
    }
    assert produce(settings | {"message.timeout.ms": 3000}, LANE, b"x") == "_MSG_TIMED_OUT"


def test_without_a_password_nobody_passes_at_either_broker(bare):
    for site in ("home", "embassy"):
        settings = client_settings(load_site(bare.layout.site(site)).kafka) | {"sasl.password": "guess"}
        assert produce(settings | {"message.timeout.ms": 3000}, LANE, b"x") == "_MSG_TIMED_OUT"


def test_the_largest_envelope_passes_the_link(bare):
    assert produce(link_settings(bare), LANE, os.urandom(ENVELOPE_BYTES_MAX - 1024)) is None


def test_a_cut_link_stops_home_and_mending_lets_it_go_on(bare):
    bare.link.cut()
    assert produce(link_settings(bare) | {"message.timeout.ms": 3000}, LANE, b"x") == "_MSG_TIMED_OUT"
    bare.link.mend()
    assert produce(link_settings(bare), LANE, b"x") is None


def test_the_receiving_role_makes_databases_and_turns_triggers_off_but_is_no_superuser(bare):
    target = load_site(bare.layout.site("embassy")).postgres
    assert target is not None
    with connect(target, application_name="test", autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS made_by_role")
        connection.execute("CREATE DATABASE made_by_role")
        connection.execute("SET session_replication_role = replica")
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
        connection.execute("DROP DATABASE made_by_role")


def test_status_shows_memory_uptime_and_ports(bare):
    line = next(line for line in bare.status() if line.name == "home-kafka")
    assert line.port == bare.layout.ports.home_kafka
    assert line.memory_mb is not None
    assert 50 < line.memory_mb < 1000


def test_no_secret_stands_in_a_command_line(bare):
    secrets = [path.read_text() for path in bare.folder.rglob("secrets/*")] + [
        path.read_text() for path in bare.layout.operator.iterdir()
    ]
    for pid in marked(bare.folder):
        command = Path(f"/proc/{pid}/cmdline").read_text()
        assert not any(secret and secret in command for secret in secrets)


def test_no_secret_stands_in_a_log(bare):
    secrets = [path.read_text() for path in bare.folder.rglob("secrets/*")]
    for log in bare.layout.logs.iterdir():
        text = log.read_text(errors="replace")
        assert not any(secret in text for secret in secrets), log.name


@pytest.mark.whole
def test_data_outlives_a_killed_supervisor_and_down_leaves_nothing():
    with local_system(has_roles=False) as system:
        # The supervisor beside them, and what keeps the sites apart.
        assert len(marked(system.folder)) == 1 + len(WITHOUT_ROLES) + int(system.layout.is_apart)
        with psycopg.connect(system.env()["home_postgres"], autocommit=True) as connection:
            connection.execute("CREATE DATABASE kept")
        ensure_topics(load_site(system.layout.site("home")).kafka, {"kept": {}})
        ports = system.layout.ports
        supervisor = int((system.layout.run / "supervisor.pid").read_text())
        os.kill(supervisor, signal.SIGKILL)
        wait_until(lambda: not is_alive(supervisor), seconds=10, what="the supervisor is gone")
        system.down(keep_data=True)
        assert marked(system.folder) == []

        system.up(has_roles=False)
        assert system.layout.ports == ports
        assert ensure_topics(load_site(system.layout.site("home")).kafka, {"kept": {}}) == []
        with psycopg.connect(system.database_dsn("kept")):
            pass

        pids, socket_folder = marked(system.folder), system.layout.socket("link").parent
        system.down()
        assert not any(is_alive(pid) for pid in pids)
        assert all(is_port_free(port) for port in astuple(ports))
        assert not system.folder.exists()
        assert not socket_folder.exists()
        system.down()


@prometheus_there
@alertmanager_there
def test_monitoring_joins_a_system_that_runs_and_each_site_asks_its_own_only(bare):
    bare.up(has_roles=False, has_monitoring=True)
    assert {line.name for line in bare.status() if line.state == "running"} >= set(MONITORING)
    ports = bare.layout.ports
    own = {"home": {ports.forward, ports.pulse}, "embassy": {ports.receive}}
    for site, other in (("home", "embassy"), ("embassy", "home")):
        url = f"http://{LOOPBACK}:{getattr(ports, f'{site}_prometheus')}/api/v1"
        # A young Prometheus finds its targets within seconds.
        wait_until(partial(has_targets, url), seconds=30, what=f"{site} has targets")
        assert asked(url) >= own[site]
        assert not asked(url) & (own[other] | {getattr(ports, f"{other}_prometheus")})
        names = {group["name"] for group in requests.get(f"{url}/rules", timeout=5).json()["data"]["groups"]}
        assert "embassy-stops" in names
    bare.kill("home-prometheus")
    bare.wait_running("home-prometheus")


def has_targets(url: str) -> bool:
    return asked(url) != set()


def asked(url: str) -> set[int]:
    """Ports that this Prometheus asks."""
    targets = requests.get(f"{url}/targets", timeout=5).json()["data"]["activeTargets"]
    return {int(one["labels"]["instance"].rpartition(":")[2]) for one in targets}


def test_controls_are_private(bare):
    layout = load_layout(bare.folder)
    assert layout is not None
    for name in ("supervisor", "link"):
        assert stat.S_IMODE(layout.socket(name).parent.stat().st_mode) == 0o700


def test_nothing_listens_beyond_loopback(bare):
    hosts = {socket.gethostbyname(socket.gethostname()), "0.0.0.0"} - {LOOPBACK}
    listening = {
        line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if line.split()[3] == "0A"
    }
    ports = {f"{port:04X}" for port in astuple(bare.layout.ports)}
    addresses = {address.partition(":")[0] for address in listening if address.partition(":")[2] in ports}
    assert addresses <= {"0100007F"}, hosts
