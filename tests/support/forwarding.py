"""Two real brokers with a link between them, synthetic home topics, forward workers, and lanes opened again."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from consumers.sequence import Sequence
from data_embassy.config import Broker, Site, load_site
from data_embassy.envelope import Header, Kind, LaneOpener, peek
from data_embassy.errors import TransportError
from data_embassy.kafka import (
    MESSAGE_BYTES_MAX,
    ensure_topics,
    home_topics,
    lane_topic_settings,
)
from data_embassy.keys import Role, encode_bundle, import_bundle, init_keys, init_recovery, load_embassy_keys
from deploy.local import broker
from deploy.local.jars import jars
from deploy.local.link import LinkControl
from deploy.local.machine import LOOPBACK, free_ports
from pipelines.batches import Record
from pipelines.logs import READ_SETTINGS, LogReader
from schemas.records import FINGERPRINTS, MAGIC, ChangeSchema, RecordKey, encode, snapshot_run
from tests.support.system import _answers, _die_with_parent, _folder, _process, _wait

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Brokers:
    """Addresses of two brokers; home reaches the embassy's through the link."""

    home: str
    embassy: str
    linked: str
    link: LinkControl
    embassy_pid: int
    home_pid: int


@contextmanager
def two_brokers() -> Iterator[Brokers]:
    """Start home's broker, the embassy's, and the link."""
    with _folder("forward") as folder:
        home_port, home_controller, port, controller, linked = free_ports(5)
        home = broker.Broker(
            folder=folder / "home",
            controller_port=home_controller,
            listeners=(broker.Listener(name="PLAIN", protocol="PLAINTEXT", port=home_port),),
            heap_mb=384,
        )
        (link_port,) = free_ports(1)
        embassy = broker.Broker(
            folder=folder / "embassy",
            controller_port=controller,
            listeners=(
                broker.Listener(name="PLAIN", protocol="PLAINTEXT", port=port),
                broker.Listener(name="LINK", protocol="PLAINTEXT", port=linked, advertised=link_port),
            ),
            heap_mb=384,
        )
        paths = jars()
        for each in (home, embassy):
            broker.write_config(each, paths)
        control = folder / "link.sock"
        link_command = [
            sys.executable, "-m", "deploy.local.link", "--listen", str(link_port), "--to", str(linked),
            "--control", str(control), "--state", str(folder / "link.json"),
        ]  # fmt: skip
        with (
            _process(broker.start_command(home, paths), folder / "home.log", stop=signal.SIGKILL) as home_process,
            _process(broker.start_command(embassy, paths), folder / "embassy.log", stop=signal.SIGKILL) as process,
            running(link_command, folder / "link.log"),
        ):
            _wait(home_process, lambda: _answers(f"{LOOPBACK}:{home_port}"), folder / "home.log")
            _wait(process, lambda: _answers(f"{LOOPBACK}:{link_port}"), folder / "embassy.log")
            yield Brokers(
                home=f"{LOOPBACK}:{home_port}",
                embassy=f"{LOOPBACK}:{port}",
                linked=f"{LOOPBACK}:{link_port}",
                link=LinkControl(control),
                embassy_pid=process.pid,
                home_pid=home_process.pid,
            )


