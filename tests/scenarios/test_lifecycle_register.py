"""A third register comes by the operator's commands, pauses and goes, while two others stream under writers."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
import requests
from confluent_kafka.admin import AdminClient
from psycopg import sql

from consumers.telling import ToldFiles
from data_embassy.config import Broker, load_site
from data_embassy.kafka import client_settings
from deploy.local.compare import compare
from deploy.local.machine import LOOPBACK
from deploy.local.processes import embassy_script
from deploy.local.services import embassy_postgres
from tests.support.scenario import Registers, wait_for

NAME = "third"
DATABASE = "third source"
LAG_SECONDS_MAX = 20.0
"""Of the registers that are none of it, on a machine that has other things to do."""
PASSWORD = "Planted-third-4711"


@pytest.fixture
def database(registers: Registers) -> Iterator[str]:
    with psycopg.connect(registers.system.env()["home_postgres"], autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    dsn = registers.system.database_dsn(DATABASE)
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE parcel (id integer PRIMARY KEY, area numeric, note text)")
        connection.execute("INSERT INTO parcel SELECT n, n / 7.0, repeat('x', n % 50) FROM generate_series(1, 2000) n")
        connection.execute("CREATE UNLOGGED TABLE session (id integer PRIMARY KEY, parcel integer REFERENCES parcel)")
        connection.execute("INSERT INTO session VALUES (1, 1)")
    yield dsn
    with psycopg.connect(registers.system.env()["home_postgres"], autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(DATABASE)))


def run(registers: Registers, site: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(embassy_script()), "--site", str(registers.system.layout.site(site)), "register", *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300)


def done(registers: Registers, site: str, *arguments: str) -> str:
    result = run(registers, site, *arguments)
    assert result.returncode == 0, f"{arguments}: {result.stdout}\n{result.stderr}"
    return result.stdout


@contextmanager
def watched_lags(registers: Registers) -> Iterator[dict[str, float]]:
    """The largest lag of the other registers while the body runs."""
    largest, over = dict.fromkeys(registers.names, 0.0), threading.Event()

    def watch() -> None:
        while not over.wait(0.3):
            for name in registers.names:
                largest[name] = max(largest[name], registers.lag(name) or 0.0)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield largest
    finally:
        over.set()
        thread.join()


class Third:
    """The register that comes and goes."""

    def __init__(self, registers: Registers, dsn: str) -> None:
        self.registers, self.dsn = registers, dsn
        self.standby = embassy_postgres(registers.system.layout).dsn(NAME)
        self._next = 10_000

    def write(self, count: int = 5) -> int:
        """Some transactions; the last id."""
        with psycopg.connect(self.dsn) as connection:
            for _ in range(count):
                self._next += 1
                connection.execute("INSERT INTO parcel VALUES (%s, 1.50, 'later')", (self._next,))
                connection.execute("UPDATE parcel SET area = area + 1 WHERE id = %s", (self._next % 2000 + 1,))
                connection.commit()
        return self._next

    def has(self, number: int) -> bool:
        with suppress(psycopg.Error), psycopg.connect(self.standby, connect_timeout=5) as connection:
            return connection.execute("SELECT 1 FROM parcel WHERE id = %s", (number,)).fetchone() is not None
        return False

    def wait(self, number: int, *, seconds: float = 120) -> None:
        wait_for(lambda: self.has(number), lambda: f"{number} does not arrive; {self.registers.trouble()}",
                 seconds=seconds)  # fmt: skip

    def assert_equal(self) -> None:
        found = compare(NAME, self.dsn, self.standby, deadline_seconds=60)
        assert found.equal, found.differences


def dba_prepares(registers: Registers, dsn: str) -> None:
    """The only part that a superuser does, by the text that the command prints."""
    script = done(registers, "home", "prepare", NAME, "--print-sql")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(script.encode())
        for role in ("third_capture", "third_pulse"):
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(PASSWORD)))


def contract(registers: Registers, folder: Path) -> Path:
    """All that a contract may say. Roles of its own: the DBA's script for the removal drops them."""
    path = folder / "contract.toml"
    path.write_text(f"""
lane = "{"3" * 16}"
tier = 5
expected_extensions = []
[owner]
institution = "Maa-amet"
contact = "registrar@land.invalid"
[objectives]
rpo_seconds = 30
rto_seconds = 3600
[retention]
home_hours = 48
[[excluded]]
table = "public.session"
reason = "who is logged in now"
promotion = "everybody logs in again"
[source]
host = "{LOOPBACK}"
port = {registers.system.layout.ports.home_postgres}
database = "{DATABASE}"
capture_user = "third_capture"
capture_password_file = "secrets/{NAME}-capture"
pulse_user = "third_pulse"
pulse_password_file = "secrets/{NAME}-pulse"
publication = "third"
""")
    return path


def test_a_register_comes_pauses_and_goes_while_others_stream(registers: Registers, database: str, tmp_path: Path):
    third = Third(registers, database)
    pids = {line.name: line.pid for line in registers.system.status()}
    with registers.writers(), watched_lags(registers) as lags:
        add_it(registers, third, tmp_path)
        pause_it(registers, third)
        third.assert_equal()
        assert no_secret_anywhere(registers)
        remove_it(registers, third)
    registers.assert_equal()
    assert {name: lag for name, lag in lags.items() if lag > LAG_SECONDS_MAX} == {}
    anew = [line.name for line in registers.system.status() if line.pid != pids[line.name]]
    assert not anew, [registers.system.log_file(name).read_text()[-6000:] for name in anew]


