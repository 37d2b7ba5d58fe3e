"""The edge to the control database: which standbys a register has, which one is live, what stopped (DESIGN 5 and 8).

It stands on the standbys' server, so that renaming a database and moving the pointer are one transaction. It is no
source of truth about content: lost, it is made anew from the lane.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import psycopg
from psycopg import sql

from consumers.beginnings import GenerationBegan
from consumers.control_tables import TABLES
from consumers.history.stopping import stop_begins, stop_ends
from consumers.history.tables import HISTORY_TABLES
from consumers.stops import Stop
from data_embassy.config import Postgres
from data_embassy.errors import DataEmbassyError, TransportError
from data_embassy.postgres import Connection, connect
from schemas.records import split_snapshot_run

State = Literal["loading", "replayed", "live", "retired"]
_LOCK_SPACE: Final = 0x64_65_00
_COLUMNS: Final = (
    "register, database, generation, attempt, state, incarnation, begin_home_offset, begin_lane_offset, begin_record"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standby:
    """One database that holds, or will hold, a register's content."""

    register: str
    database: str
    generation: int
    attempt: int
    state: State
    incarnation: int
    begin_home_offset: int
    begin_lane_offset: int
    begin_record: bytes

    @property
    def run(self) -> int:
        """Run of its snapshot."""
        return self.generation << 32 | self.attempt


