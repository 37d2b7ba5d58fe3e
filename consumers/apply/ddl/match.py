"""Which statement of a client's string caused which noted command. Pure; proven or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from consumers.apply.ddl.tags import may_be_silent, tag_of
from consumers.apply.ddl.tokens import Statement, tokenize

if TYPE_CHECKING:
    from consumers.apply.ddl.plan import Unit

_TRANSACTION_WORDS: Final = ("commit", "rollback", "end", "abort", "prepare")
_STATEMENTS_MAX: Final = 2000
_UNNAMED: Final = frozenset(
    {"CREATE INDEX", "COMMENT", "GRANT", "REVOKE", "SECURITY LABEL", "CREATE CAST", "ALTER DEFAULT PRIVILEGES"}
)
"""Commands whose object's name need not stand in the text."""


def match(units: Sequence[Unit], statements: Sequence[Statement]) -> list[Statement | None] | None:
    """For each unit its statement; None for one that ran inside another statement; None when nothing is proven."""
    if len(statements) == 1:
        (only,) = statements
        return [only if tag_of(only) == unit.main.tag else None for unit in units]
    if not statements or len(statements) > _STATEMENTS_MAX:
        return None
    return _align(units, statements)


def _align(units: Sequence[Unit], statements: Sequence[Statement]) -> list[Statement | None] | None:
    """The only way to give each unit a statement, in order, so that no other statement must have left a row."""
    # Other transactions of the string may hold any of its statements.
    is_partial = any(statement.word(0) in _TRANSACTION_WORDS for statement in statements[:-1])
    silent = [is_partial or may_be_silent(statement) for statement in statements]
    tags = [tag_of(statement) for statement in statements]
    names = [{token.value for token in statement.tokens if token.is_name} for statement in statements]
    # ways[j]: in how many ways the statements so far can have caused the first j units (counted up to 2).
    ways = [[1] + [0] * len(units)]
    for i in range(len(statements)):
        row = [ways[i][j] if silent[i] else 0 for j in range(len(units) + 1)]
        for j, unit in enumerate(units):
            if ways[i][j] and _fits(unit, tags[i], names[i]):
                row[j + 1] = min(2, row[j + 1] + ways[i][j])
        ways.append(row)
    if ways[-1][-1] != 1:
        return None
    return _path(units, statements, ways, silent)


def _path(
    units: Sequence[Unit], statements: Sequence[Statement], ways: list[list[int]], silent: list[bool]
) -> list[Statement | None]:
    found: list[Statement | None] = []
    j = len(units)
    for i in range(len(statements), 0, -1):
        if silent[i - 1] and ways[i - 1][j]:
            continue
        j -= 1
        found.append(statements[i - 1])
    return found[::-1]


def _fits(unit: Unit, tag: str, names: set[str]) -> bool:
    if unit.main.tag != tag:
        return False
    if tag in _UNNAMED:
        return True
    told = {name for row in unit.rows for described in row.objects for name in _told(described)}
    return not told or bool(told & names)


def _told(described: Mapping[str, Any]) -> list[str]:
    """Names of an object, parts of one that must stand in a statement about it."""
    kind, names = (described.get("address") or [None, []])[:2]
    if kind != "type":
        return list(names)
    # A type's address is its whole name as one text: schema."of a type".
    return [[token.value for token in tokenize(name) if token.is_name][-1] for name in names]
