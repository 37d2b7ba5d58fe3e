"""The settings under which a replayed statement runs: those of the session that sent it. Mostly pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from consumers.apply.ddl.tokens import Kind, Unreadable, tokenize

_CARRIED: Final = (
    "DateStyle", "IntervalStyle", "TimeZone", "standard_conforming_strings", "backslash_quote", "array_nulls",
    "transform_null_equals", "default_table_access_method", "default_toast_compression",
    "default_text_search_config", "lc_monetary", "lc_numeric", "xmloption",
    "extra_float_digits", "bytea_output",
)  # fmt: skip
OF_MACHINE: Final = frozenset({"lc_monetary", "lc_numeric", "default_text_search_config"})
"""Settings whose values may not exist on another machine."""
_OWN: Final[dict[str, str]] = {
    # Bodies may name what does not exist yet; the register has checked them.
    "check_function_bodies": "off",
    "default_tablespace": "",
    # The applier forbids these for its own statements; a view or a foreign key may need them.
    "enable_hashjoin": "on",
    "enable_mergejoin": "on",
}


def settings_for(noted: Mapping[str, str], search_path: str, role: str) -> dict[str, str]:
    """Name to value, for the time of the statement."""
    carried = {name: noted[name] for name in _CARRIED if name in noted}
    return {**carried, **_OWN, "search_path": standby_path(search_path, role)}


def plain_settings() -> dict[str, str]:
    """For text made from the catalog, which names everything in full: the pinned settings stay."""
    return dict(_OWN)


def standby_path(search_path: str, role: str) -> str:
    """The search_path with `$user` as it was meant there, and temporary tables (our staging) last."""
    names = _names(search_path)
    path = [role if name == "$user" else name for name in names]
    if "pg_temp" not in path:
        path.append("pg_temp")
    return ", ".join('"' + name.replace('"', '""') + '"' for name in path)


def _names(search_path: str) -> list[str]:
    try:
        tokens = tokenize(search_path)
    except Unreadable:
        return []
    return [
        token.value[1:-1] if token.kind is Kind.STRING else token.value
        for token in tokens
        if token.is_name or token.kind is Kind.STRING
    ]
