"""Runs the statements of a schema change over the applier's connection: all or nothing, under chosen settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import sql

from consumers.apply.ddl.settings import OF_MACHINE
from consumers.apply.errors import translate
from data_embassy.errors import TransportError
from data_embassy.postgres import PINNED_SETTINGS, Connection

_STAGING: Final = (
    "SELECT relname FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.pg_my_temp_schema() AND relkind = 'r'"
)


class NotReplayable(Exception):
    """This change cannot be replayed, for this reason."""


class RoleMissing(NotReplayable):
    """An object or role that the statement names does not exist."""


class Execution:
    """Inside the applier's transaction, with its rights."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def whole(self, *, has_savepoint: bool = True) -> Iterator[None]:
        """Everything inside, or nothing; raises NotReplayable, RoleMissing, TransportError.

        Without a savepoint a failure leaves the transaction to be rolled back by the caller.
        """
        if has_savepoint:
            self._connection.execute("SAVEPOINT data_embassy_ddl")
        try:
            yield
        except TransportError:
            raise
        except psycopg.Error as error:
            failure = translate(error, "a schema change")
            if isinstance(failure, TransportError):
                raise failure from None
            if has_savepoint:
                self._undo()
            if error.sqlstate == psycopg.errors.UndefinedObject.sqlstate:
                raise RoleMissing("PostgreSQL refused it: something that it names does not exist here") from None
            # PostgreSQL's text may quote values: only its code is told.
            raise NotReplayable(f"PostgreSQL refused it: {type(error).__name__} (SQLSTATE {error.sqlstate})") from None
        except BaseException:
            if has_savepoint:
                self._undo()
            raise
        if has_savepoint:
            self._connection.execute("RELEASE SAVEPOINT data_embassy_ddl")

    def _undo(self) -> None:
        self._connection.execute("ROLLBACK TO SAVEPOINT data_embassy_ddl")
        self._connection.execute("RELEASE SAVEPOINT data_embassy_ddl")

    @contextmanager
    def under(self, settings: Mapping[str, str]) -> Iterator[None]:
        """These settings inside, and those from before afterwards."""
        names = list(settings)
        before = {name: self._setting(name) for name in dict.fromkeys([*names, *PINNED_SETTINGS])}
        for name, value in settings.items():
            if value != before[name]:
                self._set(name, value)
        yield
        for name, value in before.items():
            self._set(name, value)

    def _setting(self, name: str) -> str:
        row = self._connection.execute("SELECT pg_catalog.current_setting(%s)", (name,)).fetchone()
        assert row is not None
        return str(row[0])

    def _set(self, name: str, value: str) -> None:
        if name not in OF_MACHINE:
            self._connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
            return
        # Another machine may not have this locale: what depends on it shows in what comes out.
        self._connection.execute("SAVEPOINT data_embassy_setting")
        try:
            self._connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
        except psycopg.errors.InvalidParameterValue:
            self._connection.execute("ROLLBACK TO SAVEPOINT data_embassy_setting")
        self._connection.execute("RELEASE SAVEPOINT data_embassy_setting")

    def execute(self, text: str) -> None:
        """Run one statement."""
        # Binary forces the extended protocol, which takes one statement only.
        self._connection.execute(text.encode(), prepare=False, binary=True)

    def drop_staging(self) -> None:
        """Staging tables are made of the register's types: a type could not be changed below them."""
        names = [row[0] for row in self._connection.execute(_STAGING).fetchall()]
        if names:
            tables = sql.SQL(", ").join(sql.Identifier("pg_temp", name) for name in names)
            self._connection.execute(sql.SQL("DROP TABLE {}").format(tables))
