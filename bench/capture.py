"""How fast a backlog reaches the home topic: a real server, broker and Kafka Connect on this machine.

    .venv/bin/python bench/capture.py [transactions]

Each round makes a backlog while no connector runs, then starts the connector and reads the times of the records. The
first round meets a cold JVM. A message is a record of the home topic: changes, Begin and End.
"""

import sys
import time
from contextlib import closing

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, TopicPartition
from psycopg import sql

from tests.support.captured_register import CapturedRegister, make_register
from tests.support.connect_worker import connect_worker
from tests.support.system import plain_broker, plain_postgres

ROUNDS = 4
TABLES = """
    CREATE TABLE person (id bigint PRIMARY KEY, name text, street text, city text, born date, changed timestamptz,
        amount numeric(12, 2), active boolean);
    CREATE TABLE account (id bigint PRIMARY KEY, person bigint, balance numeric(14, 2), note text);
"""
BACKLOG = """
    DO $do$ BEGIN FOR i IN 1..{transactions} LOOP
        INSERT INTO person VALUES ({base} + i, 'name ' || i, 'street ' || i, 'city', '1990-01-01', now(), i, true);
        INSERT INTO account VALUES ({base} + i, {base} + i, 0, 'first');
        UPDATE account SET balance = balance + 1, note = 'second' WHERE id = {base} + i;
        UPDATE person SET amount = amount + 1, changed = now() WHERE id = {base} + i - i % 7;
        IF i % 3 <> 0 THEN UPDATE account SET balance = 0 WHERE id = {base} + i - i % 5; END IF;
        COMMIT;
    END LOOP; END $do$
"""


def main() -> None:
    """Run the rounds and print their rates."""
    transactions = int(sys.argv[1]) if len(sys.argv) > 1 else 60_000
    with plain_postgres() as server, plain_broker() as broker, connect_worker(broker, heap_mb=768) as worker:
        register = make_register("bench", worker, server, tables=TABLES, keys={})
        read = 0
        for number in range(ROUNDS):
            with register.connect() as connection:
                connection.autocommit = True
                connection.execute(
                    sql.SQL(BACKLOG).format(transactions=sql.Literal(transactions), base=sql.Literal(number << 32))
                )
            beat = register.beat()
            register.apply()
            count, seconds = measure(register, broker, read, beat)
            read += count
            print(f"round {number + 1}: {count} messages in {seconds:.2f} s = {count / seconds:,.0f} messages/s")
            register.remove()


def measure(register: CapturedRegister, broker: str, start: int, beat: int) -> tuple[int, float]:
    """Count the records of the round and the time from the first to the last, by the producer's clock."""
    wanted = b"\x02" + bytes([2 * len(str(beat))]) + str(beat).encode()
    settings = {"bootstrap.servers": broker, "group.id": "bench", "fetch.message.max.bytes": 10_000_000}
    with closing(Consumer(settings)) as consumer:
        consumer.assign([TopicPartition(f"changes.{register.name}", 0, start)])
        first = last = None
        count, is_over = 0, False
        deadline = time.monotonic() + 300
        while not is_over and time.monotonic() < deadline:
            for message in consumer.consume(5000, timeout=0.2):
                value, (kind, stamp) = message.value() or b"", message.timestamp()
                assert kind != TIMESTAMP_NOT_AVAILABLE
                first, last, count = stamp if first is None else first, stamp, count + 1
                is_over = is_over or (len(value) < 60 and value.endswith(wanted))
    assert first is not None
    assert last is not None
    return count, (last - first) / 1000


if __name__ == "__main__":
    main()
