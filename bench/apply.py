"""Catch-up rate and idle latency of the apply, for a table of ten columns with one key.

    python -m bench.apply [--dsn DSN] [--rows 200000] [--changes 200000] [--group 20000] [--second-unique]

Without --dsn a server of its own is started. Prints one line per measurement; nothing is stored.
"""

import argparse
import io
import json
import random
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue

import fastavro

from consumers.apply import Applier, Decoded, Decoder, Frame, prepare_session
from data_embassy.postgres import Connection
from schemas.records import MAGIC, ChangeSchema
from tests.support.register_pair import connect
from tests.support.system import plain_postgres

COLUMNS = (
    "id",
    "national_id",
    "given_name",
    "family_name",
    "birth",
    "address",
    "municipality",
    "status",
    "at",
    "income",
)
TABLE = """
CREATE TABLE public.person (id bigint PRIMARY KEY, national_id text, given_name text, family_name text, birth date,
    address text, municipality int, status text, at timestamptz, income numeric(12,2))
"""
TRANSACTION_SIZE = 5


class Stream:
    """Makes change values of a plausible mix: 30 % inserts, 60 % updates, 10 % deletes."""

    def __init__(self, rows: int) -> None:
        self.schema = ChangeSchema.build("public", "person", COLUMNS)
        self._parsed = fastavro.parse_schema(json.loads(self.schema.json))
        self._rng = random.Random(7)
        self._keys = list(range(rows))
        self._next = rows

    def values(self, count: int, *, transaction_size: int = TRANSACTION_SIZE) -> tuple[list[bytes], list[Frame]]:
        values: list[bytes] = []
        frames: list[Frame] = []
        for first in range(0, count, transaction_size):
            number, last = 1000 + len(frames), first + transaction_size
            values += [self._value(order, number) for order in range(1, transaction_size + 1)]
            frames.append(Frame(transaction=number, commit_lsn=1, event_count=transaction_size, first=first, last=last))
        return values, frames

    def _value(self, order: int, transaction: int) -> bytes:
        op = self._rng.choices("cud", (3, 6, 1))[0]
        if op == "c":
            key, self._next = self._next, self._next + 1
            self._keys.append(key)
        else:
            place = self._rng.randrange(len(self._keys))
            key = self._keys[place]
            if op == "d":
                self._keys[place] = self._keys[-1]
                self._keys.pop()
        record: dict[str, object] = {
            "op": op,
            "order": order,
            "transaction": transaction,
            "lsn": order,
            "before": None,
            "after": None,
        }
        image = row(key, self._rng.randrange(1000))
        if op == "d":
            record["before"] = {f"c{i}": value if i == 0 else None for i, value in enumerate(image)}
        else:
            record["after"] = {f"c{i}": value for i, value in enumerate(image)}
        out = io.BytesIO()
        fastavro.schemaless_writer(out, self._parsed, record)
        return MAGIC + self.schema.fingerprint + out.getvalue()


def row(key: int, salt: int) -> list[str]:
    return [
        str(key),
        f"N{key:011d}",
        f"given {salt}",
        f"family {key % 977}",
        "1980-02-03",
        f"{salt} Long Street, flat {key % 90}",
        str(salt % 79),
        "resident",
        f"2024-05-06 07:08:{salt % 60:02d}.123456+00",
        f"{salt * 7}.25",
    ]


@contextmanager
def server(dsn: str | None) -> Iterator[str]:
    if dsn is not None:
        yield dsn
    else:
        with plain_postgres({"shared_buffers": "512MB", "max_wal_size": "4GB", "fsync": "on"}) as started:
            yield started.dsn()


def fill(connection: Connection, rows: int, *, second_unique: bool) -> None:
    connection.execute("DROP TABLE IF EXISTS public.person")
    connection.execute(TABLE)
    with connection.cursor() as cursor, cursor.copy("COPY public.person FROM STDIN") as copy:
        for key in range(rows):
            copy.write_row(row(key, key % 1000))
    if second_unique:
        connection.execute("CREATE UNIQUE INDEX ON public.person (national_id)")
    connection.commit()


def catch_up(connection: Connection, stream: Stream, *, changes: int, group: int) -> None:
    groups = [stream.values(group) for _ in range(changes // group)]
    decoder = Decoder({stream.schema.fingerprint: stream.schema})
    applier = Applier(connection)
    ready: Queue[Decoded] = Queue(2)
    spent = {"decode": 0.0, "apply": 0.0, "commit": 0.0}

    def decode() -> None:
        for values, frames in groups:
            start = time.perf_counter()
            decoded = decoder.decode(values, frames)
            spent["decode"] += time.perf_counter() - start
            ready.put(decoded)

    thread = threading.Thread(target=decode, daemon=True)
    began = time.perf_counter()
    thread.start()
    for _ in groups:
        decoded = ready.get()
        start = time.perf_counter()
        applier.apply(decoded)
        spent["apply"] += time.perf_counter() - start
        start = time.perf_counter()
        connection.commit()
        spent["commit"] += time.perf_counter() - start
    thread.join()
    took = time.perf_counter() - began
    total = len(groups) * group
    parts = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in spent.items())
    print(f"catch-up in groups of {group:,}: {total / took:,.0f} changes/s ({total:,} in {took:.2f} s; {parts})")


def latency(connection: Connection, stream: Stream, *, size: int, limit: int) -> None:
    decoder = Decoder({stream.schema.fingerprint: stream.schema})
    applier = Applier(connection, row_path_count_max=limit)
    decode_ms, apply_ms = [], []
    for _ in range(60):
        values, frames = stream.values(size, transaction_size=size)
        start = time.perf_counter()
        decoded = decoder.decode(values, frames)
        middle = time.perf_counter()
        applier.apply(decoded)
        end = time.perf_counter()
        connection.commit()
        decode_ms.append((middle - start) * 1e3)
        apply_ms.append((end - middle) * 1e3)
    kind = "rows" if limit else "set"
    print(
        f"{size:4d} changes by {kind:4s}: decode {statistics.median(decode_ms):6.2f} ms, "
        f"apply {statistics.median(apply_ms):6.2f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--changes", type=int, default=200_000)
    parser.add_argument("--group", type=int, action="append")
    parser.add_argument("--second-unique", action="store_true")
    parser.add_argument("--latency", action="store_true")
    arguments = parser.parse_args()
    with server(arguments.dsn) as dsn, connect(dsn) as connection:
        prepare_session(connection)
        connection.execute("SET synchronous_commit = off")
        connection.commit()
        if arguments.latency:
            fill(connection, arguments.rows, second_unique=arguments.second_unique)
            stream = Stream(arguments.rows)
            for size in (1, 5, 10, 20, 40, 80, 160):
                for limit in (10**9, 0):
                    latency(connection, stream, size=size, limit=limit)
            return
        for group in arguments.group or [20_000]:
            fill(connection, arguments.rows, second_unique=arguments.second_unique)
            catch_up(connection, Stream(arguments.rows), changes=arguments.changes, group=group)


if __name__ == "__main__":
    main()
