"""The oracle sees every difference that a standby may have, and names no value."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from data_embassy.errors import CheckFailed
from deploy.local.compare import PULSE, compare, compare_databases, contents

SCHEMA = """
CREATE SCHEMA "Räume";
CREATE TABLE "Räume".keyed (id int PRIMARY KEY, v text DEFAULT 'secret', n numeric, UNIQUE (n));
INSERT INTO "Räume".keyed SELECT i, 'secret' || E'\\t\\\\\\n' || i, i FROM generate_series(1, 500) i;
CREATE INDEX keyed_v ON "Räume".keyed (v);
CREATE TABLE keyless (v text, w bytea);
INSERT INTO keyless VALUES ('a', NULL), ('a', NULL), ('', '\\x00ff'), (NULL, '\\x');
CREATE TABLE parted (d date PRIMARY KEY) PARTITION BY RANGE (d);
CREATE TABLE parted_all PARTITION OF parted DEFAULT;
INSERT INTO parted VALUES ('2026-01-01');
CREATE UNLOGGED TABLE scratch (v int);
CREATE VIEW seen AS SELECT v FROM keyless;
CREATE SCHEMA data_embassy;
CREATE TABLE data_embassy.pulse (beat bigint);
"""

DIFFERENCES = {
    "an updated row": ("UPDATE keyless SET v = 'b' WHERE v = ''", "1 rows only in the register, 1 only in the standby"),
    "a missing twin": (
        "DELETE FROM keyless WHERE ctid = (SELECT min(ctid) FROM keyless WHERE v = 'a')",
        "1 rows only in the register, 0 only in the standby",
    ),
    "an extra twin": ("INSERT INTO keyless VALUES ('a', NULL)", "0 rows only in the register, 1 only in the standby"),
    "NULL for empty": ("UPDATE keyless SET v = NULL WHERE v = ''", "1 rows only in the register"),
    "another scale": ('UPDATE "Räume".keyed SET n = 1.0 WHERE id = 1', "1 rows only in the register"),
    "a row in a partition": ("DELETE FROM parted", "1 rows only in the register"),
    "an index": ('DROP INDEX "Räume".keyed_v', "definitions differ: index"),
    "a constraint": ("ALTER TABLE keyless ADD CHECK (true)", "definitions differ: constraint"),
    "a type": ("DROP VIEW seen; ALTER TABLE keyless ALTER v TYPE varchar", "column v"),
    "a default": ('ALTER TABLE "Räume".keyed ALTER v DROP DEFAULT', "definitions differ: column v"),
    "a view": ("CREATE OR REPLACE VIEW seen AS SELECT v || '' AS v FROM keyless", "definitions differ: view"),
    "a missing table": ("DROP VIEW seen; DROP TABLE keyless", "is missing in the standby"),
    "an extra table": ("CREATE TABLE stranger ()", "exists only in the standby"),
}


@dataclass(frozen=True)
class Pair:
    home: str
    standby: str


@pytest.fixture(scope="module")
def pair(postgres) -> Iterator[Pair]:
    names = [f"compare_{secrets.token_hex(4)}" for _ in range(2)]
    with psycopg.connect(postgres.dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {names[0]} STRATEGY file_copy")
        with psycopg.connect(postgres.dsn(names[0])) as home:
            home.execute(SCHEMA)
        admin.execute(f"CREATE DATABASE {names[1]} TEMPLATE {names[0]}")
        with psycopg.connect(postgres.dsn(names[1])) as standby:
            standby.execute("CREATE SCHEMA embassy_local; CREATE TABLE embassy_local.position (last_end pg_lsn)")
            standby.execute("INSERT INTO embassy_local.position VALUES ('0/0')")
        yield Pair(home=postgres.dsn(names[0]), standby=postgres.dsn(names[1]))
        for name in names:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def put_position(standby: str, lsn: str) -> None:
    with psycopg.connect(standby) as connection:
        connection.execute("UPDATE embassy_local.position SET last_end = %s", (lsn,))


def differences(pair: Pair, change: str = "") -> list[str]:
    """What the oracle says about a standby that was changed in a way that is then undone."""
    with psycopg.connect(pair.home) as home, psycopg.connect(pair.standby) as standby:
        standby.execute(change.encode())
        tables = compare_databases(home, standby, leave_out=PULSE)
        standby.rollback()
    return [str(table.reason) for table in tables if not table.equal]


def test_copies_are_equal(pair):
    assert differences(pair) == []


@pytest.mark.parametrize("name", DIFFERENCES)
def test_difference_is_found(pair, name):
    change, reason = DIFFERENCES[name]
    found = differences(pair, change)
    assert any(reason in line for line in found)
    assert not any("secret" in line for line in found)


def test_pulse_alone_is_left_out(pair):
    assert differences(pair, "INSERT INTO data_embassy.pulse VALUES (1)") == []


def test_unlogged_rows_are_left_out(pair):
    assert differences(pair, "INSERT INTO scratch VALUES (1)") == []


def test_differing_row_can_be_looked_up(pair):
    (found,) = differences(pair, """UPDATE "Räume".keyed SET v = v || '!' WHERE id = 77""")
    with psycopg.connect(pair.home) as home:
        query = 'SELECT id FROM "Räume".keyed k WHERE md5(ROW(id, v, n)::text) = %s'
        assert home.execute(query, (found.rsplit(" ", 1)[1],)).fetchone() == (77,)


def test_register_is_read_at_a_position_that_the_standby_has_passed(pair):
    put_position(pair.standby, "FFFF/0")
    result = compare("some", pair.home, pair.standby, deadline_seconds=5)
    assert result.equal
    assert (str(result.position), result.rows) == ("FFFF/0", 505)


def test_standby_behind_the_snapshot_is_not_compared(pair):
    put_position(pair.standby, "0/1")
    with pytest.raises(CheckFailed, match="did not reach"):
        compare("some", pair.home, pair.standby, deadline_seconds=0.2)


def test_contents_of_equal_databases_are_equal(pair):
    assert contents(pair.home) == contents(pair.standby)
    assert contents(pair.home)["public.keyless"].startswith("4 rows ")


def test_contents_tell_a_changed_row(pair):
    before = contents(pair.home)
    with psycopg.connect(pair.home, autocommit=True) as home:
        home.execute("UPDATE parted SET d = '2026-01-02'")
        after = contents(pair.home)
        home.execute("UPDATE parted SET d = '2026-01-01'")
    assert {name for name in before if before[name] != after[name]} == {"public.parted_all"}
