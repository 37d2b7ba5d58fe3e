"""Plain Debezium beside the capture plugin: the same database, the same Kafka Connect, the same kills.

    python -m bench.plain_debezium [--only NAME] [--again]     writes docs/reports/plain-debezium.md

Both connectors read one database through slots of their own, in one worker, which is ended and started again while
writers work whose every change is known (`known_work`). Plain Debezium resumes from the offsets that Kafka Connect
stored; the plugin begins at its slot. Afterwards each topic is held against what was committed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Final

import requests
from confluent_kafka import Consumer, TopicPartition

from bench.known_work import RELATIONS, TABLES, Change, Known, KnownWork, begin
from bench.plain_report import write
from bench.plain_topic import PlainReader
from bench.versions import machine, revision, versions
from data_embassy.kafka import ensure_topics
from deploy.local.machine import wait_until
from tests.support.assemble_reference import Assembler, Relation, Row
from tests.support.captured_register import CapturedRegister, make_register
from tests.support.connect_worker import ConnectWorker, connect_worker
from tests.support.system import plain_broker, plain_postgres

REPORT: Final = Path("docs/reports/plain-debezium.md")
RESULTS: Final = Path("artefacts/plain-debezium")
TOPIC: Final = "changes.plain"
RECORDS_BETWEEN: Final = (2000, 10000)
STILL_SECONDS: Final = 5.0
"""A topic that grew no longer for this time is read."""
KEYS: Final = {("public", "entry"): ("tx", "n"), ("public", "account"): ("id",)}
LEVEL_SECONDS_MAX: Final = 240.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One run: how the worker ends each time, and how often Connect stores offsets."""

    name: str
    seed: int
    ends: tuple[str, ...]
    offset_flush_ms: int


SCHEDULES: Final = (
    Schedule(name="kill -9, offsets stored every 60 s (Connect's default)", seed=1, ends=("kill",),
             offset_flush_ms=60_000),
    Schedule(name="kill -9, offsets stored every second", seed=2, ends=("kill",), offset_flush_ms=1000),
    Schedule(name="kill -9, offsets stored every 100 ms", seed=3, ends=("kill",), offset_flush_ms=100),
    Schedule(name="ended in order (SIGTERM), offsets stored every 60 s", seed=4, ends=("stop",),
             offset_flush_ms=60_000),
    Schedule(name="connector restarted over its interface, every 60 s", seed=5, ends=("restart",),
             offset_flush_ms=60_000),
)  # fmt: skip


class NotingAssembler(Assembler):
    """The rules of stream v1, with a note of each change that they let through."""

    def __init__(self) -> None:
        super().__init__({**KEYS, ("data_embassy", "pulse"): ("id",)})
        self.passed = Counter[Change]()

    def _apply(
        self, relation: Relation, columns: tuple[str, ...], change: dict[str, Any], moved: Row | None
    ) -> Row | None:
        row = change["before"] if change["op"] == "d" else change["after"]
        values = [] if row is None else list(row.values())
        if relation == ("public", "entry"):
            self.passed["entry", change["op"], int(values[0]), int(values[1]), 0] += 1
        elif relation == ("public", "account"):
            self.passed["account", change["op"], int(values[0]), int(values[1]), int(values[2])] += 1
        return super()._apply(relation, columns, change, moved)


def plain_config(register: CapturedRegister, password: str) -> dict[str, str]:
    """Debezium's defaults, but for what leads to the same database and gives it the same chance."""
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "topic.prefix": "plain",
        "plugin.name": "pgoutput",
        "database.hostname": register.server.host,
        "database.port": str(register.server.port),
        "database.dbname": register.name,
        "database.user": "test_capture",
        "database.password": password,
        "slot.name": "plain",
        "publication.name": "plain",
        "publication.autocreate.mode": "disabled",
        "schema.include.list": "public",
        "snapshot.mode": "no_data",
        "provide.transaction.metadata": "true",
        "tombstones.on.delete": "false",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "false",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "transforms": "one",
        "transforms.one.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.one.regex": r"plain\..*",
        "transforms.one.replacement": TOPIC,
    }


