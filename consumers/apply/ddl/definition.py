"""Compares what an object became here with what the register said. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Definition = Mapping[str, Any]
_NOT_CONTENT: Final = frozenset({"fires", "columns", "index_flags", "row_security", "force_row_security"})
"""Compared otherwise, or no content of a standby."""


def differences(home: Definition, here: Definition, *, is_same_major: bool) -> list[str]:
    """Names of what differs; of another major version only what is no generated text is compared."""
    names = (home.keys() | here.keys()) - _NOT_CONTENT
    if not is_same_major:
        names &= {"kind", "persistence", "identity", "labels", "version"}
    found = sorted(name for name in names if home.get(name) != here.get(name))
    return found + _columns(home.get("columns") or [], here.get("columns") or [], is_same_major=is_same_major)


def missing_values(home: Definition, here: Definition) -> dict[str, str]:
    """Columns whose stored value for existing rows is another one here; with the register's value."""
    there = {column["name"]: column["missing"] for column in home.get("columns") or [] if "missing" in column}
    return {
        column["name"]: there[column["name"]]
        for column in here.get("columns") or []
        # One that has none was written since, or came with a snapshot: its rows hold their values.
        if "missing" in column and column["name"] in there and column["missing"] != there[column["name"]]
    }


def _columns(home: list[Definition], here: list[Definition], *, is_same_major: bool) -> list[str]:
    kept = {"name", "type", "collation", "not_null", "identity", "generated"} | (
        {"default"} if is_same_major else set()
    )

    def plain(columns: list[Definition]) -> list[dict[str, Any]]:
        return [{key: value for key, value in column.items() if key in kept} for column in columns]

    return [] if plain(home) == plain(here) else ["columns"]
