"""Tables for every type in every role, and what happens to their rows, as SQL for the register.

Each type stands in three tables: beside a key (the value, an array of it, a domain over it, a composite type with it),
as the primary key, and in a table without a key. Rows are made once before the snapshot and changed afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import psycopg
from psycopg import Connection, sql

from tests.support.type_values import KINDS, SETUP, Kind

Database = Connection[tuple[Any, ...]]
KEY_SIZE_MAX: Final = 1000
"""Longer texts do not fit an index entry."""
COPIES: Final = 5
"""Rows per value in the live part: more changes than go row by row."""
ROUND_SIZE: Final = 4


def quoted(role: str, kind: Kind) -> str:
    """The table of a type in a role."""
    return '"matrix"."' + f"{role} {kind.type}".replace('"', '""') + '"'


def create(db: Database) -> list[Kind]:
    """Make all types and tables with their first rows; returns the types that this server has."""
    db.execute(SETUP.encode())
    kinds = [kind for kind in KINDS if _is_supported(db, kind)]
    for number, kind in enumerate(kinds):
        _create_tables(db, number, kind)
        _fill(db, kind)
    return kinds


def _is_supported(db: Database, kind: Kind) -> bool:
    try:
        with db.transaction():
            db.execute(f"SELECT CAST(%s AS {kind.type})".encode(), (kind.values[0],))
    except psycopg.errors.FeatureNotSupported:
        return False
    return True


def _create_tables(db: Database, number: int, kind: Kind) -> None:
    array = f"{kind.type}[]" if kind.has_array else kind.type
    db.execute(f"CREATE DOMAIN matrix.over_{number} AS {kind.type}".encode())
    db.execute(f"CREATE TYPE matrix.with_{number} AS (v {kind.type}, w {array})".encode())
    columns = f"v {kind.type}, a {array}, d matrix.over_{number}, c matrix.with_{number}, w integer DEFAULT 7"
    db.execute(f"CREATE TABLE {quoted('beside', kind)} (id integer PRIMARY KEY, {columns})".encode())
    db.execute(f"CREATE TABLE {quoted('keyless', kind)} ({columns})".encode())
    if kind.is_key:
        db.execute(f"CREATE TABLE {quoted('key', kind)} (v {kind.type} PRIMARY KEY, w integer)".encode())


def _fill(db: Database, kind: Kind) -> None:
    beside = quoted("beside", kind)
    insert = f"INSERT INTO {beside} (id, v, d) SELECT %s, s.v, s.v FROM (SELECT CAST(%s AS {kind.type})) s(v)".encode()
    for number, value in enumerate(kind.values):
        db.execute(insert, (number, value))
    db.execute(f"INSERT INTO {beside} (id) VALUES ({len(kind.values)})".encode())
    composite = f"UPDATE {beside} SET c = ROW(v, a)"
    for statement in (*_arrays(kind), composite):
        db.execute(statement.encode())
    db.execute(f"INSERT INTO {quoted('keyless', kind)} SELECT v, a, d, c, w FROM {beside}".encode())
    if kind.is_key:
        _insert_keys(db, kind, kind.values[::2])


def _arrays(kind: Kind) -> Iterator[str]:
    """Fill the array column: all values, none, NULLs, two dimensions, a lower bound."""
    beside = quoted("beside", kind)
    if not kind.has_array:
        yield f"UPDATE {beside} SET a = v"
        return
    some = f"(SELECT array_agg(v ORDER BY id) FROM {beside} WHERE octet_length(v::text) < {KEY_SIZE_MAX} OR v IS NULL)"
    yield f"UPDATE {beside} SET a = {some} WHERE id = 0"
    yield f"UPDATE {beside} SET a = '{{}}' WHERE id = 1"
    yield f"UPDATE {beside} SET a = ARRAY[{some}, {some}] WHERE id = 2"
    lower = f"('[-3:' || cardinality({some}) - 4 || ']=' || {some}::text)::{kind.type}[]"
    yield f"UPDATE {beside} SET a = {lower} WHERE id >= 3"


def _insert_keys(db: Database, kind: Kind, values: tuple[str, ...]) -> None:
    insert = f"INSERT INTO {quoted('key', kind)} SELECT CAST(%s AS {kind.type}), 1 ON CONFLICT DO NOTHING".encode()
    for value in values:
        if len(value) < KEY_SIZE_MAX:
            db.execute(insert, (value,))


def change(db: Database, kind: Kind) -> None:
    """Insert, update and delete in the tables of a type."""
    for statement in (*_beside(kind), *_keyless(kind)):
        db.execute(statement.encode())
    if kind.is_key:
        _change_keys(db, kind)


def _beside(kind: Kind) -> Iterator[str]:
    table, count = quoted("beside", kind), len(kind.values) + 1
    columns = "v = s.v, a = s.a, d = s.d, c = s.c"
    neighbour = f"s.id = (t.id + 1) % {count}"
    copies = f"generate_series(1, {COPIES}) AS copy"
    yield f"INSERT INTO {table} SELECT 1000 * copy + id, v, a, d, c, w FROM {table}, {copies} WHERE id < {count}"
    yield f"UPDATE {table} SET w = w + 1 WHERE id < 1000"
    yield f"UPDATE {table} t SET {columns} FROM {table} s WHERE {neighbour} AND t.id BETWEEN 1000 AND 1999"
    yield f"UPDATE {table} SET id = id + 10000, w = NULL WHERE id BETWEEN 2000 AND 2999"
    yield f"UPDATE {table} SET v = NULL, a = NULL WHERE id BETWEEN 3000 AND 3003"
    yield f"UPDATE {table} t SET d = s.d, w = 0 FROM {table} s WHERE {neighbour} AND t.id BETWEEN 3002 AND 3999"
    yield f"DELETE FROM {table} WHERE id >= 4000 AND id % 3 = 0"


def _keyless(kind: Kind) -> Iterator[str]:
    table, beside = quoted("keyless", kind), quoted("beside", kind)
    yield f"INSERT INTO {table} SELECT v, a, d, c, 9 FROM {beside} WHERE id < 1000"
    yield f"UPDATE {table} SET w = w + 1"
    yield f"UPDATE {table} SET v = NULL WHERE ctid IN (SELECT ctid FROM {table} ORDER BY ctid DESC LIMIT 2)"
    yield f"DELETE FROM {table} WHERE ctid IN (SELECT ctid FROM {table} ORDER BY ctid LIMIT 3)"


def _change_keys(db: Database, kind: Kind) -> None:
    table = quoted("key", kind)
    _insert_keys(db, kind, kind.values)
    for _ in range(COPIES):
        db.execute(f"UPDATE {table} SET w = w + 1".encode())
    # Another spelling of an equal key is another text: 1.0 and 1.00, 0 and -0, A and a.
    respell = f"UPDATE {table} SET v = s.v FROM (SELECT CAST(%(v)s AS {kind.type})) s(v) WHERE {table}.v = s.v".encode()
    move = f"UPDATE {table} SET v = CAST(%s AS {kind.type}) WHERE v = CAST(%s AS {kind.type})".encode()
    small = [value for value in kind.values if len(value) < KEY_SIZE_MAX]
    for value in small:
        db.execute(respell, {"v": value})
    if len(small) > 1:
        db.execute(f"DELETE FROM {table} WHERE v = CAST(%s AS {kind.type})".encode(), (small[0],))
        db.execute(move, (small[0], small[-1]))
    db.execute(f"DELETE FROM {table} WHERE v = CAST(%s AS {kind.type})".encode(), (small[len(small) // 2],))
    db.execute(f"UPDATE {table} SET w = NULL WHERE v = CAST(%s AS {kind.type})".encode(), (small[0],))


def covered(db: Database, kinds: list[Kind]) -> set[int]:
    """Object ids of the types in the matrix."""
    query = sql.SQL("SELECT CAST({} AS regtype)::oid")
    found = (db.execute(query.format(sql.Literal(kind.type))).fetchone() for kind in kinds)
    return {int(row[0]) for row in found if row is not None}


def touch(db: Database, kind: Kind, round_: int) -> bool:
    """Few changes of a few rows, which the standby makes row by row; False when the type has no more rows."""
    first = ROUND_SIZE * round_
    if first > len(kind.values):
        return False
    beside, keyless = quoted("beside", kind), quoted("keyless", kind)
    span = f"BETWEEN {first} AND {first + ROUND_SIZE - 1}"
    neighbour = f"t.id = 20000 + s.id - 1 AND s.id {span}"
    for statement in (
        f"INSERT INTO {beside} SELECT 20000 + id, v, a, d, c, w FROM {beside} WHERE id {span}",
        f"UPDATE {beside} SET w = w + 1 WHERE id {span}",
        f"UPDATE {beside} t SET v = s.v, d = s.d, c = s.c, a = s.a FROM {beside} s WHERE {neighbour}",
        f"UPDATE {beside} SET id = 30000 + id WHERE id = {20000 + first}",
        f"DELETE FROM {beside} WHERE id = {20000 + first + 1}",
        f"INSERT INTO {keyless} SELECT v, a, d, c, 9 FROM {beside} WHERE id {span}",
        f"UPDATE {keyless} SET w = 11 WHERE ctid IN (SELECT ctid FROM {keyless} LIMIT 2)",
        f"DELETE FROM {keyless} WHERE ctid IN (SELECT ctid FROM {keyless} LIMIT 3)",
    ):
        db.execute(statement.encode())
    if kind.is_key:
        key = quoted("key", kind)
        values = [value for value in kind.values[first : first + ROUND_SIZE] if len(value) < KEY_SIZE_MAX]
        for value in values:
            db.execute(f"UPDATE {key} SET w = 5 WHERE v = CAST(%s AS {kind.type})".encode(), (value,))
            db.execute(f"DELETE FROM {key} WHERE v = CAST(%s AS {kind.type})".encode(), (value,))
        _insert_keys(db, kind, tuple(values))
    return True
