"""The whole way on this machine: catch-up beside native logical replication, bytes on the link, commit to visible.

    python -m bench.whole [--changes 200000] [--rounds 5] [--probes 200]

One register with one table of ten columns. Each round makes the same kind of changes (transactions of five, 30 %
inserts, 60 % updates, 10 % deletes) while both standbys stand still; then native logical replication drains them into
one database and our receiver drains its lane into another, one after the other, on the same server. At the end both
are compared with the source, every row. Prints JSON.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Consumer, TopicPartition
from psycopg import sql

from data_embassy.config import load_site
from data_embassy.envelope import Kind, peek
from data_embassy.kafka import client_settings
from data_embassy.types import Lsn
from deploy.local.compare import compare
from deploy.local.system import LocalSystem

TABLE = """
CREATE TABLE person (id bigint PRIMARY KEY, national_id text, given_name text, family_name text, birth date,
    address text, municipality int, status text, at timestamptz, income numeric(12,2))
"""
FILL = """
INSERT INTO person SELECT i, 'EE' || i, 'given ' || i % 977, 'family ' || i % 1009, '1990-01-01', 'street ' || i,
    i % 79, 'active', now(), i % 50000 FROM generate_series(1, 200000) i
"""
CHANGES = """
DO $do$ DECLARE b bigint := {base}; n bigint; BEGIN FOR i IN 1..{transactions} LOOP
    n := b + i * 10;
    INSERT INTO person VALUES (n, 'EE' || n, 'given ' || i % 977, 'family ' || i % 1009, '2001-02-03', 'street ' || n,
        i % 79, 'active', now(), i % 50000);
    IF i % 2 = 0 THEN INSERT INTO person VALUES (n + 1, 'EE' || n, 'g', 'f', '2002-02-03', 's', 1, 'active', now(), 1);
    ELSE DELETE FROM person WHERE id = n - 9; IF NOT FOUND THEN DELETE FROM person WHERE id = n; END IF; END IF;
    UPDATE person SET address = 'moved ' || i, at = now() WHERE id = 1 + (i::bigint * 7919) % 200000;
    UPDATE person SET income = income + 1 WHERE id = 1 + (i::bigint * 104729) % 200000;
    UPDATE person SET status = 'away', at = now() WHERE id = 1 + (i::bigint * 1299709) % 200000;
    COMMIT;
