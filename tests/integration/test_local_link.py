"""The link's proxy as its own process, between a client and a small server of the test."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local.link import LinkControl
from deploy.local.machine import LOOPBACK, accepts, free_ports, wait_until

DEADLINE_SECONDS = 20


@dataclass
class Bench:
    port: int
    control: LinkControl
    command: list[str]
    process: subprocess.Popen[bytes]

    def connect(self) -> socket.socket:
        client = socket.create_connection((LOOPBACK, self.port), timeout=DEADLINE_SECONDS)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def kill_and_restart(self) -> None:
        self.process.kill()
        self.process.wait(DEADLINE_SECONDS)
        self.process = subprocess.Popen(self.command)
        wait_until(lambda: accepts(self.port), seconds=DEADLINE_SECONDS, what="the link listens again")


@contextmanager
def echo_server() -> Iterator[int]:
    def answer(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(1 << 20):
                connection.sendall(data)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_quietly, args=(answer, connection), daemon=True).start()

    with socket.create_server((LOOPBACK, 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _quietly(answer, connection):
    try:
        answer(connection)
    except OSError:
        return


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with echo_server() as target:
        (port,) = free_ports(1)
        command = [sys.executable, "-m", "deploy.local.link", "--listen", str(port), "--to", str(target)]
        command += ["--control", str(tmp_path / "c"), "--state", str(tmp_path / "state.json")]
        made = Bench(port, LinkControl(tmp_path / "c"), command, subprocess.Popen(command))
        try:
            wait_until(lambda: accepts(port), seconds=DEADLINE_SECONDS, what="the link listens")
            yield made
        finally:
            made.process.kill()
            made.process.wait(DEADLINE_SECONDS)


def round_trip(client: socket.socket, data: bytes = b"x") -> float:
    began = time.monotonic()
    client.sendall(data)
    received = 0
    while received < len(data):
        chunk = client.recv(1 << 20)
        assert chunk, "the link dropped the connection"
        received += len(chunk)
    return time.monotonic() - began


def test_bytes_arrive_unchanged_and_in_order(bench):
    payload = b"".join(number.to_bytes(4, "big") for number in range(200_000))
    received = bytearray()
    with bench.connect() as client:
        sender = threading.Thread(target=lambda: (client.sendall(payload), client.shutdown(socket.SHUT_WR)))
        sender.start()
        while chunk := client.recv(1 << 20):
            received += chunk
        sender.join()
    assert received == payload


def test_a_cut_drops_connections_and_leaves_new_ones_without_answer(bench):
    with bench.connect() as before:
        round_trip(before)
        bench.control.cut()
        with pytest.raises(ConnectionResetError):
            before.recv(1)
    with bench.connect() as during:
        during.sendall(b"anybody there")
        during.settimeout(0.5)
        with pytest.raises(TimeoutError):
            during.recv(1)


def test_after_mending_waiting_connections_are_dropped_and_new_ones_work(bench):
    bench.control.cut()
    with bench.connect() as waiting:
        waiting.sendall(b"anybody there")
        bench.control.mend()
        with pytest.raises(ConnectionResetError):
            waiting.recv(1)
    with bench.connect() as fresh:
        round_trip(fresh)


def test_a_silent_cut_keeps_connections_and_delivers_after_mending(bench):
    with bench.connect() as client:
        round_trip(client)
        bench.control.cut(is_silent=True)
        client.sendall(b"later")
        client.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.recv(5)
        bench.control.mend()
        client.settimeout(DEADLINE_SECONDS)
        assert client.recv(5) == b"later"


def test_delay_is_added_to_the_round_trip(bench):
    with bench.connect() as client:
        assert min(round_trip(client) for _ in range(5)) < 0.05
        bench.control.delay(200)
        assert 0.2 <= min(round_trip(client) for _ in range(3)) < 0.3


def test_delay_does_not_limit_throughput(bench):
    bench.control.delay(200)
    with bench.connect() as client:
        sender = threading.Thread(target=client.sendall, args=(bytes(20 << 20),))
        began = time.monotonic()
        sender.start()
        received = 0
        while received < 20 << 20:
            received += len(client.recv(1 << 20))
        sender.join()
    assert time.monotonic() - began < 5


def test_rate_is_kept_in_each_direction(bench):
    bench.control.rate(8000)  # A megabyte per second.
    with bench.connect() as client:
        seconds = round_trip(client, bytes(1_000_000))
    assert 0.9 <= seconds < 3


def test_what_was_set_survives_a_killed_process(bench):
    bench.control.delay(60)
    bench.control.cut()
    bench.kill_and_restart()
    state = bench.control.status().shape
    assert (state.is_cut, state.delay_ms) == (True, 60)


def test_status_counts_bytes_and_connections(bench):
    with bench.connect() as client:
        round_trip(client, bytes(1000))
        state = bench.control.status()
        assert (state.connections, state.bytes_to_embassy, state.bytes_to_home) == (1, 1000, 1000)
    wait_until(lambda: bench.control.status().connections == 0, seconds=DEADLINE_SECONDS, what="connection is gone")