@contextmanager
def running(command: list[str], output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours, ended by its own id."""
    with output.open("ab") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, cwd=ROOT,
            start_new_session=True, preexec_fn=_die_with_parent,  # noqa: PLW1509
        )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@dataclass(kw_only=True)
class Bench:
    """A home site with registers of its own, and what the embassy needs to open their lanes."""

    brokers: Brokers
    folder: Path
    worker_log: Path
    site: Site = field(init=False)
    connect: ConnectDouble = field(init=False)
    registers: list[str] = field(default_factory=list)
    writers: dict[str, HomeWriter] = field(default_factory=dict)

    def add_register(self) -> str:
        """A register with topics of its own; workers started later know it."""
        name, lane = f"r{secrets.token_hex(4)}", secrets.token_hex(8)
        contract = self.folder / "home" / "registers" / f"{name}.toml"
        contract.write_text(f'lane = "{lane}"\ntier = 1\n[source]\nhost = "none"\n')
        self.site = load_site(self.folder / "home")
        self.registers.append(name)
        make_topics(self.brokers, self.site)
        return name

    def writer(self, register: str) -> HomeWriter:
        """The capture task and snapshot of a register."""
        if register not in self.writers:
            self.writers[register] = HomeWriter(self.brokers.home, self.site.registers[register].changes_topic)
        return self.writers[register]

    def write(self, register: str, count: int) -> None:
        """Change records, acknowledged."""
        self.writer(register).write_changes(count)
        self.writer(register).flush()

    def log_lines(self, event: str) -> int:
        """How often the workers said something."""
        return self.worker_log.read_text().count(f"event='{event}'")

    def stop_file(self, register: str) -> Path:
        """Where a stop of a register is stored."""
        return self.folder / "home" / "state" / "forward" / f"{register}.json"

    @contextmanager
    def worker(self, *group: str) -> Iterator[subprocess.Popen[bytes]]:
        """A forward worker, in a consumer group of its own if one is named; killed at the end."""
        command = [sys.executable, "-m", "tests.support.forward_worker", str(self.folder / "home"), *group]
        with running(command, self.worker_log) as process:
            yield process

    def home_records(self, register: str) -> list[Record]:
        """The home topic."""
        return read_topic(self.brokers.home, self.site.registers[register].changes_topic)

    def lane_messages(self, register: str) -> list[Record]:
        """The lane as it stands."""
        return read_topic(self.brokers.embassy, self.site.registers[register].lane_topic)

    def opened(self, register: str) -> Opened:
        """The lane as the embassy's receiver understands it."""
        keys = load_embassy_keys(self.folder / "embassy-keys", site="embassy")
        return open_lane(LaneOpener(lane=self.site.registers[register].lane, keys=keys), self.lane_messages(register))

    def headers(self, register: str) -> list[Header]:
        """Headers of the lane's records envelopes."""
        headers = [peek(envelope) for _, _, envelope in self.lane_messages(register)]
        return [header for header in headers if header.kind is Kind.RECORDS]

    def lane_end(self, register: str) -> int:
        """Envelopes on the lane."""
        return end_of(self.brokers.embassy, self.site.registers[register].lane_topic)

    def has_forwarded(self, register: str) -> bool:
        """True when the embassy can open everything that stands on the home topic; False while a broker is away."""
        try:
            return self._has_forwarded(register)
        except TransportError:
            return False

    def _has_forwarded(self, register: str) -> bool:
        end = end_of(self.brokers.home, self.site.registers[register].changes_topic)
        newest = self.newest_header(register)
        return end == 0 or (newest is not None and newest.last_offset + 1 >= end)

    def newest_header(self, register: str) -> Header | None:
        """Header of the envelope with the highest place among the last ones."""
        keys = load_embassy_keys(self.folder / "embassy-keys", site="embassy")
        opener = LaneOpener(lane=self.site.registers[register].lane, keys=keys)
        topic = self.site.registers[register].lane_topic
        with LogReader({"bootstrap.servers": self.brokers.embassy}, topic) as reader:
            bounds = reader.bounds()
            messages = list(reader.read(max(bounds.low, bounds.end - 20), bounds.end - 1))
        headers = [opener.verify(value or b"") for _, _, value in messages]
        records = [header for header in headers if header.kind is Kind.RECORDS]
        return max(records, key=lambda header: (header.incarnation, header.last_offset), default=None)


@contextmanager
def bench(brokers: Brokers, *, registers: int = 1, link: str | None = None) -> Iterator[Bench]:
    """A home site on these brokers; `link` stands in for the embassy's address."""
    with _folder("forward-site") as folder:
        home, embassy = folder / "home", folder / "embassy-keys"
        (home / "registers").mkdir(parents=True)
        # A name of its own is a consumer group of its own.
        name = f"home{secrets.token_hex(4)}"
        mine = init_keys(home / "keys", role=Role.HOME, site=name)
        theirs = init_keys(embassy, role=Role.EMBASSY, site="embassy")
        init_recovery(folder / "recovery-keys", home=home / "keys")
        for where, ring in ((embassy, mine), (home / "keys", theirs)):
            import_bundle(where, encode_bundle(ring.bundle()), fingerprint=ring.bundle().fingerprint)
        made = Bench(brokers=brokers, folder=folder, worker_log=folder / "worker.log")
        try:
            with connect_double() as made.connect:
                (home / "site.toml").write_text(
                    f'[site]\nrole = "home"\nname = "{name}"\nstate = "state"\n'
                    f'[kafka]\nbootstrap = "{brokers.home}"\nreplicas = 1\n'
                    f'[connect]\nurl = "http://{LOOPBACK}:{made.connect.server_port}"\n'
                    f'[link]\nbootstrap = "{link or brokers.linked}"\n'
                )
                for _ in range(registers):
                    made.add_register()
                yield made
        except BaseException:
            print(made.worker_log.read_text()[-20_000:] if made.worker_log.exists() else "no worker ran")  # noqa: T201
            raise


def make_topics(brokers: Brokers, site: Site) -> None:
    """What connectors and the receiver would make."""
    registers = site.registers.values()
    ensure_topics(site.kafka, {name: each for one in registers for name, each in home_topics(one).items()})
    there = Broker(bootstrap=brokers.embassy, username=None, password=None, replicas=1)
    ensure_topics(there, {register.lane_topic: lane_topic_settings() for register in registers})
    ensure_topics(there, {register.receipts_topic: lane_topic_settings() for register in registers})


class ConnectDouble(ThreadingHTTPServer):
    """Stands in for Kafka Connect: notes what it is asked to restart."""

    restarted: list[str]

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _Restarts)
        self.restarted = []


