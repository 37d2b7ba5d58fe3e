"""A prepared register and its standby on one server: schema changes go through the real notes, planner and replay."""

import re
import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from consumers.apply import Applier, Decoder, prepare_session
from consumers.apply.ddl.decisions import Decision, Pending, Undecided
from consumers.load.finish import silence
from consumers.load.state import TABLES
from data_embassy.postgres import Connection
from deploy.local.compare import compare_databases
from deploy.local.postgres import bin_folder
from tests.support.decoded_register import PgOutput, Transaction
from tests.support.prepared_register import prepared_register
from tests.support.register_pair import connect
from tests.support.system import PlainPostgres

ROLE = "embassy_of_tests"
PASSWORD = "secret-of-tests"


@dataclass
class DdlPair:
    """The register as its users see it, and the standby as the receiver writes it."""

    dsn_of_register: str
    register: Connection
    """Autocommitting, with a user's ordinary settings."""
    standby: Connection
    reader: Connection
    output: PgOutput
    decisions: dict[int, Decision] = field(default_factory=dict)
    applier: Applier = field(init=False)
    waiting: list[Transaction] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    """Differences that earlier cases left on purpose, or by failing."""

    def __post_init__(self) -> None:
        """The applier of a receiver that just started."""
        self.applier = Applier(self.standby, decide=lambda number, _: self.decisions.get(number))

    def run(self, *strings: str) -> None:
        """Run each as a client's string of its own."""
        for string in strings:
            self.register.execute(string.encode())

    def follow(self) -> Pending | None:
        """Apply everything that waits, each transaction in a commit of its own; what stops, waits again."""
        self.waiting += self.output.transactions()
        decoder = Decoder(self.output.schemas)
        while self.waiting:
            one = self.waiting[0]
            try:
                self.applier.apply(decoder.decode(one.values, [one.frame]))
            except Undecided as stop:
                self.standby.rollback()
                self.applier.forget()
                return stop.pending
            except BaseException:
                self.standby.rollback()
                self.applier.forget()
                self.waiting.pop(0)
                raise
            self.standby.commit()
            self.waiting.pop(0)
        return None

    def differences(self) -> list[str]:
        """What differs in tables, columns, constraints, indexes, views and rows."""
        with connect(self.dsn_of_register) as home, self.reader.transaction():
            found = compare_databases(home, self.reader, leave_out=("data_embassy", "pulse"))
        return [f"{one.table}: {one.reason}" for one in found if not one.equal]

    def new_differences(self) -> list[str]:
        """What differs and did not before."""
        found = set(self.differences())
        new = sorted(found - self.known)
        self.known = found
        return new

    def query(self, query: str, *, at_home: bool = False) -> list[tuple[object, ...]]:
        """Rows at the standby, or at the register."""
        return (self.register if at_home else self.reader).execute(query.encode()).fetchall()


@contextmanager
def ddl_pair(
    server: PlainPostgres,
    folder: Path,
    *,
    schema: str = "",
    fill: Callable[[psycopg.Connection[Any]], object] | None = None,
) -> Iterator[DdlPair]:
    """The pair, filled by `schema` or `fill`; the register's default search_path is PostgreSQL's."""
    with prepared_register(server, folder, schema=schema) as one:
        name = one.register.name
        copy = f"s{secrets.token_hex(6)}"
        slot = f"ddl_{name}"
        if fill is not None:
            with psycopg.connect(server.dsn(name)) as connection:
                fill(connection)
        with psycopg.connect(server.dsn(), autocommit=True) as control:
            control.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 OWNER {}").format(sql.Identifier(copy), _role(control))
            )
            try:
                abroad = replace(server, user=ROLE, password=PASSWORD)
                _make_standby(server.dsn(name), abroad.dsn(copy))
                with (
                    connect(server.dsn(name), autocommit=True) as decoding,
                    psycopg.connect(server.dsn(name), autocommit=True) as register,
                    connect(abroad.dsn(copy)) as standby,
                    connect(abroad.dsn(copy), autocommit=True) as reader,
                ):
                    decoding.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (slot,))
                    prepare_session(standby)
                    output = PgOutput(decoding, slot, "data_embassy")
                    yield DdlPair(server.dsn(name), register, standby, reader, output)
                    # One that failed may still hold its transaction.
                    standby.rollback()
                    decoding.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
            finally:
                control.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(copy)))


def _role(control: psycopg.Connection[Any]) -> sql.Identifier:
    """The embassy's role, with the rights that deploy/local gives it and no more."""
    name = sql.Identifier(ROLE)
    if control.execute("SELECT FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone() is None:
        control.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD {}").format(name, PASSWORD))
        control.execute(sql.SQL("GRANT SET ON PARAMETER session_replication_role TO {}").format(name))
    return name


def _make_standby(home: str, abroad: str) -> None:
    """What a snapshot brings: schema and rows without owners and rights, nothing that fires."""
    dump = subprocess.run(
        [str(bin_folder() / "pg_dump"), "--no-owner", "--no-privileges", "--no-publications", "--no-comments", home],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    kept = re.sub(rb"(?s)CREATE EVENT TRIGGER .*?;\n|ALTER EVENT TRIGGER .*?;\n", b"", dump)
    restore = [str(bin_folder() / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", abroad]
    done = subprocess.run(restore, input=kept, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    with psycopg.connect(abroad) as connection:
        connection.execute(TABLES)
        silence(connection)
