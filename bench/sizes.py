"""Sizes: what large transactions, large values, backlogs, many tables and many registers cost; prints JSON lines.

    python -m bench.sizes [transaction|huge|values|backlog|tables|registers|idle|latency ...]

Each scenario runs on a whole system of its own. Figures of memory are the kernel's count of the most resident memory
of a process (VmHWM); afterwards every row of the standby is compared with the source.
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import psycopg

from deploy.local.processes import CONNECT
from deploy.local.system import LocalSystem
from tests.support.scenario import Registers, wait_for
from tests.support.sizes import (
    IMAGE,
    LETTER,
    WAIT_SECONDS_MAX,
    Use,
    arrive,
    make_register,
    measured,
    run,
    shown,
)  # fmt: skip
from tests.support.system import local_system

NAME = "sizes"
FIGURES = dict[str, Any]
LEDGER = """
CREATE TABLE ledger (id bigint PRIMARY KEY, holder text NOT NULL, code text, amount numeric(12,2), at timestamptz,
    note text, state int NOT NULL DEFAULT 0)
"""
ROWS = """
INSERT INTO ledger SELECT g, 'holder ' || g % 977, md5(g::text), g % 100000, now(), repeat('n', (g % 60)::int), 0
FROM generate_series({first}, {last}) g
"""
SCAN = "CREATE TABLE scan (id int PRIMARY KEY, image bytea, letter text, shown int NOT NULL DEFAULT 0)"


def transaction(system: LocalSystem, rows: int) -> FIGURES:
    """One transaction each: insert, update, delete so many rows."""
    registers = make_register(system, NAME, LEDGER)
    made: FIGURES = {"rows": rows}
    for what, statement in (
        ("insert", ROWS.format(first=1, last=rows)),
        ("update", "UPDATE ledger SET state = state + 1, note = 'x'"),
        ("key change", "UPDATE ledger SET id = id + 10000000"),
        ("delete", "DELETE FROM ledger"),
    ):
        use: dict[str, Use] = {}
        with measured(system, use, "forward", "receive", CONNECT):
            seconds = run(registers, NAME, statement)
            made[what] = {"home_seconds": round(seconds, 1), "then_seconds": round(arrive(registers), 1)}
        made[what] |= shown(use)
        print(json.dumps({what: made[what]}), flush=True)
    run(registers, NAME, ROWS.format(first=1, last=1000))
    made["compared"] = registers.assert_equal()
    return made


def huge(system: LocalSystem, rows: int) -> FIGURES:
    """One transaction that inserts so many rows, changes every fifth of them and deletes every seventh."""
    registers = make_register(system, NAME, LEDGER)
    use: dict[str, Use] = {}
    statements = (
        ROWS.format(first=1, last=rows),
        "UPDATE ledger SET state = state + 1, note = 'x' WHERE id % 5 = 0",
        "DELETE FROM ledger WHERE id % 7 = 0",
    )
    with measured(system, use, "forward", "receive", CONNECT):
        home = run(registers, NAME, "; ".join(statements))
        seconds = arrive(registers, seconds=4 * WAIT_SECONDS_MAX)
    made = {"rows": rows, "home_seconds": round(home), "then_seconds": round(seconds)} | shown(use)
    print(json.dumps(made), flush=True)
    return made | {"compared": registers.assert_equal()}


def wide(system: LocalSystem, rows: int) -> FIGURES:
    """One transaction of rows of 4 kB."""
    registers = make_register(system, NAME, LEDGER)
    use: dict[str, Use] = {}
    filler = "(SELECT string_agg(md5(g::text || h::text), '') FROM generate_series(1, 128) h)"
    with measured(system, use, "forward", "receive", CONNECT):
        run(registers, NAME, f"INSERT INTO ledger SELECT g, '', '', 0, now(), {filler}, 0 FROM generate_series(1, {rows}) g")  # fmt: skip  # noqa: E501
        seconds = arrive(registers)
    return {"rows": rows, "then_seconds": round(seconds, 1), "compared": registers.assert_equal()} | shown(use)


def many(first: int, count: int, size: int) -> str:
    letter = LETTER.format(salt="c", size=size)
    return f"INSERT INTO scan SELECT {first} + h, NULL, {letter} || h FROM generate_series(1, {count}) h"


def values(system: LocalSystem) -> FIGURES:
    """30 MB of bytea and 60 MB of text: inserted, kept while another column changes, changed, deleted."""
    registers = make_register(system, NAME, SCAN)
    made: FIGURES = {}
    image, letter = IMAGE.format(salt="a", size=30_000_000), LETTER.format(salt="a", size=60_000_000)
    for what, statement in (
        ("bytea of 30 MB", f"INSERT INTO scan VALUES (1, {image}, NULL)"),
        ("text of 60 MB", f"INSERT INTO scan VALUES (2, NULL, {letter})"),
        ("unchanged", "UPDATE scan SET shown = shown + 1"),
        ("key change", "UPDATE scan SET id = id + 10"),
        ("changed", f"UPDATE scan SET image = {IMAGE.format(salt='b', size=30_000_000)} WHERE id = 11"),
        ("delete", "DELETE FROM scan WHERE id = 12"),
        ("12 of 10 MB in one transaction", many(100, 12, 10_000_000)),
        ("40 of 5 MB in one transaction", many(200, 40, 5_000_000)),
        ("200 of 5 MB in one transaction", many(400, 200, 5_000_000)),
    ):
        use: dict[str, Use] = {}
        with measured(system, use, "forward", "receive", CONNECT):
            run(registers, NAME, statement)
            made[what] = {"then_seconds": round(arrive(registers), 1)}
        made[what] |= shown(use)
        print(json.dumps({what: made[what]}), flush=True)
    digests = "SELECT id, md5(letter) FROM scan WHERE id > 400 ORDER BY id"
    with psycopg.connect(registers.home_dsn(NAME)) as home, psycopg.connect(registers.standby_dsn(NAME)) as standby:
        assert home.execute(digests).fetchall() == standby.execute(digests).fetchall()
    run(registers, NAME, "DELETE FROM scan WHERE id > 400")
    made["compared"] = registers.assert_equal()
    return made


def backlog(system: LocalSystem, changes: int) -> FIGURES:
    """So many changes in transactions of a thousand while the receiver is stopped; then it catches up."""
    registers = make_register(system, NAME, LEDGER, ROWS.format(first=1, last=1_000_000))
    system.stop("receive")
    each = 1000
    statement = f"""DO $do$ BEGIN FOR i IN 1..{changes // each} LOOP
        UPDATE ledger SET state = i, at = now() WHERE id BETWEEN i::bigint * 7919 % 999000 + 1 AND i::bigint * 7919 % 999000 + 600;
        DELETE FROM ledger WHERE id BETWEEN -{each} + i * 400::bigint + 2000000 AND -{each} + i * 400::bigint + 2000199;
        INSERT INTO ledger SELECT i * 400::bigint + 2000000 + g, 'new', md5(g::text), g, now(), NULL, i FROM generate_series(0, 399) g;
        COMMIT; END LOOP; END $do$"""  # noqa: E501
    use: dict[str, Use] = {}
    with measured(system, use, "forward", CONNECT):
        home_seconds = run(registers, NAME, statement)
        forward_seconds = drained(registers)
    print(json.dumps({"home_seconds": home_seconds, "forwarded_after": forward_seconds} | shown(use)), flush=True)
    began = time.monotonic()
    system.start("receive")
    with measured(system, use, "receive"):
        arrive(registers)
        seconds = time.monotonic() - began
    made = {
        "changes": changes, "home_seconds": round(home_seconds), "then_forwarded_seconds": round(forward_seconds),
        "catch_up_seconds": round(seconds), "changes_per_second": round(changes / seconds),
    } | shown(use)  # fmt: skip
    print(json.dumps(made), flush=True)
    made["compared"] = registers.assert_equal()
    return made


def drained(registers: Registers) -> float:
    """Seconds until the forwarder carries little more than the pulse."""
    name = registers.names[0]
    before = -1.0

    def is_calm() -> bool:
        nonlocal before
        last, before = before, registers.metric("forward", "embassy_forward_records_total", register=name) or 0.0
        time.sleep(2)
        return 0 <= before - last < 100

    return wait_for(is_calm, "forwarded", seconds=WAIT_SECONDS_MAX)


def tables(system: LocalSystem, count: int) -> FIGURES:
    """So many tables in one register: snapshot, a transaction over all of them, a stream over all of them."""
    make = "".join(
        f"CREATE TABLE t{i} (id int PRIMARY KEY, a text, b numeric, c timestamptz DEFAULT now(), d jsonb, e date,"
        f" f boolean, g text[], h uuid, i int UNIQUE);"
        f"INSERT INTO t{i} SELECT n, 'a' || n, n, now(), NULL, now(), true, '{{}}', NULL, n FROM generate_series(1, 100) n;"  # noqa: E501
        for i in range(count)
    )
    began = time.monotonic()
    registers = make_register(system, NAME, make)
    made: FIGURES = {"tables": count, "made_seconds": round(time.monotonic() - began, 1)}
    each = " ".join(f"UPDATE t{i} SET a = a || 'x' WHERE id <= 10;" for i in range(count))
    all_once = f"DO $do$ BEGIN {each} END $do$"
    spread = (
        f"DO $do$ BEGIN FOR i IN 1..20000 LOOP EXECUTE 'UPDATE t' || i * 7919::bigint % {count} "
        "|| ' SET b = b + 1 WHERE id = ' || 1 + i % 100; COMMIT; END LOOP; END $do$"
    )
    for what, statement in (("over all, first", all_once), ("over all, again", all_once), ("20000 small", spread)):
        use: dict[str, Use] = {}
        with measured(system, use, "forward", "receive", CONNECT):
            home = run(registers, NAME, statement)
            made[what] = {"home_seconds": round(home, 1), "then_seconds": round(arrive(registers), 1)}
        made[what] |= shown(use)
        print(json.dumps({what: made[what]}), flush=True)
    use = {}
    began = time.monotonic()
    system.restart("forward", "receive")
    made["restart_to_level_seconds"] = round(time.monotonic() - began + arrive(registers), 1)
    made["compared"] = registers.assert_equal()
    return made


def many_registers(system: LocalSystem, count: int) -> FIGURES:
    """So many small registers on one pair of workers, idle and busy."""
    made: FIGURES = {"registers": count}
    names = [f"{NAME}_{i}" for i in range(count)]
    alone = {line.name: line.memory_mb for line in system.status()}
    began = time.monotonic()
    add(system, names)
    made["added_seconds"] = round(time.monotonic() - began)
    every = Registers(system, tuple(names))
    arrive(every)
    made["memory_mb"] = {line.name: (alone[line.name], line.memory_mb) for line in system.status()}
    roles = ("forward", "receive", "pulse", CONNECT, "home-kafka", "embassy-kafka")
    use: dict[str, Use] = {}
    worst = 0.0
    with measured(system, use, *roles):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            worst = max(worst, *(every.lag(name) or 1e9 for name in names))
            time.sleep(1)
    made["idle minute"] = {"worst_lag_seconds": round(worst, 2)} | shown(use)
    made["connections"] = {site: connections(system, f"{site}_postgres") for site in ("home", "embassy")}
    print(json.dumps(made), flush=True)
    with measured(system, use, *roles):
        for name in names:
            run(every, name, ROWS.format(first=10_001, last=30_000), "UPDATE ledger SET state = state + 1")
        made["busy"] = {"then_seconds": round(arrive(every), 1)}
    made["busy"] |= shown(use)
    print(json.dumps(made["busy"]), flush=True)
    system.stop("receive")
    for name in names:
        run(every, name, "UPDATE ledger SET state = state + 1", "UPDATE ledger SET state = state + 1")
    system.start("receive")
    with measured(system, use, "receive"):
        made["all catch up"] = {"then_seconds": round(arrive(every), 1)}
    made["all catch up"] |= shown({"receive": use["receive"]})
    print(json.dumps(made["all catch up"]), flush=True)
    made["compared"] = every.assert_equal()
    return made


def add(system: LocalSystem, names: list[str]) -> None:
    for name in names:
        with psycopg.connect(system.env()["home_postgres"], autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        with psycopg.connect(system.database_dsn(name)) as connection:
            connection.execute(LEDGER.encode())
            connection.execute(ROWS.format(first=1, last=1000).encode())
        system.add_register(name)


def connections(system: LocalSystem, server: str) -> int:
    dsn = str(system.env()[server])  # type: ignore[literal-required]
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE client_port IS NOT NULL").fetchone()
    assert row is not None
    return int(row[0]) - 1


def idle(system: LocalSystem, seconds: float) -> FIGURES:
    """An idle register with only its pulse: the lag as a reader sees it, all the time."""
    registers = make_register(system, NAME, LEDGER)
    taken = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        lag = registers.lag(NAME)
        assert lag is not None
        taken.append(lag)
        time.sleep(0.1)
    taken.sort()
    return {"samples": len(taken), "median": round(taken[len(taken) // 2], 3), "worst": round(taken[-1], 3)}


SCENARIOS: dict[str, Callable[[LocalSystem], FIGURES]] = {
    "transaction": lambda system: transaction(system, 1_000_000),
    "huge": lambda system: huge(system, 5_000_000),
    "wide": lambda system: wide(system, 100_000),
    "values": values,
    "backlog": lambda system: backlog(system, 10_000_000),
    "tables": lambda system: tables(system, 300),
    "registers": lambda system: many_registers(system, 20),
    "idle": lambda system: idle(system, 60),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", choices=[*SCENARIOS, []], default=list(SCENARIOS))
    for name in parser.parse_args().scenarios:
        with local_system() as system:
            print(json.dumps({name: SCENARIOS[name](system)}), flush=True)


if __name__ == "__main__":
    main()
