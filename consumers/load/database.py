"""The database of a generation: made with the register's own encoding and locale, marked with its attempt."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import psycopg
from psycopg import sql

from consumers.load import state
from consumers.load.errors import LoadFailed
from data_embassy.postgres import Connection
from schemas.records import RecordKey, split_snapshot_run

_MARK: Final = re.compile(r"\Adata-embassy snapshot (\d+)\.(\d+)\Z")
_PROVIDERS: Final = {"c": "libc", "i": "icu", "b": "builtin"}
_LOCALE_OPTION: Final = {"i": "ICU_LOCALE", "b": "BUILTIN_LOCALE"}


def open_generation(
    control: Connection,
    connect: Callable[[str], Connection],
    *,
    database: str,
    key: RecordKey,
    begin: Mapping[str, Any],
) -> bool:
    """Make sure that `database` exists for exactly the attempt of this SnapshotBegin; repeatable after any kill.

    `control` is in autocommit mode on another database of the server; `connect` opens a database by name. Whatever
    an earlier attempt left is dropped. Returns False, and does nothing, when the database belongs to a later
    attempt: the record is a stale one. Raises LoadFailed, for example when the locale is not installed here.
    """
    assert control.autocommit, "CREATE DATABASE cannot run inside a transaction"
    assert key.n == 1, "a generation is opened by its SnapshotBegin"
    exists, marked = _find(control, database)
    if marked == key.run:
        return True
    if marked is not None and marked > key.run:
        return False
    if exists and marked is None:
        _refuse_foreign(connect, database)
    drop_generation(control, database)
    _create(control, database, begin)
    connection = connect(database)
    try:
        connection.execute(state.TABLES)
        connection.execute(
            "INSERT INTO embassy_local.load (run, n, begin_record) VALUES (%s, 1, %s)"
            " ON CONFLICT (only_row) DO UPDATE SET run = excluded.run, n = 1, begin_record = excluded.begin_record",
            (key.run, json.dumps(dict(begin))),
        )
        if not connection.autocommit:
            connection.commit()
    finally:
        connection.close()
    generation, attempt = split_snapshot_run(key.run)
    control.execute(
        sql.SQL("COMMENT ON DATABASE {} IS {}").format(
            sql.Identifier(database), sql.Literal(f"data-embassy snapshot {generation}.{attempt}")
        )
    )
    return True


def drop_generation(control: Connection, database: str) -> None:
    """Drop a generation's database, also while sessions hang on to it."""
    control.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def drop_other(control: Connection, database: str, run: int) -> None:
    """Drop a database unless it belongs to this attempt."""
    exists, marked = _find(control, database)
    if exists and marked != run:
        drop_generation(control, database)


def _find(control: Connection, database: str) -> tuple[bool, int | None]:
    row = control.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", (database,)
    ).fetchone()
    if row is None:
        return False, None
    match = _MARK.match(row[0] or "")
    return True, None if match is None else int(match[1]) << 32 | int(match[2])


def _refuse_foreign(connect: Callable[[str], Connection], database: str) -> None:
    """A kill between CREATE DATABASE and its mark leaves an empty database; anything else is not ours to drop."""
    connection = connect(database)
    try:
        row = connection.execute(
            "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'embassy_local')"
        ).fetchone()
    finally:
        connection.close()
    if row is not None and row[0]:
        raise LoadFailed(
            f"database {database} is not empty and bears no mark of a generation",
            remedy=f"at the embassy: rename or drop the database {database}",
        )


def _create(control: Connection, database: str, begin: Mapping[str, Any]) -> None:
    provider = str(begin["locale_provider"])
    options: list[sql.Composable] = [
        sql.SQL("TEMPLATE template0 ENCODING {}").format(sql.Literal(begin["encoding"])),
        sql.SQL("LOCALE_PROVIDER " + _PROVIDERS[provider]),
        sql.SQL("LC_COLLATE {} LC_CTYPE {}").format(sql.Literal(begin["collate"]), sql.Literal(begin["ctype"])),
    ]
    if provider in _LOCALE_OPTION and begin["locale"] is not None:
        options.append(sql.SQL(_LOCALE_OPTION[provider] + " {}").format(sql.Literal(begin["locale"])))
    try:
        control.execute(
            sql.SQL("CREATE DATABASE {} WITH {}").format(sql.Identifier(database), sql.SQL(" ").join(options))
        )
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise LoadFailed(
            f"the standby's database cannot be created: {error.diag.message_primary}",
            remedy=f"install the register's locale ({begin['collate']}, {begin['ctype']}) on the embassy's server",
        ) from error