def add_it(registers: Registers, third: Third, folder: Path) -> None:
    password = folder / "password"
    password.touch(mode=0o600)
    password.write_text(PASSWORD)
    files = ("--capture-password-file", str(password), "--pulse-password-file", str(password))
    agreed = contract(registers, folder)
    said = json.loads(done(registers, "home", "add", NAME, "--contract", str(agreed), *files, "--json"))
    assert [step["state"] for step in said["steps"] if step["step"] == "source"] == ["open"], "not prepared yet"
    line = next(line for line in said["next"] if line.startswith("at the embassy"))
    done(registers, "embassy", *line.partition("register ")[2].replace("FILE", str(agreed)).split())
    dba_prepares(registers, third.dsn)
    again = json.loads(done(registers, "home", "add", NAME, "--json"))
    assert [step["state"] for step in again["steps"] if step["step"] in ("contract", "preflight")] == ["there", "done"]
    done(registers, "home", "snapshot", NAME)
    third.wait(third.write())
    listed = {line["name"]: line for line in json.loads(done(registers, "embassy", "list", "--json"))}
    assert listed[NAME]["tier"] == 5
    assert listed.keys() == {*registers.names, NAME}
    for site in ("home", "embassy"):
        assert_agreed(registers, site)
    with psycopg.connect(third.standby) as connection:
        assert connection.execute("SELECT count(*) FROM session").fetchone() == (0,)


def assert_agreed(registers: Registers, site: str) -> None:
    """A site says what its contract says."""
    command = [str(embassy_script()), "--site", str(registers.system.layout.site(site)), "status", "--json"]
    found = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=60)
    (status,) = [one for one in json.loads(found.stdout)["registers"] if one["register"] == NAME]
    assert status["objective_seconds"] == 30
    assert status["terms"] == {
        "institution": "Maa-amet", "contact": "registrar@land.invalid", "rpo_seconds": 30, "rto_seconds": 3600,
        "home_hours": 48, "expected_extensions": [],
        "excluded": [{"table": "public.session", "reason": "who is logged in now",
                      "promotion": "everybody logs in again"}],
    }  # fmt: skip


def pause_it(registers: Registers, third: Third) -> None:
    for site in ("home", "embassy"):
        done(registers, site, "pause", NAME, "--reason", "new disks")
        wait_for(lambda: is_held(registers, site), f"the worker at {site} has looked", seconds=30)  # noqa: B023
        number = third.write()
        registers.wait_arrived()  # What the others wrote later is there.
        assert not third.has(number), f"paused at {site}"
        listed = {line["name"]: line for line in json.loads(done(registers, site, "list", "--json"))}
        assert listed[NAME]["state"] == "paused"
        done(registers, site, "resume", NAME)
        third.wait(number, seconds=60)


def is_held(registers: Registers, site: str) -> bool:
    if site == "embassy":
        told = ToldFiles(load_site(registers.system.layout.site(site)).state).read(NAME)
        return told is not None and told.state == "paused"
    lines = registers.system.log_file("forward").read_text(errors="replace").splitlines()
    return any("register_paused" in line and f"register='{NAME}'" in line for line in lines)


def remove_it(registers: Registers, third: Third) -> None:
    assert run(registers, "home", "remove", NAME).returncode == 2
    said = json.loads(done(registers, "home", "remove", NAME, "--yes", "--json"))
    assert said["complete"]
    with psycopg.connect(third.dsn, autocommit=True) as connection:
        assert (
            connection.execute(
                "SELECT slot_name FROM pg_replication_slots WHERE database = current_database() AND NOT temporary"
            ).fetchall()
            == []
        )
        connection.execute(said["sql"].encode())
        assert connection.execute("SELECT to_regnamespace('data_embassy')").fetchone() == (None,)
    connectors = requests.get(registers.system.env()["connect_url"] + "/connectors", timeout=20).json()
    assert f"capture.{NAME}" not in connectors
    done(registers, "embassy", "remove", NAME, "--yes", "--lane-too")
    with psycopg.connect(registers.system.env()["embassy_postgres"]) as connection:
        left = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (NAME,)).fetchall()
    assert left == []
    for site, topics in (("home", {f"changes.{NAME}", f"schemas.{NAME}"}), ("embassy", {f"lane.{'3' * 16}"})):
        broker = load_site(registers.system.layout.site(site)).kafka
        wait_for(lambda: not topics & topics_of(broker), f"topics are gone at {site}", seconds=30)  # noqa: B023
        assert NAME not in {line["name"] for line in json.loads(done(registers, site, "list", "--json"))}


def topics_of(broker: Broker) -> set[str]:
    return set(AdminClient(client_settings(broker)).list_topics(timeout=20).topics)


def no_secret_anywhere(registers: Registers) -> bool:
    """In logs of all processes, Connect's answers, contracts and state of both sites."""
    url = registers.system.env()["connect_url"] + f"/connectors/capture.{NAME}"
    texts = [requests.get(url + part, timeout=20).text for part in ("", "/config", "/status", "/tasks")]
    texts += [path.read_text(errors="replace") for path in registers.system.layout.logs.iterdir() if path.is_file()]
    for site in ("home", "embassy"):
        folder = registers.system.layout.site(site)
        for path in [path for part in ("registers", "state") for path in (folder / part).rglob("*")]:
            with suppress(OSError):  # A folder, or a draft that became its file.
                texts.append(path.read_text(errors="replace"))
    return not any(PASSWORD in text for text in texts)
