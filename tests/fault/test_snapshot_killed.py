"""A snapshot killed anywhere is run again: the next attempt is complete and exact."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from consumers.load import GenerationLoader
from tests.support.prepared_register import (
    PreparedRegister,
    contents,
    prepared_register,
    records,
    standby,
    write_site,
)
from tests.support.system import PlainPostgres

SCHEMA = """
CREATE TABLE several (id integer PRIMARY KEY, filler text);
INSERT INTO several SELECT n, repeat('x', 1000) FROM generate_series(1, 20000) n;
CREATE TABLE keyless (a integer);
INSERT INTO keyless SELECT n / 2 FROM generate_series(1, 100) n;
"""
# The command itself, without the other commands.
PROGRAM = """
import os, sys
os.environ["EMBASSY_SITE"] = sys.argv[1]
from operations.commands.register import app
app(["snapshot", sys.argv[2], "--leave-capture"])
"""
POINTS = [
    "after-slot",
    "chunk:5",
    "before-end",
    "after-end",
    *(
        pytest.param(point, marks=pytest.mark.campaign)
        for point in ("after-begin", "after-point", "after-pre-data", "after-tables")
    ),
]


def snapshot(register: PreparedRegister, folder: Path, *, failpoint: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), register.register.name],
        env=os.environ | {"EMBASSY_FAILPOINT": failpoint},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("point", POINTS)
def test_snapshot_killed_while_reading(postgres: PlainPostgres, broker: str, tmp_path: Path, point: str):
    with prepared_register(postgres, tmp_path, bootstrap=broker, schema=SCHEMA) as register:
        write_site(register, tmp_path)
        killed = snapshot(register, tmp_path, failpoint=point)
        assert killed.returncode == -signal.SIGKILL
        register.run(
            "INSERT INTO several SELECT n, 'later' FROM generate_series(30001, 30500) n;"
            "DELETE FROM several WHERE id = 1"
        )
        again = snapshot(register, tmp_path)
        assert again.returncode == 0, again.stderr
        found = records(broker, register.register.changes_topic)
        last = found[-1][0].run
        # A generation that may be complete is not tried again.
        assert last == (2 << 32 | 1 if point.endswith("-end") else 1 << 32 | 2)
        assert {key.run for key, _ in found} == {1 << 32 | 1, last}
        slots = register.query(
            "SELECT slot_name, temporary FROM pg_replication_slots WHERE database = current_database()"
        )
        assert slots == [(register.register.source.slot, False)]  # type: ignore[union-attr]
        with standby(postgres, tmp_path) as one:
            first = [record for record in found if record[0].run < last]
            one.load(first)
            assert one.load(found[len(first) :]).is_complete
            assert contents(postgres.dsn(register.register.name)) == contents(postgres.dsn(one.database))


def test_load_killed_between_any_two_commits(postgres: PlainPostgres, broker: str, tmp_path: Path):
    with prepared_register(postgres, tmp_path, bootstrap=broker, schema=SCHEMA) as register:
        write_site(register, tmp_path)
        assert snapshot(register, tmp_path).returncode == 0
        found = records(broker, register.register.changes_topic)
        with standby(postgres, tmp_path) as one:
            one.open(found[0])
            with psycopg.connect(postgres.dsn(), autocommit=True) as control:
                while True:
                    with one.connect() as connection:
                        loader = GenerationLoader(connection)
                        if loader.progress.is_complete:
                            break
                        done = loader.progress.n
                        loader.take(found[done : done + 3])
                        connection.commit()
                        loader.take(found[done + 3 : done + 5])
                        control.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
                        connection.close()
            assert contents(postgres.dsn(register.register.name)) == contents(postgres.dsn(one.database))