END LOOP; END $do$
"""
WAIT_SECONDS_MAX = 600


def until(condition: Callable[[], Any], what: str, *, pause: float = 0.02) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(pause)


def has(connection: psycopg.Connection[Any], number: int) -> bool:
    return connection.execute("SELECT 1 FROM person WHERE id = %s", (number,), prepare=True).fetchone() is not None


class Bench:
    def __init__(self, system: LocalSystem) -> None:
        self.system = system
        with psycopg.connect(system.env()["home_postgres"], autocommit=True) as admin:
            admin.execute("CREATE DATABASE bench")
        self.home = psycopg.connect(system.database_dsn("bench"), autocommit=True)
        self.home.execute(TABLE)
        self.home.execute(FILL)
        # Before the register is prepared: a statement of definition later would stop the standby.
        self.home.execute("CREATE PUBLICATION native FOR TABLE person")
        system.add_register("bench")
        env = system.env()
        self.standby_dsn = env["registers"]["bench"]["standby_dsn"]
        self.home_dsn = env["registers"]["bench"]["home_dsn"]
        with psycopg.connect(env["embassy_postgres"], autocommit=True) as admin:
            admin.execute("CREATE DATABASE native")
        self.native_dsn = env["embassy_postgres"].rsplit("/", 1)[0] + "/native"
        self.native = psycopg.connect(self.native_dsn, autocommit=True)
        self.native.execute(TABLE)
        self.native.execute(
            sql.SQL("CREATE SUBSCRIPTION native CONNECTION {} PUBLICATION native").format(sql.Literal(self.home_dsn))
        )
        until(self.is_native_ready, "native copy")
        until(lambda: self.position() is not None, "the standby is live", pause=0.5)
        self.embassy = load_site(Path(env["embassy_site"]))
        self.base = 1_000_000_000

    def is_native_ready(self) -> bool:
        rows = self.native.execute("SELECT srsubstate FROM pg_subscription_rel").fetchall()
        return bool(rows) and all(state == "r" for (state,) in rows)

    def position(self) -> Lsn | None:
        try:
            with psycopg.connect(self.standby_dsn, autocommit=True) as standby:
                row = standby.execute("SELECT last_end::text FROM embassy_local.position").fetchone()
        except psycopg.OperationalError:
            return None
        return None if row is None else Lsn.parse(row[0])

    def make_changes(self, count: int) -> int:
        """Make the changes and a last row, whose id is returned: who sees it has all of them."""
        transactions = count // 5
        self.home.execute(sql.SQL(CHANGES).format(base=sql.Literal(self.base), transactions=sql.Literal(transactions)))
        self.base += transactions * 10 + 1000
        self.home.execute("INSERT INTO person (id, status) VALUES (%s, 'last')", (self.base,))
        self.base += 1
        return self.base - 1

    def backlog(self) -> int:
        consumer = Consumer(client_settings(load_site(Path(self.system.env()["home_site"])).kafka) | {"group.id": "b"})
        with closing(consumer):
            end: int = consumer.get_watermark_offsets(TopicPartition("changes.bench", 0), timeout=20)[1]
        return end

    def lane(self, start: int) -> tuple[int, int, int]:
        """Envelopes' bytes and records from a lane offset on, and the lane's end."""
        topic = self.embassy.register("bench").lane_topic
        settings = client_settings(self.embassy.kafka) | {"group.id": "b", "enable.partition.eof": True}
        size = records = 0
        with closing(Consumer(settings)) as consumer:
            partition = TopicPartition(topic, 0, start)
            end: int = consumer.get_watermark_offsets(partition, timeout=20)[1]
            consumer.assign([partition])
            at = start
            while at < end:
                message = consumer.poll(20)
                if message is None or message.error():
                    continue
                value = message.value() or b""
                size, at = size + len(value), (message.offset() or 0) + 1
                header = peek(value)
                records += header.count if header.kind is Kind.RECORDS else 0
        return size, records, end

    def round(self, count: int) -> dict[str, float]:
        self.native.execute("ALTER SUBSCRIPTION native DISABLE")
        self.system.stop("receive")
        start = self.lane(0)[2]
        end = self.make_changes(count)
        self.settle()
        size, records, _ = self.lane(start)
        at = time.monotonic()
        self.native.execute("ALTER SUBSCRIPTION native ENABLE")
        until(lambda: has(self.native, end), "native drained", pause=0.01)
        native_seconds = time.monotonic() - at
        # From the receiver's first commit on: the start of a Python process is not what is measured here.
        before = self.position()
        self.system.start("receive")
        until(lambda: self.position() != before, "the receiver begins", pause=0.01)
        at = time.monotonic()
        first = self.changes_applied()
        with psycopg.connect(self.standby_dsn, autocommit=True) as standby:
            until(lambda: has(standby, end), "drained", pause=0.01)
        ours_seconds = time.monotonic() - at
        ours = (self.changes_applied() - first) / ours_seconds
        return {
            "native_changes_per_second": round(count / native_seconds),
            "ours_changes_per_second": round(ours),
            "ratio": round(ours / (count / native_seconds), 2),
            "link_bytes_per_change": round(size / count, 1),
            "link_bytes_per_record": round(size / records, 1),
        }

    def changes_applied(self) -> int:
        with psycopg.connect(self.standby_dsn, autocommit=True) as standby:
            row = standby.execute("SELECT changes FROM embassy_local.position").fetchone()
        assert row is not None
        return int(row[0])

    def settle(self) -> None:
        """Wait until capture and forward have nothing left but the pulse."""
        quiet_since, last = time.monotonic(), -1
        while time.monotonic() - quiet_since < 4:
            end = self.backlog()
            if end - last > 50:
                quiet_since = time.monotonic()
                last = end
            time.sleep(0.5)

    def probe(self, count: int) -> dict[str, float]:
        """From the moment the commit returned at home until a reader of the standby sees the row."""
        taken = []
        with psycopg.connect(self.standby_dsn, autocommit=True) as standby:
            for i in range(count):
                number = self.base + i
                self.home.execute("INSERT INTO person (id, status) VALUES (%s, 'probe')", (number,))
                at = time.monotonic()
                while not has(standby, number):
                    time.sleep(0.001)
                taken.append((time.monotonic() - at) * 1000)
                time.sleep(0.037)
        self.base += count
        taken.sort()
        return {
            "p50_ms": round(statistics.median(taken), 1),
            "p99_ms": round(taken[int(len(taken) * 0.99) - 1], 1),
            "max_ms": round(taken[-1], 1),
        }


def measure(changes: int, rounds: int, probes: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="embassy-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        system = LocalSystem(Path(folder) / "system")
        try:
            system.up()
            bench = Bench(system)
            visible = {"0": bench.probe(probes)}
            system.link.delay(40)
            visible["40"] = bench.probe(probes)
            system.link.delay(0)
            bench.round(changes // 4)  # The JVM and the caches are warm from here on.
            catch_up = [bench.round(changes) for _ in range(rounds)]
            compared = compare("bench", bench.home_dsn, bench.standby_dsn)
            return {"visible": visible, "catch_up": catch_up, "is_equal": compared.equal, "rows": compared.rows}
        finally:
            system.down()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--probes", type=int, default=200)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.changes, arguments.rounds, arguments.probes), indent=2))


if __name__ == "__main__":
    main()
