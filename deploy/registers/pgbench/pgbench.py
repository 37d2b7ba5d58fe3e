"""Runs the pgbench program that comes with the PostgreSQL of the local system."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Event, Lock, Thread
from typing import IO, Self

from psycopg.conninfo import conninfo_to_dict

from deploy.local.postgres import bin_folder

_RETRY_SECONDS = 0.5
_STOP_SECONDS = 10
_PROGRESS = re.compile(r"progress: [\d.]+ s, ([\d.]+) tps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Transactions by pgbench's own report, each of three updates, a select and an insert.

    `restarts`: how often the program had to be started again because it had lost the server.
    """

    transactions: int
    restarts: int


class Pgbench:
    """pgbench's own mixed workload over `clients` connections until stopped.

    About `rate` transactions a second; 0 means as fast as it can.
    """

    def __init__(self, dsn: str, *, seed: int, clients: int, rate: float) -> None:
        self._dsn = dsn
        self._random = Random(seed)
        self._clients = clients
        self._rate = rate
        self._stopping = Event()
        self._lock = Lock()
        self._transactions = 0.0
        self._restarts = 0
        self._process: subprocess.Popen[str] | None = None
        self._thread = Thread(target=self._keep_running, name="pgbench")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the program."""
        self._thread.start()

    def stop(self) -> Counters:
        """Stop the program, once or more often; clients end at their next statement."""
        self._stopping.set()
        with self._lock:
            if self._process is not None:
                self._process.terminate()
        self._thread.join()
        return self.counters()

    def counters(self) -> Counters:
        """What was done so far."""
        with self._lock:
            return Counters(transactions=int(self._transactions), restarts=self._restarts)

    def _keep_running(self) -> None:
        """Pgbench ends when it loses the server; a register's clients come back."""
        while not self._stopping.is_set():
            self._run()
            if not self._stopping.wait(_RETRY_SECONDS):
                with self._lock:
                    self._restarts += 1

    def _run(self) -> None:
        arguments = [
            str(program()),
            "--no-vacuum",
            f"--client={self._clients}",
            "--time=86400",
            "--progress=1",
            f"--random-seed={self._random.getrandbits(31)}",
        ]
        if self._rate > 0:
            arguments.append(f"--rate={self._rate}")
        with self._lock:
            if self._stopping.is_set():
                return
            process = self._process = _start(arguments, self._dsn)
        with process:
            assert process.stderr is not None
            self._follow(process.stderr)

    def _follow(self, report: IO[str]) -> None:
        for line in report:
            if (match := _PROGRESS.match(line)) is not None:
                with self._lock:
                    self._transactions += float(match[1])


def initialise(dsn: str, *, scale: int) -> None:
    """Create pgbench's tables in an empty database: 100,000 accounts for each unit of scale."""
    process = _start([str(program()), "--initialize", "--quiet", f"--scale={scale}"], dsn)
    _, report = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"pgbench could not fill the database: {report[-500:]}")


def program() -> Path:
    """Where pgbench is: in the PostgreSQL that the local system runs."""
    return bin_folder() / "pgbench"


def _start(arguments: list[str], dsn: str) -> subprocess.Popen[str]:
    """The password goes by the environment: other users may read a command line."""
    names = {
        "host": "PGHOST",
        "port": "PGPORT",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "dbname": "PGDATABASE",
        "sslmode": "PGSSLMODE",
    }
    target = {names[key]: str(value) for key, value in conninfo_to_dict(dsn).items() if key in names}
    return subprocess.Popen(
        arguments,
        env={**os.environ, **target},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
