"""Reference registers in databases of their own, what they hold as text, and how to break them."""

import secrets
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Final

import psycopg
from psycopg import Connection, sql

from deploy.local.machine import checkout
from deploy.registers.catalogue import REGISTERS
from tests.support.system import PlainPostgres

SCALE: Final = 0.01


@contextmanager
def database(postgres: PlainPostgres) -> Iterator[str]:
    """An empty database; yields its address."""
    name = f"register_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
        yield postgres.dsn(name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Filled:
    """Registers of a server, made when they are first asked for."""

    def __init__(self, postgres: PlainPostgres) -> None:
        self._postgres = postgres
        self._dsns: dict[str, str] = {}

    def dsn(self, name: str) -> str:
        """A register with seed 1; its rows may have been worked on."""
        if name not in self._dsns:
            database_name = f"filled_{name}_{secrets.token_hex(4)}"
            with psycopg.connect(self._postgres.dsn(), autocommit=True) as admin:
                admin.execute(f"CREATE DATABASE {database_name} STRATEGY file_copy")
            with psycopg.connect(self._postgres.dsn(database_name)) as connection:
                REGISTERS[name].generate(connection, scale=SCALE, seed=1)
            self._dsns[name] = self._postgres.dsn(database_name)
        return self._dsns[name]


def generated(connection: Connection[tuple[object, ...]], name: str, seed: int) -> dict[str, str]:
    """What a register holds after it was generated in this empty database, which stays empty."""
    with connection.transaction(force_rollback=True):
        rows = REGISTERS[name].generate(connection, scale=SCALE, seed=seed)
        assert sum(rows.values()) > 0
        return digests(connection, name)


def digests(connection: Connection[tuple[object, ...]], schema: str) -> dict[str, str]:
    """A digest of every row as text, of each table with rows of its own."""
    tables = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = %s::regnamespace", (schema,)
    ).fetchall()
    found = {}
    for (table,) in tables:
        query = sql.SQL('COPY (SELECT t::text COLLATE "C" FROM ONLY {} t ORDER BY 1) TO STDOUT')
        digest = sha256()
        with connection.cursor().copy(query.format(sql.Identifier(schema, str(table)))) as copy:
            for block in copy:
                digest.update(block)
        found[str(table)] = digest.hexdigest()
    return found


def damage(name: str) -> dict[str, str]:
    """For each check of a register what breaks it."""
    folder = checkout() / "tests" / "support" / "damage"
    return {check: str(what) for check, what in tomllib.loads((folder / f"{name}.toml").read_text()).items()}