def run(schedule: Schedule) -> dict[str, Any]:
    """One run; what both topics hold in the end."""
    settings = {"offset.flush.interval.ms": str(schedule.offset_flush_ms)}
    with (
        plain_broker(heap_mb=512) as bootstrap,
        plain_postgres({"max_wal_size": "8GB"}) as server,
        connect_worker(bootstrap, heap_mb=1024, settings=settings) as worker,
    ):
        began = time.monotonic()
        register = make_register("beside", worker, server, tables=TABLES, keys=KEYS)
        _apply_both(register, worker)
        known = Known()
        begin(server.dsn("beside"), known)
        with KnownWork(server.dsn("beside"), known, schedule.seed):
            _end_again_and_again(schedule, register, worker)
        found = _judge(register, known)
        return {
            "schedule": asdict(schedule),
            "versions": versions(server.dsn()),
            "machine": machine(),
            "revision": revision(),
            "date": f"{dt.datetime.now(dt.UTC):%Y-%m-%d}",
            "seconds": time.monotonic() - began,
            "transactions": len(known.changes),
            "changes": sum(map(len, known.changes.values())),
            **found,
        }


def _apply_both(register: CapturedRegister, worker: ConnectWorker) -> None:
    register.execute(
        "CREATE PUBLICATION plain FOR ALL TABLES", "SELECT pg_create_logical_replication_slot('plain', 'pgoutput')"
    )
    ensure_topics(register.site.kafka, {TOPIC: {}})
    register.apply()
    config = plain_config(register, "capture-password")
    requests.put(f"{worker.url}/connectors/plain/config", json=config, timeout=30).raise_for_status()
    _wait_both(register, worker)


def _wait_both(register: CapturedRegister, worker: ConnectWorker) -> None:
    register.wait_for("RUNNING")

    def runs() -> bool:
        status = requests.get(f"{worker.url}/connectors/plain/status", timeout=10).json()
        return [task["state"] for task in status.get("tasks", ())] == ["RUNNING"]

    wait_until(runs, seconds=120, what="the plain connector runs")


def _end_again_and_again(schedule: Schedule, register: CapturedRegister, worker: ConnectWorker) -> None:
    rng = Random(f"ends/{schedule.seed}")
    for number, how in enumerate(schedule.ends, 1):
        _wait_both(register, worker)
        enough = _end_offset(register.bootstrap) + rng.randint(*RECORDS_BETWEEN)
        wait_until(lambda: _end_offset(register.bootstrap) >= enough, seconds=180, what="records arrive")  # noqa: B023
        if how == "restart":
            requests.post(f"{worker.url}/connectors/plain/restart?includeTasks=true", timeout=60).raise_for_status()
            requests.post(f"{worker.url}/connectors/capture.beside/restart?includeTasks=true", timeout=60)
        else:
            worker.kill() if how == "kill" else worker.stop()
            worker.start()
        print(f"plain: {schedule.name}: {how} {number}", flush=True)
    _wait_both(register, worker)


def _judge(register: CapturedRegister, known: Known) -> dict[str, Any]:
    """Wait until both topics hold a last change, then read both."""
    last = known.number()
    with register.connect() as connection:
        connection.execute("UPDATE account SET tx = %s, n = id WHERE id = 1", (last,))
        row = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
    assert row is not None
    known.committed(int(row[0]), [("account", "u", 1, last, 1)])
    assembler = _assembled(register)
    ours = _passed(assembler, known)
    plain = PlainReader(known.changes)
    plain.read(_plain_values(register.bootstrap, last))
    verdict = plain.verdict()
    held = {table: Counter[Row]() for table in RELATIONS}
    for (table, _), row in plain.state.items():
        held[table][tuple(map(str, row))] += 1
    rows = _rows(register)
    ours["different"] = _different(rows, {table: assembler.rows(("public", table)) for table in RELATIONS})
    verdict["different"] = _different(rows, held)
    return {
        "rows": sum(one.total() for one in rows.values()),
        "ours": ours,
        "plain": {**verdict, "frames": dict(plain.frames)},
    }


