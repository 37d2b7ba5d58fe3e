"""A register's server for tests: it can be crashed, stopped, promoted, copied as by a backup, and have a standby."""

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
from tests.support.captured_register import CapturedRegister
from tests.support.system import PlainPostgres

SETTINGS = {"shared_buffers": "64MB", "checkpoint_timeout": "1h"}
BACKUP_SECONDS_MAX = 60


class Server:
    """A PostgreSQL server that can be crashed, stopped, started and promoted."""

    def __init__(self, folder: Path, *, password: str | None = None) -> None:
        (port,) = free_ports(1)
        self._server = postgres.PostgresServer(folder=folder, port=port, password=password or secrets.token_hex(16))
        self.plain = PlainPostgres(host=LOOPBACK, port=port, user="postgres", password=self._server.password)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """An empty cluster."""
        postgres.make_cluster(self._server, SETTINGS)

    def start(self) -> None:
        """Start it and wait until it answers."""
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

    def execute(self, *statements: str) -> None:
        """Statements by the superuser, each on its own."""
        with psycopg.connect(self.plain.dsn(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def back_up(self, name: str, *, arguments: tuple[str, ...] = ()) -> "Server":
        """A copy by pg_basebackup beside this server, with a port of its own, not started; slots are not in it."""
        folder = self._folder.parent / f"{self._folder.name}-{name}"
        folder.mkdir()
        if is_root():
            folder.chmod(0o711)
        copy = Server(folder, password=self._server.password)
        copy._server.data.mkdir(mode=0o700)
        give_to_database_user(copy._server.data)
        prefix = as_database_user([postgres.bin_folder(), copy._server.data])
        command = [
            *prefix, str(postgres.bin_folder() / "pg_basebackup"), "--checkpoint=fast", "--no-sync",
            f"--dbname={self.plain.dsn()}", f"--pgdata={copy._server.data}", *arguments,
        ]  # fmt: skip
        subprocess.run(command, check=True, cwd="/", timeout=BACKUP_SECONDS_MAX, stdout=subprocess.DEVNULL)
        copy.configure({})
        return copy

    def configure(self, settings: dict[str, str]) -> None:
        """Settings for the next start."""
        postgres.make_cluster(self._server, SETTINGS | settings)

    def stand_by(self, name: str, *, syncs_slots: bool = True) -> "Server":
        """A physical standby of this server, running."""
        copy = self.back_up(name, arguments=("--create-slot", f"--slot={name}"))
        source = f"{self.plain.dsn()}?application_name={name}"
        copy.configure(
            {
                "primary_conninfo": source,  # It names a database: the slot sync worker needs one.
                "primary_slot_name": name,
                "hot_standby_feedback": "on",
                "sync_replication_slots": "on" if syncs_slots else "off",
            }
        )
        copy._mark_standby()
        copy.start()
        return copy

    def become_primary(self) -> None:
        """Promote this running standby."""
        self._control("promote")

    def is_synced(self, slot: str) -> bool:
        """True when this standby holds a copy of the slot that would outlive a promotion."""
        query = (
            "SELECT synced AND NOT temporary AND invalidation_reason IS NULL FROM pg_replication_slots "
            "WHERE slot_name = %s"
        )
        with psycopg.connect(self.plain.dsn(), autocommit=True) as connection:
            row = connection.execute(query, [slot]).fetchone()
        return row is not None and bool(row[0])

    def _mark_standby(self) -> None:
        signal = self._server.data / "standby.signal"
        signal.touch()
        give_to_database_user(signal)

    def promote(self) -> None:
        """Stop it, start it as a standby of nobody and promote it: a new timeline."""
        self.end("fast")
        self._mark_standby()
        self.start()
        self._control("promote")
        with psycopg.connect(self.plain.dsn(), autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def _control(self, *arguments: str) -> None:
        prefix = as_database_user([postgres.bin_folder(), self._server.data])
        command = [*prefix, str(postgres.bin_folder() / "pg_ctl"), "-w", "-D", str(self._server.data), *arguments]
        subprocess.run(command, check=True, cwd="/", timeout=60, stdout=subprocess.DEVNULL)


@contextmanager
def source_server() -> Iterator[Server]:
    """A running server; end its copies before."""
    root = Path(tempfile.mkdtemp(prefix="embassy-test-server-"))
    folder = root / "first"
    folder.mkdir()
    if is_root():
        root.chmod(0o711)
        folder.chmod(0o711)
    made = Server(folder)
    try:
        made.make()
        made.start()
        yield made
    finally:
        made.end("immediate")
        shutil.rmtree(root, ignore_errors=True)


def runs_again(register: CapturedRegister) -> None:
    """Let the watcher restart the failed task."""
    with ConnectClient(register.worker.url) as client:
        watcher = Watcher([register.name], client, register.worker.folder / "health")

        def step() -> bool:
            watcher.step()
            return register.status().is_running

        register.wait_for("FAILED")
        wait_until(step, seconds=120, what="capture runs again")