class _Restarts(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, ConnectDouble)
        self.server.restarted.append(self.path)
        self.send_response(202)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        pass


@contextmanager
def connect_double() -> Iterator[ConnectDouble]:
    """A server for one test."""
    with ConnectDouble() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class HomeWriter:
    """Writes a home topic as a capture task and a snapshot would."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._topic = topic
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "message.max.bytes": MESSAGE_BYTES_MAX,
                "linger.ms": 0,
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 0,
            }
        )
        self._random = random.Random(7)
        self.run, self.n, self.schema = 0, 0, ChangeSchema.build("public", "person", ("id", "name"))

    def begin_session(self, run: int, *, columns: tuple[str, ...] = ("id", "name")) -> None:
        """Session marker and the schema of a table."""
        self.run, self.n = run, 0
        self.schema = ChangeSchema.build("public", "person", columns)
        marker = {
            "session": run, "slot": "s", "confirmed_flush_lsn": 1, "insert_lsn": 1, "system_identifier": "1",
            "timeline": 1, "timeline_forks": [], "started_at": 0, "server_version": 180006, "debezium_version": "3",
            "plugin_version": "1",
        }  # fmt: skip
        self.write(encode("Session", marker))
        self.write(encode("Schema", {"fingerprint": self.schema.fingerprint, "json": self.schema.json}))

    def write_changes(self, count: int, *, size: int = 265) -> None:
        """Change records with bodies that compress about as rows do."""
        if not self.run:
            self.begin_session(1 << 32 | 1)
        for _ in range(count):
            self.write(self.change(size))

    def change(self, size: int = 265) -> bytes:
        """One change record."""
        body = self._random.randbytes(16).hex().encode() * (size // 32 + 1)
        return (MAGIC + self.schema.fingerprint + b"\x02c" + body)[:size]

    def write(self, value: bytes) -> None:
        """The next record of the session."""
        self.n += 1
        self.put(RecordKey(1, self.run, self.n), value)

    def write_snapshot(self, generation: int, *, chunks: int) -> None:
        """An attempt's first record and some more."""
        run = snapshot_run(generation, 1)
        begin = {
            "started_at": 0, "system_identifier": "1", "timeline": 1, "server_version": 180006, "database": "d",
            "encoding": "UTF8", "locale_provider": "c", "collate": "C", "ctype": "C", "locale": None,
        }  # fmt: skip
        self.put(RecordKey(2, run, 1), encode("SnapshotBegin", begin))
        for i in range(chunks):
            self.put(RecordKey(2, run, 2 + i), MAGIC + FINGERPRINTS["SnapshotChunk"] + self._random.randbytes(100))

    def put(self, key: RecordKey, value: bytes) -> None:
        """Any record."""
        while True:
            try:
                self._producer.produce(self._topic, value, key.pack(), partition=0)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def flush(self) -> None:
        """Wait until the broker has everything."""
        assert self._producer.flush(60) == 0


