"""Where a register is, from a DSN; and its passwords, from files and the environment. Never from the command line.

Whatever stands in a command line can be read by every user of the machine (`ps`) and stays in the shell's history.
No error of this module repeats a DSN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from data_embassy.config import PasswordFile, Secret
from data_embassy.errors import ConfigError

DSN_VARIABLE: Final = "EMBASSY_DSN"
PASSWORD_VARIABLES: Final = {"capture": "EMBASSY_CAPTURE_PASSWORD", "pulse": "EMBASSY_PULSE_PASSWORD"}
_KNOWN: Final = {"host", "port", "dbname", "user", "password"}
_REMEDY: Final = (
    "give the password by --capture-password-file and --pulse-password-file, or the whole DSN by --dsn-file FILE"
    f" or {DSN_VARIABLE}"
)
_EXAMPLE: Final = "give one such as postgresql://HOST:5432/DATABASE or 'host=HOST port=5432 dbname=DATABASE'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A register's database. `user` and `password` are the capture role's; None where the DSN does not say."""

    host: str
    port: int
    database: str
    user: str | None
    password: Secret | None


def read_dsn(argument: str | None, file: Path | None, environment: Mapping[str, str]) -> Address | None:
    """The DSN that was given in one of three ways, None if in none; raises ConfigError."""
    given = [way for way in (argument, file, environment.get(DSN_VARIABLE)) if way]
    if len(given) > 1:
        raise ConfigError("more than one DSN was given", remedy=f"give one: --dsn, --dsn-file or {DSN_VARIABLE}")
    if file is not None:
        return parse_dsn(PasswordFile(path=file).read().reveal(), is_public=False)
    if argument:
        return parse_dsn(argument, is_public=True)
    text = environment.get(DSN_VARIABLE)
    return parse_dsn(text, is_public=False) if text else None


def parse_dsn(text: str, *, is_public: bool) -> Address:
    """Read a DSN; raises ConfigError, always where `is_public` and it holds a password."""
    try:
        parts = {name: str(value) for name, value in conninfo_to_dict(text).items() if value is not None}
    except psycopg.ProgrammingError:
        # The library's message repeats parts of the text.
        raise ConfigError("the DSN cannot be read", remedy=_EXAMPLE) from None
    if is_public and "password" in parts:
        raise ConfigError(
            "the DSN on the command line holds a password: every user of this machine could read it, so it counts as"
            " known and should be changed",
            remedy=_REMEDY,
        )
    unknown = sorted(parts.keys() - _KNOWN)
    if unknown:
        raise ConfigError(f"the DSN sets {', '.join(unknown)}, which a contract does not have", remedy=_EXAMPLE)
    missing = [name for name in ("host", "dbname") if not parts.get(name)]
    if missing:
        raise ConfigError(f"the DSN does not say {' and '.join(missing)}", remedy=_EXAMPLE)
    if parts["host"].startswith(("/", "@")) or "," in parts["host"]:
        raise ConfigError("the DSN must name one host, reached by TCP", remedy=_EXAMPLE)
    return Address(
        host=parts["host"],
        port=_port(parts.get("port", "5432")),
        database=parts["dbname"],
        user=parts.get("user") or None,
        password=Secret(parts["password"]) if parts.get("password") else None,
    )


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise ConfigError("the DSN's port is no number between 1 and 65535", remedy=_EXAMPLE)
    return int(text)


def read_password(role: str, file: Path | None, environment: Mapping[str, str]) -> Secret | None:
    """The password of one of the two roles, from its file or variable; None if neither is given. Raises ConfigError."""
    if file is not None:
        return PasswordFile(path=file).read()
    text = environment.get(PASSWORD_VARIABLES[role])
    return Secret(text) if text else None
