"""Single real services for tests: they work as root below closed folders, and they never outlive their test."""

import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from deploy.local.leftovers import is_alive
from deploy.local.machine import accepts, is_port_free, is_root, wait_until
from tests.support.system import plain_broker, plain_postgres

START = """
import sys
from tests.support.system import plain_broker, plain_postgres
with plain_postgres() as server, plain_broker() as bootstrap:
    print(server.port, bootstrap.rpartition(":")[2], flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(not is_root(), reason="only root runs PostgreSQL as another user")
def test_as_root_postgres_works_below_a_closed_folder(tmp_path, monkeypatch):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr("tempfile.tempdir", str(closed))
    with plain_postgres() as server, psycopg.connect(server.dsn()) as connection:
        row = connection.execute("SELECT current_setting('data_directory')").fetchone()
    assert row is not None
    assert row[0].startswith(str(closed))
    assert list(closed.iterdir()) == []


def test_settings_override(tmp_path):
    with plain_postgres({"max_wal_senders": "3"}) as server, psycopg.connect(server.dsn()) as connection:
        assert connection.execute("SHOW max_wal_senders").fetchone() == ("3",)


def test_a_failing_test_leaves_no_process(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ZeroDivisionError), plain_postgres() as server:
        _ = 1 / 0
    with pytest.raises(ZeroDivisionError), plain_broker() as bootstrap:
        _ = 1 / 0
    assert is_port_free(server.port)
    assert is_port_free(int(bootstrap.rpartition(":")[2]))
    assert list(tmp_path.iterdir()) == []


def test_services_die_with_a_killed_test_run(tmp_path):
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", START], cwd=root, env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    ports = [int(word) for word in process.stdout.readline().split()]
    assert all(accepts(port) for port in ports)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    process.stdin.close()
    process.stdout.close()
    wait_until(lambda: all(is_port_free(port) for port in ports), seconds=20, what="services are gone")


def test_a_process_that_ended_but_was_not_collected_is_not_alive():
    process = subprocess.Popen(["true"])
    wait_until(lambda: not is_alive(process.pid), seconds=10, what="the process ended")
    process.wait(10)