@dataclass(kw_only=True)
class Opened:
    """A lane, opened in the receiver's order."""

    records: list[Record] = field(default_factory=list)
    headers: list[Header] = field(default_factory=list)
    epochs: list[Header] = field(default_factory=list)
    schemas: list[list[bytes]] = field(default_factory=list)
    repeated: int = 0


def open_lane(opener: LaneOpener, messages: list[Record]) -> Opened:
    """Open a whole lane; raises Gapped, and whatever the opener refuses."""
    opened, sequence = Opened(), Sequence()
    by_offset = {offset: value for offset, _, value in messages}
    for lane_offset, _, envelope in messages:
        header = opener.verify(envelope)
        if header.kind is Kind.EPOCH:
            opened.epochs.append(header)
            opened.schemas.append(opener.open_epoch(envelope, lane_offset).schemas)
            continue
        opened.headers.append(header)
        seen = sequence.unseen(header)
        if seen is None:
            opened.repeated += header.count
            continue
        needed = opener.needs_epoch(header)
        if needed is not None:
            opener.open_epoch(by_offset[needed], needed)
        content = opener.open(envelope)
        opened.repeated += seen
        fresh = [
            (content.first_offset + i, key, value)
            for i, (key, value) in enumerate(zip(content.keys, content.values, strict=True))
        ][seen:]
        while opened.records and opened.records[-1][0] >= fresh[0][0]:
            opened.records.pop()
        opened.records.extend(fresh)
        sequence.accept(header)
    return opened


def read_topic(bootstrap: str, topic: str) -> list[Record]:
    """All messages of a topic."""
    with LogReader({"bootstrap.servers": bootstrap, "log_level": 0}, topic) as reader:
        bounds = reader.bounds()
        return [(offset, key or b"", value or b"") for offset, key, value in reader.read(bounds.low, bounds.end - 1)]


def end_of(bootstrap: str, topic: str) -> int:
    """End of a topic."""
    with LogReader({"bootstrap.servers": bootstrap, "log_level": 0}, topic) as reader:
        return reader.bounds().end


def delete_topic(bootstrap: str, topic: str) -> None:
    """Delete a topic and wait until it is gone."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.delete_topics([topic], operation_timeout=30).values():
        future.result()
    until(lambda: topic not in admin.list_topics(timeout=10).topics, 30)


def until(condition: Callable[[], bool], seconds: float, *, every: float = 0.1) -> None:
    """Return when the condition holds; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(every)


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def following(bootstrap: str, topic: str) -> Consumer:
    """A consumer at the end of a topic."""
    consumer = Consumer({"bootstrap.servers": bootstrap, **READ_SETTINGS, "fetch.wait.max.ms": 500})
    consumer.assign([TopicPartition(topic, 0, end_of(bootstrap, topic))])
    return consumer