def _assembled(register: CapturedRegister) -> NotingAssembler:
    """The plugin's topic by the rules of stream v1, once it holds the newest beat."""
    beat = ("1", str(register.beat()))
    found: list[NotingAssembler] = []

    def is_level() -> bool:
        _wait_still(register.end_offset)
        assembler = NotingAssembler()
        assembler.read(register.topic())
        found[:] = [assembler]
        return beat in assembler.rows(("data_embassy", "pulse"))

    wait_until(is_level, seconds=LEVEL_SECONDS_MAX, what="the newest beat is in the plugin's topic")
    return found[0]


def _passed(assembler: NotingAssembler, known: Known) -> dict[str, int]:
    wanted = Counter(change for changes in known.changes.values() for change in changes)
    return {
        "missing": (wanted - assembler.passed).total(),
        "doubled": (assembler.passed - wanted).total(),
        **{name: assembler.seen[name] for name in ("sessions", "discarded", "repeats", "dropped")},
    }


def _different(rows: Mapping[str, Counter[Row]], held: Mapping[str, Counter[Row]]) -> int:
    """Rows that a consumer lacks, has too many, or has with other values."""
    found = 0
    for table, there in rows.items():
        found += max((held[table] - there).total(), (there - held[table]).total())
    return found


def _rows(register: CapturedRegister) -> dict[str, Counter[Row]]:
    return {table: register.rows(("public", table)) for table in RELATIONS}


def _plain_values(bootstrap: str, last: int) -> list[bytes]:
    """The plain topic, once it holds the last change."""
    wanted, found = f'"tx":{last},'.encode(), list[bytes]()

    def is_there() -> bool:
        _wait_still(lambda: _end_offset(bootstrap))
        found[:] = _read(bootstrap)
        return any(wanted in value for value in found[-50:]) and b'"END"' in found[-1]

    wait_until(is_there, seconds=LEVEL_SECONDS_MAX, what="the last change is in the plain topic")
    return found


def _wait_still(end: Callable[[], int]) -> None:
    """Return when a topic's end did not move for a while."""
    seen, since = end(), time.monotonic()
    while time.monotonic() - since < STILL_SECONDS:
        time.sleep(0.5)
        if (now := end()) != seen:
            seen, since = now, time.monotonic()


def _read(bootstrap: str) -> list[bytes]:
    with closing(_consumer(bootstrap)) as consumer:
        _, end = consumer.get_watermark_offsets(TopicPartition(TOPIC, 0), timeout=30)
        consumer.assign([TopicPartition(TOPIC, 0, 0)])
        values: list[bytes] = []
        while len(values) < end:
            values += [value for one in consumer.consume(10_000, timeout=5) if (value := one.value()) is not None]
        return values


def _end_offset(bootstrap: str) -> int:
    with closing(_consumer(bootstrap)) as consumer:
        return int(consumer.get_watermark_offsets(TopicPartition(TOPIC, 0), timeout=30)[1])


def _consumer(bootstrap: str) -> Consumer:
    return Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False, "log_level": 0})


def main() -> None:
    """Run the schedules that were asked for, and write the report of all that were run."""
    parser = argparse.ArgumentParser(description="Plain Debezium beside the capture plugin, under the same kills.")
    parser.add_argument("--only", type=int, choices=range(1, len(SCHEDULES) + 1), help="one schedule, by its number")
    parser.add_argument("--ends", type=int, default=10, help="how often the worker ends")
    parser.add_argument("--again", action="store_true", help="only write the report of what was run")
    arguments = parser.parse_args()
    for ending in (signal.SIGTERM, signal.SIGINT):  # Told to end, it ends what it started, also in the background.
        signal.signal(ending, signal.default_int_handler)
    RESULTS.mkdir(parents=True, exist_ok=True)
    for number, schedule in enumerate(SCHEDULES, 1):
        if not arguments.again and arguments.only in (None, number):
            found = run(replace(schedule, ends=schedule.ends[:1] * arguments.ends))
            (RESULTS / f"{number}.json").write_text(json.dumps(found, indent=1))
            print(json.dumps(found, indent=1))
    results = {number: RESULTS / f"{number}.json" for number in range(1, len(SCHEDULES) + 1)}
    not_run = [schedule.name for path, schedule in zip(results.values(), SCHEDULES, strict=True) if not path.exists()]
    write(REPORT, [json.loads(path.read_text()) for path in results.values() if path.exists()], not_run)
    print(f"written: {REPORT}")


if __name__ == "__main__":
    main()
