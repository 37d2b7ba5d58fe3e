"""The register's server crashes and is promoted under load; capture goes on without a gap."""

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from connectors.client import ConnectClient
from connectors.watch import Watcher
from deploy.local import postgres
from deploy.local.machine import LOOPBACK, as_database_user, free_ports, give_to_database_user, is_root, wait_until
from schemas import records
from tests.support.captured_register import CapturedRegister, make_register
from tests.support.connect_worker import connect_worker
from tests.support.system import PlainPostgres

PERSON = ("public", "person")
TABLES = "CREATE TABLE person (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text)"


class Server:
    """A PostgreSQL server that can be crashed, stopped, started and promoted."""

    def __init__(self, folder: Path) -> None:
        (port,) = free_ports(1)
        self._server = postgres.PostgresServer(folder=folder, port=port, password=secrets.token_hex(16))
        postgres.make_cluster(self._server, {"shared_buffers": "64MB", "checkpoint_timeout": "1h"})
        self.plain = PlainPostgres(host=LOOPBACK, port=port, user="postgres", password=self._server.password)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                postgres.start_command(self._server, dies_with_parent=True), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, cwd="/", start_new_session=True,
            )  # fmt: skip
        wait_until(lambda: postgres.is_ready(self._server), seconds=60, what="the server answers")

    def end(self, mode: str) -> None:
        """Stop it: `fast`, or `immediate` like a crash."""
        if self._process is not None and self._process.poll() is None:
            self._control("stop", "-m", mode)
            self._process.wait(60)

    def promote(self) -> None:
        """Stop it, start it as a standby of nobody and promote it: a new timeline."""
        self.end("fast")
        signal = self._server.data / "standby.signal"
        signal.touch()
        give_to_database_user(signal)
        self.start()
        self._control("promote")
        with psycopg.connect(self.plain.dsn(), autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def _control(self, *arguments: str) -> None:
        prefix = as_database_user([postgres.bin_folder(), self._server.data])
        command = [*prefix, str(postgres.bin_folder() / "pg_ctl"), "-w", "-D", str(self._server.data), *arguments]
        subprocess.run(command, check=True, cwd="/", timeout=60, stdout=subprocess.DEVNULL)


@contextmanager
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="embassy-test-server-"))
    if is_root():
        folder.chmod(0o711)
    made = Server(folder)
    try:
        made.start()
        yield made
    finally:
        made.end("immediate")
        shutil.rmtree(folder, ignore_errors=True)


def runs_again(register: CapturedRegister) -> None:
    """Let the watcher restart the failed task."""
    with ConnectClient(register.worker.url) as client:
        watcher = Watcher([register.name], client, register.worker.folder / "health")

        def step() -> bool:
            watcher.step()
            return register.status().is_running

        register.wait_for("FAILED")
        wait_until(step, seconds=120, what="capture runs again")


def write(register: CapturedRegister, number: int) -> None:
    for _ in range(20):
        register.execute(
            "INSERT INTO person (name) SELECT 'x' FROM generate_series(1, 10)",
            "UPDATE person SET name = name || 'y' WHERE id % 7 = 0",
            "DELETE FROM person WHERE id % 11 = 0",
        )


def markers(register: CapturedRegister) -> list[dict[str, object]]:
    decoded = (records.decode(value) for _, value in register.topic() if value[2:10] in records.FROZEN_NAMES)
    return [body for name, body in decoded if name == "Session"]


def test_a_crash_and_a_promotion_leave_no_gap(broker: str) -> None:
    with server() as one, connect_worker(broker) as worker:
        register = make_register("faulty", worker, one.plain, tables=TABLES, keys={PERSON: ("id",)})
        register.apply()
        write(register, 1)
        assert register.assemble().rows(PERSON) == register.rows(PERSON)
        write(register, 2)
        one.end("immediate")
        one.start()
        write(register, 3)
        runs_again(register)
        assert register.assemble().rows(PERSON) == register.rows(PERSON)
        write(register, 4)
        one.promote()
        write(register, 5)
        runs_again(register)
        assembled = register.assemble()
        assert assembled.rows(PERSON) == register.rows(PERSON)
        register.remove()
    first, second, third = markers(register)
    assert (first["timeline"], second["timeline"], third["timeline"]) == (1, 1, 2)
    assert third["session"] == assembled.run
    assert assembled.run >> 32 == 2
    assert second["timeline_forks"] == []
    forks = third["timeline_forks"]
    assert isinstance(forks, list)
    assert [fork["timeline"] for fork in forks] == [1]
    assert forks[0]["switch_lsn"] > int(str(second["insert_lsn"]))
