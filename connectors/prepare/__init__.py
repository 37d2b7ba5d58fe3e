"""The SQL that a DBA reads and runs in a register's database, filled in from its contract, and what takes it back."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

from data_embassy.config import Register
from data_embassy.errors import ContractError
from data_embassy.postgres import PINNED_SETTINGS
from schemas.shared import shared_sql

_QUOTE: Final = "$data_embassy$"
_TOKEN: Final = re.compile(
    r""":(?:"(capture_role|pulse_role|database|publication)"|'(capture_role|pulse_role|publication|slot)'|(pinned_settings)\b)"""
)
_SHARED: Final = re.compile(r"^:shared (\w+\.sql)$", re.MULTILINE)
"""A text that the embassy asks of its own catalog as well."""
_UNLIMITED: Final = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "row_security": "off",
}
"""For the capture role only: a snapshot is one long transaction, and a policy must be an error, never a filter."""


def prepare_sql(register: Register) -> str:
    """The script for this register; raises ContractError when the site has no access to its source."""
    return _filled("register.sql", register)


def undo_sql(register: Register) -> str:
    """The script that takes everything back; raises ContractError when the site has no access to its source."""
    return _filled("undo.sql", register)


def _filled(file: str, register: Register) -> str:
    source = register.source
    if source is None:
        raise ContractError(
            f"{register.name} has no source at this site",
            remedy="run this at home, where the contract names the source",
        )
    names = {
        "capture_role": source.capture.user,
        "pulse_role": source.pulse.user,
        "database": source.capture.database,
        "publication": source.publication,
        "slot": source.slot,
    }
    for name in names.values():
        _check(name)
    settings = "\n".join(
        _set(names["capture_role"], names["database"], PINNED_SETTINGS | _UNLIMITED)
        + _set(names["pulse_role"], names["database"], PINNED_SETTINGS)
    )

    def fill(match: re.Match[str]) -> str:
        if match[3]:
            return settings
        return identifier(names[match[1]]) if match[1] else literal(names[match[2]])

    return _TOKEN.sub(fill, template(file))


def _set(role: str, database: str, settings: dict[str, str]) -> list[str]:
    where = f"ALTER ROLE {identifier(role)} IN DATABASE {identifier(database)}"
    return [f"{where} SET {identifier(key)} TO {literal(value)};" for key, value in settings.items()]


def template(file: str = "register.sql") -> str:
    """A reviewed text, whole, with the places of names still open."""
    text = files("connectors.prepare").joinpath(file).read_text(encoding="utf-8")
    return _SHARED.sub(lambda match: shared_sql(match[1]).removesuffix("\n"), text)


def identifier(name: str) -> str:
    """A quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A quoted literal; standard_conforming_strings is on wherever this runs."""
    return "'" + text.replace("'", "''") + "'"


def _check(name: str) -> None:
    if not name or len(name.encode()) > 63 or _QUOTE in name or not name.isprintable():
        raise ContractError(
            "a role, database or publication in the contract has no usable name",
            remedy="use at most 63 bytes of printable text",
        )
