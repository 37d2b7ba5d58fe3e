"""Kafka Connect is killed again and again under load; afterwards the home topic still holds exactly the register."""

import os
import random
import threading
from collections.abc import Callable
from typing import Self

from deploy.local.machine import wait_until
from tests.support.captured_register import CapturedRegister, make_register
from tests.support.connect_worker import connect_worker
from tests.support.system import PlainPostgres

KILLS = 10 if os.environ.get("EMBASSY_CAMPAIGN") else 4
RECORDS_BEFORE_A_KILL = (300, 3000)
KEYS = {("public", "person"): ("id",), ("public", "document"): ("id",)}
TABLES = """
    CREATE TABLE person (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, n numeric DEFAULT 7);
    CREATE TABLE document (id int PRIMARY KEY, status int, body text);
    ALTER TABLE document ALTER body SET STORAGE EXTERNAL;
    CREATE TABLE log (writer int, line text, n int);
    ALTER TABLE log REPLICA IDENTITY FULL;
"""
RELATIONS = (("public", "person"), ("public", "document"), ("public", "log"))


class Writers:
    """Threads that write until told to stop, each in transactions of its own; faults are kept for the test."""

    def __init__(self, register: CapturedRegister) -> None:
        self._register = register
        self._is_over = threading.Event()
        self.faults: list[Exception] = []
        works = (self._copy, self._move, self._interleave, self._documents)
        self._threads = [threading.Thread(target=self._run, args=(work, seed)) for seed, work in enumerate(works)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self, work: Callable[..., None], seed: int) -> None:
        chance = random.Random(seed)
        try:
            with self._register.connect() as connection:
                while not self._is_over.is_set():
                    with connection.transaction():
                        work(connection, chance)
                    self._is_over.wait(chance.uniform(0, 0.1))
        except Exception as fault:  # noqa: BLE001 (shown by the test's own thread)
            self.faults.append(fault)

    def _copy(self, connection, chance) -> None:
        rows = chance.choice((1, 5, 20, 300))
        with connection.cursor().copy("COPY person (name, n) FROM STDIN") as copy:
            for number in range(rows):
                copy.write_row((f"copied {number}", None if number % 3 else 1.50))

    def _move(self, connection, chance) -> None:
        connection.execute(
            "UPDATE person SET name = name || '.' WHERE id IN (SELECT id FROM person ORDER BY random() LIMIT 15)"
        )
        connection.execute("DELETE FROM person WHERE id IN (SELECT id FROM person ORDER BY random() LIMIT %s)",
                           [chance.randrange(60)])  # fmt: skip
        connection.execute(
            "UPDATE person SET id = DEFAULT WHERE id IN (SELECT id FROM person ORDER BY random() LIMIT 5)"
        )

    def _interleave(self, connection, chance) -> None:
        """Long transactions, so that those of other writers begin and commit within."""
        for number in range(chance.randrange(1, 8)):
            connection.execute("INSERT INTO log SELECT 1, 'line ' || g, %s FROM generate_series(1, 10) g", [number])
            self._is_over.wait(0.01)
            connection.execute("SAVEPOINT s")
            connection.execute("UPDATE log SET n = n + 1 WHERE line = 'line 3'")
            if chance.random() < 0.5:
                connection.execute("ROLLBACK TO s")
        connection.execute("DELETE FROM log WHERE n > 6 OR line = 'line 9'")

    def _documents(self, connection, chance) -> None:
        number = chance.randrange(40)
        connection.execute(
            "INSERT INTO document VALUES (%s, 0, repeat('large', %s)) ON CONFLICT (id) DO UPDATE SET status ="
            " document.status + 1", [number, chance.randrange(500, 2000)],
        )  # fmt: skip
        connection.execute("UPDATE document SET id = id + 100 WHERE id = %s AND status > 3", [chance.randrange(40)])
        connection.execute("DELETE FROM document WHERE id > 100 AND random() < 0.2")
        connection.execute("DELETE FROM document WHERE id = %s", [number + 100])
        if chance.random() < 0.01:
            connection.execute("TRUNCATE document")


def test_kafka_connect_killed_ten_times_loses_and_doubles_nothing(broker: str, postgres: PlainPostgres) -> None:
    chance = random.Random(7)
    with connect_worker(broker) as worker:
        register = make_register("killed", worker, postgres, tables=TABLES, keys=KEYS)
        register.apply()
        with Writers(register) as writers:
            for _ in range(KILLS):
                register.wait_for("RUNNING")
                enough = register.end_offset() + chance.randint(*RECORDS_BEFORE_A_KILL)
                wait_until(lambda: register.end_offset() >= enough, seconds=120, what="records arrive")  # noqa: B023
                worker.kill()
                worker.start()
        assert writers.faults == []
        assembled = register.assemble()
        register.remove()
    assert assembled.seen["sessions"] >= KILLS
    assert {"c", "u", "d"} <= set(assembled.seen)
    assert assembled.seen["unchanged"] > 0
    for relation in RELATIONS:
        assert assembled.rows(relation) == register.rows(relation), relation
