"""What the preparation makes, read from its own script: functions, tables and settings to compare with. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_FUNCTION: Final = re.compile(
    r"^CREATE OR REPLACE FUNCTION data_embassy\.(?P<name>\w+)\((?P<head>.*?)\bAS \$data_embassy\$(?P<body>.*?)"
    r"\$data_embassy\$;?$",
    re.MULTILINE | re.DOTALL,
)
_TABLE: Final = re.compile(
    r"^CREATE (?P<unlogged>UNLOGGED )?TABLE IF NOT EXISTS data_embassy\.(?P<name>\w+) (?P<columns>\(.*?;)",
    re.MULTILINE | re.DOTALL,
)
_COMMENT: Final = re.compile(r"--.*$", re.MULTILINE)
_COLUMN: Final = re.compile(r"(?:^ {4}|^\(|, )(?P<name>[a-z_]+) [a-z\"]", re.MULTILINE)
_OPTION: Final = re.compile(r"\bSET (?P<name>\w+) = (?:'(?P<text>[^']*)'|(?P<word>\w+(?:, \w+)*))")
_SETTING: Final = re.compile(
    r"^ALTER ROLE (?P<role>\"(?:[^\"]|\"\")+\") IN DATABASE .* SET \"(?P<key>\w+)\" TO '(?P<value>.*)';$", re.MULTILINE
)
EVENT_TRIGGERS: Final = ("data_embassy_ddl_command_end", "data_embassy_sql_drop", "data_embassy_table_rewrite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function as the script makes it."""

    body: str
    is_definer: bool
    config: frozenset[str]
    """As in pg_proc.proconfig."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as the script makes it."""

    is_unlogged: bool
    columns: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What stands in a database after its preparation."""

    functions: dict[str, Function]
    tables: dict[str, Table]
    settings: dict[str, dict[str, str]]
    """By quoted role: settings in this database."""


def expected(script: str) -> Expected:
    """Read a filled-in script."""
    functions = {}
    for match in _FUNCTION.finditer(script):
        functions[match["name"]] = Function(
            body=match["body"],
            is_definer="SECURITY DEFINER" in match["head"],
            config=frozenset(
                f"{option['name']}={option['text'] if option['word'] is None else option['word']}"
                for option in _OPTION.finditer(match["head"])
            ),
        )
    settings: dict[str, dict[str, str]] = {}
    for match in _SETTING.finditer(script):
        settings.setdefault(match["role"], {})[match["key"]] = match["value"].replace("''", "'")
    tables = {
        match["name"]: Table(
            is_unlogged=match["unlogged"] is not None,
            columns=frozenset(column["name"] for column in _COLUMN.finditer(match["columns"])),
        )
        for match in _TABLE.finditer(_COMMENT.sub("", script))
    }
    return Expected(functions=functions, tables=tables, settings=settings)
