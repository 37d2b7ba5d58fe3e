"""A prepared register and a copy of it as its standby, both on one server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from data_embassy.config import PasswordFile, Postgres
from data_embassy.postgres import Connection, connect
from deploy.local.machine import write_private
from schemas.content import Content, begin_snapshot
from tests.support.prepared_register import PreparedRegister

SCHEMA = """
CREATE SCHEMA "Odd ✎";
CREATE TABLE plain (id bigint PRIMARY KEY, note text, at timestamptz DEFAULT '2026-01-01', data bytea);
INSERT INTO plain SELECT n, 'note ' || n, '2026-01-01'::timestamptz + n * interval '1 s', decode(md5(n::text), 'hex')
  FROM generate_series(1, 5000) n;
CREATE TABLE "Odd ✎"."two \\ keys'" ("the ""key" char(8), number numeric(10, 2), flag boolean,
    shown text GENERATED ALWAYS AS (number::text) STORED, PRIMARY KEY ("the ""key", number));
INSERT INTO "Odd ✎"."two \\ keys'" SELECT 'a\\''' || n % 7, n, n % 2 = 0 FROM generate_series(1, 500) n;
CREATE TABLE keyless (a integer, b json);
INSERT INTO keyless SELECT n % 10, '{"x": 1}' FROM generate_series(1, 100) n;
CREATE TABLE parted (at date NOT NULL, id integer NOT NULL, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
INSERT INTO parted VALUES ('2026-01-05', 1), ('2026-01-06', 2);
CREATE UNLOGGED TABLE scratch (id integer PRIMARY KEY);
CREATE MATERIALIZED VIEW counted AS SELECT a, count(*) AS n FROM keyless GROUP BY a;
CREATE INDEX plain_note ON plain (note);
CREATE SEQUENCE numbers;
"""


@dataclass
class Pair:
    """A prepared register, and a copy of it as its standby."""

    home: PreparedRegister
    database: str
    password: PasswordFile

    def connect(self, database: str) -> Connection:
        server = self.home.server
        target = Postgres(
            host=server.host, port=server.port, database=database, user=server.user, password=self.password
        )
        return connect(target, application_name="test verify", autocommit=True)

    def plant(self, script: str) -> None:
        """Change the standby by hand."""
        with psycopg.connect(self.home.server.dsn(self.database), autocommit=True) as connection:
            connection.execute(script.encode())

    @contextmanager
    def contents(self) -> Iterator[tuple[Content, Content]]:
        names = (self.home.register.name, self.database)
        with ExitStack() as stack:
            a, b, c, d = (stack.enter_context(self.connect(names[side])) for side in (0, 0, 1, 1))
            for under in (a, c):
                begin_snapshot(under)
                stack.callback(under.rollback)
            yield Content(a, b), Content(c, d)


@contextmanager
def copied(home: PreparedRegister, folder: Path) -> Iterator[Pair]:
    """A copy of the register as it is now; dropped at the end."""
    database = f"v{secrets.token_hex(6)}"
    write_private(folder / "superuser", home.server.password)
    name, template = sql.Identifier(database), sql.Identifier(home.register.name)
    with psycopg.connect(home.server.dsn(), autocommit=True) as control:
        control.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, template))
        try:
            one = Pair(home=home, database=database, password=PasswordFile(path=folder / "superuser"))
            for event in ("ddl_command_end", "sql_drop", "table_rewrite"):
                one.plant(f"DROP EVENT TRIGGER data_embassy_{event}")  # A standby has none of them.
            yield one
        finally:
            control.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
