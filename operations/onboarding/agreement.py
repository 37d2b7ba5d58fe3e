"""The text of a contract out of what an operator gives: a file, which may lack lane, tier and source, and options.

The same file serves both sites: where the register is, the embassy's contract leaves out. Pure.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from data_embassy.config import Role
from data_embassy.errors import ContractError

_SITES_OWN: Final = ("lane", "tier", "source")
"""What a site's contract may have beside what both agreed on."""
_SOURCE: Final = re.compile(
    r"^[ \t]*\[[ \t]*source[ \t]*\][^\n]*\n?(?:(?![ \t]*\[)[^\n]*\n|(?![ \t]*\[)[^\n]+\Z)*", re.MULTILINE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The file that was given, read once."""

    text: str
    values: Mapping[str, Any]

    def has(self, name: str) -> bool:
        """True when the file has this setting, or table."""
        return name in self.values


def read_given(text: str | None, role: Role) -> Given:
    """What a file says at this site; nothing without one. Raises ContractError."""
    values = _parsed(text or "")
    if role == "home" or text is None or "source" not in values:
        return Given(text=text or "", values=values)
    shorter = _SOURCE.sub("", text)
    rest = {name: value for name, value in values.items() if name != "source"}
    if not _says(shorter, rest):
        raise ContractError(
            "the contract names the register's source, which is none of the embassy's business",
            remedy="give the file without [source]",
        )
    return Given(text=shorter, values=rest)


def completed(given: Given, *, title: str, head: Mapping[str, str | int], source: Mapping[str, str | int]) -> str:
    """The file's text with settings before it and a source behind it, as far as it has none of its own."""
    missing = {name: value for name, value in head.items() if not given.has(name)}
    lines = [f"# {title}", *_settings(missing)] if missing else []
    if given.text:
        lines += [*([""] if lines else []), given.text.rstrip("\n")]
    if source and not given.has("source"):
        lines += ["", "[source]", *_settings(source)]
    return "\n".join([*lines, ""])


def is_same(given: Given, stored: str) -> bool:
    """True when a contract says what the file says, and beside that no more than what each site has of its own."""
    values = _parsed(stored)
    return {name: value for name, value in values.items() if given.has(name) or name not in _SITES_OWN} == given.values


def _says(text: str, values: Mapping[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == values
    except tomllib.TOMLDecodeError:
        return False


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ContractError(f"the contract is no TOML: {error}", remedy="correct the file") from error


def _settings(values: Mapping[str, str | int]) -> list[str]:
    return [f"{name} = {value if isinstance(value, int) else _quoted(value)}" for name, value in values.items()]


def _quoted(text: str) -> str:
    # A basic string of TOML is written like one of JSON; DEL is the one sign that only TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
