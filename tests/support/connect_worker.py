"""A Kafka Connect worker with the capture plugin, for tests: it can be killed and started again."""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from deploy.local.jars import capture_jar, jars
from deploy.local.java import java_command, logging_config
from deploy.local.machine import LOOPBACK, free_ports, wait_until

START_SECONDS_MAX = 120


class ConnectWorker:
    """One worker in distributed mode; `folder` holds its log and its secrets."""

    def __init__(
        self, folder: Path, bootstrap: str, *, heap_mb: int, settings: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.bootstrap = bootstrap
        self.secrets = folder / "secrets"
        (port,) = free_ports(1)
        self.url = f"http://{LOOPBACK}:{port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._write(bootstrap, port, settings or {})
        self._command = _dies_with_parent() + java_command(
            "org.apache.kafka.connect.cli.ConnectDistributed", str(folder / "connect.properties"),
            jars=jars(), heap_mb=heap_mb, logging=folder,
        )  # fmt: skip

    def _write(self, bootstrap: str, port: int, more: Mapping[str, str]) -> None:
        self.secrets.mkdir(mode=0o700)
        plugin = self.folder / "plugins" / "data-embassy-capture"
        plugin.mkdir(parents=True)
        for jar in [*(jars().plugins / "debezium-connector-postgres").glob("*.jar"), capture_jar()]:
            (plugin / jar.name).symlink_to(jar)
        # A group of its own: workers of several tests share a broker, and none can read another's secrets.
        group = self.folder.name
        settings = {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "listeners": f"http://{LOOPBACK}:{port}",
            "plugin.path": str(plugin.parent),
            "plugin.discovery": "service_load",
            "connector.client.config.override.policy": "All",
            "key.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
            "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
            "config.providers": "directory",
            "config.providers.directory.class": "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
            "config.providers.directory.param.allowed.paths": str(self.secrets),
            "scheduled.rebalance.max.delay.ms": "0",
            "session.timeout.ms": "6000",
            "heartbeat.interval.ms": "2000",
            "offset.storage.partitions": "1",
            "status.storage.partitions": "1",
        }
        for topic in ("config", "offset", "status"):
            settings |= {f"{topic}.storage.topic": f"{group}.{topic}", f"{topic}.storage.replication.factor": "1"}
        lines = "".join(f"{name}={value}\n" for name, value in (settings | dict(more)).items())
        (self.folder / "connect.properties").write_text(lines)
        logging_config(self.folder)

    def start(self) -> None:
        """Start the worker and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        wait_until(self._answers, seconds=START_SECONDS_MAX, what="Kafka Connect answers")

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"Kafka Connect ended:\n{self.log()[-3000:]}")
        try:
            return requests.get(f"{self.url}/connectors", timeout=2).ok
        except requests.RequestException:
            return False

    def kill(self) -> None:
        """Kill the worker, as a power loss would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the worker to stop."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
            self._process = None

    def log(self) -> str:
        """Everything the worker logged."""
        return (self.folder / "log").read_text()


def _dies_with_parent() -> list[str]:
    """Prefix of a command that ends when this process is killed, where the machine has the tool for it."""
    tool = shutil.which("setpriv")
    return [] if tool is None else [tool, "--pdeathsig", "KILL"]


@contextmanager
def connect_worker(
    bootstrap: str, *, heap_mb: int = 512, settings: Mapping[str, str] | None = None
) -> Iterator[ConnectWorker]:
    """A running worker with these settings beside its own; it and its folder are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="embassy-test-connect-"))
    worker = ConnectWorker(folder, bootstrap, heap_mb=heap_mb, settings=settings)
    try:
        worker.start()
        yield worker
    finally:
        worker.kill()
        shutil.rmtree(folder, ignore_errors=True)