class Control:
    """A connection to the control database. One thread uses it."""

    def __init__(self, connection: Connection, target: Postgres) -> None:
        self.connection = connection
        self.target = target

    @classmethod
    def open(cls, target: Postgres, *, role: str) -> Self:
        """Connect; makes the database and its tables where they are missing. Raises TransportError."""
        name = f"data-embassy {role}"
        try:
            connection = connect(target, application_name=name, autocommit=True)
        except TransportError:
            # Either unreachable, which the next line says again, or missing.
            with connect(target, application_name=name, database="postgres", autocommit=True) as outside:
                _create(outside, target.database)
            connection = connect(target, application_name=name, autocommit=True)
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_SPACE,))
            connection.execute(TABLES)
            connection.execute(HISTORY_TABLES)
        return cls(connection, target)

    def close(self) -> None:
        """Close the connection; its locks are free then."""
        self.connection.close()

    def lock(self, purpose: str, register: str, *, wait: Callable[[float], bool] | None = None) -> bool:
        """Take a lock that only this connection holds; False when it is taken and `wait` is None or ends."""
        while True:
            row = self.connection.execute(
                "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (f"data-embassy {purpose} {register}",)
            ).fetchone()
            if row is not None and row[0]:
                return True
            if wait is None or wait(0.5):
                return False

    def standbys(self, register: str) -> list[Standby]:
        """A register's standbys that are in use, oldest generation first."""
        rows = self.connection.execute(
            f"SELECT {_COLUMNS} FROM public.standbys WHERE register = %s AND state <> 'retired'"  # noqa: S608
            " ORDER BY generation, attempt, changed_at",
            (register,),
        ).fetchall()
        return [_standby(row) for row in rows]

    def retired(self, register: str) -> list[str]:
        """Databases that were live once."""
        rows = self.connection.execute(
            "SELECT database FROM public.standbys WHERE register = %s AND state = 'retired'", (register,)
        ).fetchall()
        return [row[0] for row in rows]

    def latest_run(self, register: str) -> int:
        """The highest snapshot run seen so far, 0 before the first."""
        row = self.connection.execute(
            "SELECT max(generation << 32 | attempt) FROM public.standbys WHERE register = %s", (register,)
        ).fetchone()
        return 0 if row is None or row[0] is None else row[0]

    def add(self, register: str, database: str, began: GenerationBegan, *, state: State = "loading") -> None:
        """Note a generation whose SnapshotBegin was seen. A later attempt takes the database of an earlier one."""
        generation, attempt = split_snapshot_run(began.run)
        with self.connection.transaction():
            self.connection.execute(
                f"INSERT INTO public.standbys ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"  # noqa: S608
                " ON CONFLICT (register, database) DO UPDATE SET generation = excluded.generation,"
                " attempt = excluded.attempt, state = excluded.state, incarnation = excluded.incarnation,"
                " begin_home_offset = excluded.begin_home_offset, begin_lane_offset = excluded.begin_lane_offset,"
                " begin_record = excluded.begin_record, changed_at = clock_timestamp()"
                " WHERE standbys.state IN ('loading', 'retired')",
                (
                    register, database, generation, attempt, state, began.incarnation, began.home_offset,
                    began.lane_offset, began.value,
                ),
            )  # fmt: skip
            self.note(register, "generation", f"{generation}.{attempt} begins in {database}")

    def set_state(self, register: str, database: str, state: State) -> None:
        """Change a standby's state."""
        self.connection.execute(
            "UPDATE public.standbys SET state = %s, changed_at = clock_timestamp()"
            " WHERE register = %s AND database = %s",
            (state, register, database),
        )

    def remove(self, register: str, database: str) -> None:
        """Forget a standby."""
        self.connection.execute(
            "DELETE FROM public.standbys WHERE register = %s AND database = %s", (register, database)
        )
        stop_ends(self.connection, register, database)

    def forget(self, register: str) -> None:
        """Forget everything of a register whose standbys were dropped."""
        with self.connection.transaction():
            for table in ("standbys", "stops", "history", "sampled", "lag_samples", "lag_minutes"):
                self.connection.execute(f"DELETE FROM public.{table} WHERE register = %s", (register,))  # noqa: S608

    def exists(self, database: str) -> bool:
        """True when the server has this database."""
        row = self.connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone()
        return row is not None

    def note(self, register: str, event: str, detail: str) -> None:
        """Add to the register's history."""
        self.connection.execute(
            "INSERT INTO public.history (register, event, detail) VALUES (%s, %s, %s)", (register, event, detail)
        )

    def stop(self, register: str, database: str, error: DataEmbassyError, position: str, lane: int | None) -> None:
        """Store why a standby stands still."""
        with self.connection.transaction():
            self.connection.execute(
                "INSERT INTO public.stops (register, database, cause, message, remedy, position, lane_offset)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (register, database) DO UPDATE SET"
                " cause = excluded.cause, message = excluded.message, remedy = excluded.remedy,"
                " position = excluded.position, lane_offset = excluded.lane_offset, stopped_at = clock_timestamp()",
                (register, database, error.cause_class, error.message, error.remedy, position, lane),
            )
            stop_begins(self.connection, register, database, error, position)

    def clear_stop(self, register: str, database: str) -> None:
        """The standby goes on."""
        with self.connection.transaction():
            gone = self.connection.execute(
                "DELETE FROM public.stops WHERE register = %s AND database = %s", (register, database)
            )
            if gone.rowcount:
                stop_ends(self.connection, register, database)

    def stops(self, register: str) -> list[Stop]:
        """What stands still."""
        rows = self.connection.execute(
            "SELECT register, database, cause, message, remedy, position, stopped_at::text FROM public.stops"
            " WHERE register = %s",
            (register,),
        ).fetchall()
        return [
            Stop(
                register=row[0], database=row[1], cause=row[2], message=row[3], remedy=row[4], position=row[5],
                stopped_at=row[6],
            )
            for row in rows
        ]  # fmt: skip

    def make_live(self, standby: Standby, *, retired_name: str | None) -> None:
        """Rename the databases and move the pointer, in one transaction; raises psycopg.errors.ObjectInUse.

        `retired_name` is what the database that bears the register's name now is called afterwards.
        """
        register = standby.register
        with self.connection.transaction():
            if retired_name is not None:
                self._rename(register, retired_name)
                self.connection.execute(
                    "UPDATE public.standbys SET state = 'retired', database = %s, changed_at = clock_timestamp()"
                    " WHERE register = %s AND database = %s",
                    (retired_name, register, register),
                )
            else:
                self.remove(register, register)
            self._rename(standby.database, register)
            self.connection.execute(
                "UPDATE public.standbys SET state = 'live', database = %s, changed_at = clock_timestamp()"
                " WHERE register = %s AND database = %s",
                (register, register, standby.database),
            )
            self.connection.execute("DELETE FROM public.stops WHERE register = %s", (register,))
            stop_ends(self.connection, register, None)
            self.note(register, "live", f"generation {standby.generation}.{standby.attempt}")

    def _rename(self, old: str, new: str) -> None:
        self.connection.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new))
        )

    def disconnect_all(self, database: str) -> None:
        """End the sessions of a database that this role may end."""
        self.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND pid <> pg_backend_pid()"
            " AND usename NOT IN (SELECT rolname FROM pg_roles WHERE rolsuper)",
            (database,),
        )

    def protect(self, database: str) -> None:
        """Read-only for everyone by default; nobody creates anything in it."""
        name = sql.Identifier(database)
        for command in (
            sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on"),
            sql.SQL("REVOKE CREATE, TEMPORARY ON DATABASE {} FROM PUBLIC"),
        ):
            self.connection.execute(command.format(name))

    def allow_readers(self, database: str, *, is_allowed: bool) -> None:
        """Whether others than the owner may connect."""
        verb = sql.SQL(
            "GRANT CONNECT ON DATABASE {} TO PUBLIC" if is_allowed else "REVOKE CONNECT ON DATABASE {} FROM PUBLIC"
        )
        self.connection.execute(verb.format(sql.Identifier(database)))


def _create(connection: Connection, database: str) -> None:
    try:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(database))
        )
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        # Another thread or process was faster.
        return


def _standby(row: tuple[Any, ...]) -> Standby:
    return Standby(
        register=row[0], database=row[1], generation=row[2], attempt=row[3], state=row[4], incarnation=row[5],
        begin_home_offset=row[6], begin_lane_offset=row[7], begin_record=bytes(row[8]),
    )  # fmt: skip
