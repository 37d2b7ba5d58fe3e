"""Real services for integration tests: a broker, a PostgreSQL server, the whole local system.

Every context manager starts its processes in a folder of its own and leaves neither process nor folder behind, also
when the test fails or is interrupted; if pytest itself is killed the processes die with it.
"""

import ctypes
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.local import broker, postgres
from deploy.local.apart import can_be_apart
from deploy.local.leftovers import is_alive
from deploy.local.machine import LOOPBACK, free_ports, is_root, wait_until
from deploy.local.services import Heaps
from deploy.local.system import LocalSystem
from deploy.local.warm import warm_jars

_PR_SET_PDEATHSIG = 1
_SYSTEM = "system"
START_SECONDS_MAX = 180
STOP_SECONDS_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainPostgres:
    """A server for one test session; its superuser is `user`."""

    host: str
    port: int
    user: str
    password: str

    def dsn(self, database: str = "postgres") -> str:
        """Connection URI."""
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{database}"


@contextmanager
def plain_broker(*, heap_mb: int = 256, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """A broker without authentication; yields its bootstrap address."""
    with _folder("broker") as folder:
        port, controller = free_ports(2)
        listener = broker.Listener(name="PLAIN", protocol="PLAINTEXT", port=port)
        chosen = broker.Broker(
            folder=folder, controller_port=controller, listeners=(listener,), heap_mb=heap_mb, settings=settings or {}
        )
        paths = warm_jars()
        broker.write_config(chosen, paths)
        bootstrap = f"{LOOPBACK}:{port}"
        with _process(broker.start_command(chosen, paths), folder / "log", stop=signal.SIGKILL) as process:
            _wait(process, lambda: _answers(bootstrap), folder / "log")
            yield bootstrap


class RestartableBroker:
    """A broker without authentication that a test may stop and start again."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        port, controller = free_ports(2)
        listener = broker.Listener(name="PLAIN", protocol="PLAINTEXT", port=port)
        self._folder, self._stack = folder, stack
        self._broker = broker.Broker(
            folder=folder, controller_port=controller, listeners=(listener,), heap_mb=256, settings={}
        )
        self.bootstrap = f"{LOOPBACK}:{port}"
        broker.write_config(self._broker, warm_jars())

    def start(self) -> None:
        """Returns once it answers."""
        command = broker.start_command(self._broker, warm_jars())
        process = self._stack.enter_context(_process(command, self._folder / "log", stop=signal.SIGKILL))
        _wait(process, lambda: _answers(self.bootstrap), self._folder / "log")

    def stop(self) -> None:
        """As a power cut stops it."""
        self._stack.close()


@contextmanager
def restartable_broker() -> Iterator[RestartableBroker]:
    """A broker of its own, for tests that break it."""
    with _folder("broker") as folder, ExitStack() as stack:
        running = RestartableBroker(folder, stack)
        running.start()
        yield running


@contextmanager
def plain_postgres(settings: Mapping[str, str] | None = None) -> Iterator[PlainPostgres]:
    """A server with wal_level=logical and prepared transactions; `settings` override."""
    with _folder("postgres") as folder:
        (port,) = free_ports(1)
        server = postgres.PostgresServer(folder=folder, port=port, password=secrets.token_hex(16))
        defaults = {"fsync": "off", "shared_buffers": "64MB"}
        postgres.make_cluster(server, defaults | dict(settings or {}))
        command = postgres.start_command(server, dies_with_parent=True)
        with _process(command, folder / "log", stop=signal.SIGINT) as process:
            _wait(process, lambda: postgres.is_ready(server), folder / "log")
            yield PlainPostgres(host=LOOPBACK, port=port, user=postgres.SUPERUSER, password=server.password)


@contextmanager
def local_system(
    *,
    has_roles: bool = True,
    has_monitoring: bool = False,
    has_pages: bool = False,
    disks: Callable[[Path], AbstractContextManager[None]] | None = None,
) -> Iterator[LocalSystem]:
    """The whole system without registers, in a folder of its own; nothing of it is left afterwards.

    `has_monitoring` and `has_pages` as of `LocalSystem.up`; `disks` prepares the system's folder before its first
    start, and ends after its end.
    """
    _end_forgotten()
    with _folder(_SYSTEM) as folder, nullcontext() if disks is None else disks(folder / "local"):
        (folder / "owner").write_text(str(os.getpid()))
        system = LocalSystem(folder / "local", heaps=Heaps(broker=384, connect=512), is_apart=can_be_apart())
        try:
            system.up(has_roles=has_roles, has_monitoring=has_monitoring, has_pages=has_pages)
            yield system
        finally:
            system.down()


def _end_forgotten() -> None:
    """End systems whose pytest was killed: their supervisors do not die with it."""
    for folder in Path(tempfile.gettempdir()).glob(f"embassy-test-{_SYSTEM}-*"):
        owner = folder / "owner"
        if os.access(owner, os.R_OK) and folder.stat().st_uid == os.geteuid() and not is_alive(int(owner.read_text())):
            LocalSystem(folder / "local").down()
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"embassy-test-{name}-"))
    if is_root():
        folder.chmod(0o711)  # The database's user passes through.
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _process(command: list[str], log: Path, *, stop: signal.Signals) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd="/",
            start_new_session=True, preexec_fn=_die_with_parent,  # noqa: PLW1509 (one system call, no lock is taken)
        )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(stop)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS_MAX)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:
        os._exit(1)


def _wait(process: subprocess.Popen[bytes], ready: object, log: Path) -> None:
    assert callable(ready)

    def settled() -> bool:
        return process.poll() is not None or bool(ready())

    wait_until(settled, seconds=START_SECONDS_MAX, what="the test's service answers")
    if process.poll() is not None:
        raise RuntimeError(f"the test's service ended at once:\n{log.read_text()[-3000:]}")


def _answers(bootstrap: str) -> bool:
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "socket.timeout.ms": 2000})
    try:
        return bool(client.list_topics(timeout=2).brokers)
    except KafkaException:
        return False
