"""A register's site folder on disk, for the command line: its database and roles are made by the test."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from connectors.preflight import Finding, Report, check_register
from connectors.prepare import prepare_sql
from data_embassy.config import Register, Site, load_site
from deploy.local.machine import write_private
from tests.support.system import PlainPostgres

_SITE = """
[site]
role = "home"
[kafka]
bootstrap = "127.0.0.1:1"
[connect]
url = "http://127.0.0.1:1"
[link]
bootstrap = "127.0.0.1:1"
"""
_CONTRACT = """
lane = "00112233445566ff"
[source]
host = "{host}"
port = {port}
database = "{name}"
capture_user = "{name}_capture"
capture_password_file = "capture"
pulse_user = "{name}_pulse"
pulse_password_file = "pulse"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A database that somebody wants to be a register, with roles of its own, and home's folder for it."""

    server: PlainPostgres
    folder: Path
    name: str

    @property
    def site(self) -> Site:
        """Home's configuration."""
        return load_site(self.folder)

    @property
    def register(self) -> Register:
        """The contract."""
        return self.site.register(self.name)

    def run(self, script: str) -> None:
        """Run a script as superuser."""
        with psycopg.connect(self.server.dsn(self.name), autocommit=True) as connection:
            connection.execute(script.encode())

    def query(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query by the superuser."""
        with psycopg.connect(self.server.dsn(self.name), autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def prepare(self) -> None:
        """The DBA's part."""
        self.run(prepare_sql(self.register))
        for who in ("capture", "pulse"):
            self.run(f"ALTER ROLE {self.name}_{who} PASSWORD 'secret-{who}'")

    def make_roles(self) -> None:
        """Both roles, able to log in and nothing else: as a DBA may do before everything."""
        for who in ("capture", "pulse"):
            self.run(f"CREATE ROLE {self.name}_{who} LOGIN PASSWORD 'secret-{who}'")

    def check(self, *, standby_version: int | None = None) -> Report:
        """The preflight, as the capture role."""
        return check_register(self.site, self.register, standby_version=standby_version)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`embassy register ...` in a process of its own."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return subprocess.run(
            [str(Path(sys.executable).parent / "embassy"), "--site", str(self.folder), "register", *arguments],
            capture_output=True, text=True, timeout=60, check=False, env=environment,
        )  # fmt: skip


@contextmanager
def candidate(server: PlainPostgres, folder: Path, *, schema: str = "") -> Iterator[Candidate]:
    """A database of its own, filled by `schema`, not prepared; gone with its roles and slots at the end."""
    name = f"p{secrets.token_hex(6)}"
    one = Candidate(server=server, folder=folder, name=name)
    write_private(folder / "site.toml", _SITE)
    (folder / "registers").mkdir()
    write_private(
        folder / "registers" / f"{name}.toml", _CONTRACT.format(name=name, host=server.host, port=server.port)
    )
    for who in ("capture", "pulse"):
        write_private(folder / who, f"secret-{who}")
    with psycopg.connect(server.dsn(), autocommit=True) as control:
        control.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            if schema:
                one.run(schema)
            yield one
        finally:
            slots = control.execute(
                "SELECT slot_name FROM pg_replication_slots WHERE database = %s", (name,)
            ).fetchall()
            for (slot,) in slots:
                control.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
            control.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            for who in ("capture", "pulse"):
                control.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(f"{name}_{who}")))


def find(report: Report, check: str, about: str) -> Finding:
    """The finding of this check on this object."""
    found = [f for f in report.findings if f.check == check and f.object == about]
    assert found, f"nothing on {about}; {check} says: " + json.dumps(
        [(f.severity, f.object, f.reason) for f in report.findings if f.check == check], indent=1
    )
    return found[0]
