"""A register that one test module puts under replication on the session's system, and takes away again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import Connection, sql

from connectors.client import ConnectClient
from connectors.plan import plan
from data_embassy.config import load_site
from deploy.local.compare import Comparison, compare
from deploy.local.machine import wait_until
from deploy.local.processes import ROLES
from deploy.local.system import LocalSystem

Database = Connection[tuple[Any, ...]]
WAIT_SECONDS_MAX: Final = 240.0


@dataclass(frozen=True, slots=True)
class PassingRegister:
    """Addresses of the register and its standby."""

    system: LocalSystem
    name: str

    @property
    def home_dsn(self) -> str:
        return self.system.database_dsn(self.name)

    @property
    def standby_dsn(self) -> str:
        return self.system.env()["registers"][self.name]["standby_dsn"]

    def connect(self, *, autocommit: bool = True) -> Database:
        """A superuser's session in the register."""
        # Tables are made anew and columns change types: nothing may be prepared for long.
        return psycopg.connect(self.home_dsn, autocommit=autocommit, prepare_threshold=None)

    @contextmanager
    def at_standby(self) -> Iterator[Database]:
        """A session that may write to the standby, as nobody else may."""
        options = "-c session_replication_role=replica -c default_transaction_read_only=off"
        with psycopg.connect(self.standby_dsn, options=options, autocommit=True) as connection:
            yield connection

    def compare(self) -> Comparison:
        """The register, at rest, against its standby, once that has got there."""
        return compare(self.name, self.home_dsn, self.standby_dsn, deadline_seconds=WAIT_SECONDS_MAX)

    def has_standby(self) -> bool:
        """The standby is live: the snapshot is loaded, and changes arrive."""
        query = "SELECT extract(epoch FROM clock_timestamp() - pulse_at) < 3 FROM embassy_local.position"
        with suppress(psycopg.Error), psycopg.connect(self.standby_dsn, connect_timeout=5) as connection:
            return connection.execute(query).fetchone() == (True,)
        return False

    def wait_arrived(self) -> None:
        """Wait until the standby has all that is committed now; the pulse brings it there."""
        with self.connect() as home:
            row = home.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
        assert row is not None
        query = "SELECT last_end >= %s::pg_lsn FROM embassy_local.position"
        with psycopg.connect(self.standby_dsn, autocommit=True) as standby:
            wait_until(lambda: standby.execute(query, row).fetchone() == (True,), seconds=WAIT_SECONDS_MAX,
                       what=f"the standby of {self.name} has all")  # fmt: skip

    def assert_equal(self) -> None:
        """Every row of every table is equal as text."""
        found = self.compare()
        assert found.equal, found.differences


@contextmanager
def passing_register(system: LocalSystem, name: str, make: Callable[[Database], object]) -> Iterator[PassingRegister]:
    """Make a register, fill it with `make`, put it under replication; gone afterwards."""
    register = PassingRegister(system, name)
    with psycopg.connect(system.env()["home_postgres"], autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with register.connect() as connection:
        make(connection)
    system.add_register(name, tier=3)
    try:
        wait_until(register.has_standby, seconds=WAIT_SECONDS_MAX, what=f"{name} has a live standby")
        yield register
    finally:
        _remove(register)


def _remove(register: PassingRegister) -> None:
    system, name = register.system, register.name
    home = load_site(system.layout.site("home"))
    wanted = plan(home, name)
    assert home.connect is not None
    with ConnectClient(home.connect.url) as client:
        client.remove(wanted.name)
    for site in ("home", "embassy"):
        (system.layout.site(site) / "registers" / f"{name}.toml").unlink()
    system.restart(*ROLES)
    with psycopg.connect(system.env()["home_postgres"], autocommit=True) as admin:
        query = "SELECT slot_name, active_pid FROM pg_replication_slots WHERE database = %s"
        for slot, pid in admin.execute(query, (name,)).fetchall():
            if pid is not None:
                admin.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
            admin.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
