"""Reference registers in databases of their own, what they hold as text, and how to break them."""

import secrets
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import psycopg
from psycopg import Connection, sql

from deploy.local.machine import checkout
from deploy.registers.catalogue import REGISTERS
from tests.support.preflight_register import Candidate
from tests.support.system import PlainPostgres

SCALE: Final = 0.005


@contextmanager
def database(postgres: PlainPostgres) -> Iterator[str]:
    """An empty database; yields its address."""
    name = f"register_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
        yield postgres.dsn(name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass
class Filled:
    """Registers with seed 1 side by side in one database, each made when it is first asked for."""

    candidate: Candidate
    first: dict[str, dict[str, str]] = field(default_factory=dict)
    """What each held when it was made."""

    @property
    def dsn(self) -> str:
        """The database's address, as superuser."""
        return self.candidate.server.dsn(self.candidate.name)

    def make(self, name: str) -> str:
        """Make this register unless it is there; return the address. Its rows may have been worked on."""
        if name not in self.first:
            with psycopg.connect(self.dsn, autocommit=True) as connection, connection.transaction():
                REGISTERS[name].generate(connection, scale=SCALE, seed=1)
                self.first[name] = digests(connection, name)
        return self.dsn


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
