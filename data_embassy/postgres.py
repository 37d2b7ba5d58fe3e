"""The edge to PostgreSQL: connections with pinned settings (stream-v1 section 8)."""

from __future__ import annotations

from typing import Any, Final

import psycopg

from data_embassy.config import Postgres
from data_embassy.errors import TransportError

PINNED_SETTINGS: Final[dict[str, str]] = {
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmloption": "content",
    "search_path": "pg_catalog",
}
"""Settings that decide how values look as text: the same for every session whose text is compared or replayed."""

Connection = psycopg.Connection[tuple[Any, ...]]
_CONNECT_TIMEOUT_SECONDS: Final = 10


def _options() -> str:
    def escape(value: str) -> str:
        return value.replace("\\", "\\\\").replace(" ", "\\ ")

    return " ".join(f"-c {name}={escape(value)}" for name, value in PINNED_SETTINGS.items())


def connect(
    target: Postgres,
    *,
    application_name: str,
    database: str | None = None,
    autocommit: bool = False,
    replication: bool = False,
) -> Connection:
    """Connect with the pinned settings; raises TransportError when the server cannot be reached.

    The settings travel as start-up options: they win over what is set for the role or the database.
    """
    arguments: dict[str, Any] = {
        "host": target.host,
        "port": target.port,
        "user": target.user,
        "dbname": database or target.database,
        "application_name": application_name,
        "client_encoding": "UTF8",
        "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
        "options": _options(),
        # A peer that vanished without a word must not hold a thread for hours.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "autocommit": autocommit,
    }
    if target.password is not None:
        arguments["password"] = target.password.read().reveal()
    if replication:
        arguments["replication"] = "database"
    try:
        return psycopg.connect(**arguments)
    except psycopg.OperationalError as error:
        raise TransportError(
            f"PostgreSQL at {target.host}:{target.port} database {arguments['dbname']} cannot be reached: "
            f"{str(error).strip().splitlines()[0]}",
            remedy="check that the server runs and that the user and the password file are right",
        ) from error
