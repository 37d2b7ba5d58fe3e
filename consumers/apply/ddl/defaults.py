"""ADD COLUMN ... DEFAULT now(): the value that the register stored first, then the default. Pure.

PostgreSQL evaluates a stable default once and keeps the value for the rows that exist. Evaluated again it would be
another one, so the column is added with the register's value as its default, and gets its real default afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from consumers.apply.ddl.synthesis import literal
from consumers.apply.ddl.tokens import Statement, Token
from schemas.digest import quote

_ENDS: Final = (
    "constraint", "not", "null", "check", "unique", "primary", "references", "generated", "collate", "deferrable",
    "initially", "compression", "storage",
)  # fmt: skip
"""Words that can follow a column's default: the default itself is a b_expr and holds none of them outside brackets."""


def with_stored_values(statement: Statement, values: Mapping[str, str]) -> tuple[str, list[str]] | None:
    """The statement with literals as defaults of these new columns, and the statements that follow it.

    None when a column is not found exactly once.
    """
    tokens = statement.tokens
    target = _target(tokens)
    if target is None:
        return None
    changes, later = [], []
    for column, value in values.items():
        spans = list(_defaults_of(tokens, column))
        if len(spans) != 1:
            return None
        first, last = spans[0]
        origin = tokens[0].start
        expression = statement.text[tokens[first].start - origin : tokens[last].end - origin]
        changes.append((tokens[first].start, tokens[last].end, literal(value)))
        later.append(f"ALTER TABLE {_text(statement, target)} ALTER COLUMN {quote(column)} SET DEFAULT {expression}")
    return statement.replaced(changes), later


def _target(tokens: tuple[Token, ...]) -> tuple[Token, Token] | None:
    """First and last token of the table's name."""
    place = 2
    while place < len(tokens) and tokens[place].is_word("if", "exists", "only"):
        place += 1
    first = place
    while place + 2 < len(tokens) and tokens[place + 1].is_symbol("."):
        place += 2
    return (tokens[first], tokens[place]) if place < len(tokens) and tokens[place].is_name else None


def _text(statement: Statement, span: tuple[Token, Token]) -> str:
    origin = statement.tokens[0].start
    return statement.text[span[0].start - origin : span[1].end - origin]


def _defaults_of(tokens: tuple[Token, ...], column: str) -> list[tuple[int, int]]:
    """First and last token of the default expression of each ADD COLUMN of this name."""
    found = []
    for place, token in enumerate(tokens):
        if token.depth or not token.is_word("add"):
            continue
        name = place + 1
        while name < len(tokens) and tokens[name].is_word("column", "if", "not", "exists"):
            name += 1
        if name >= len(tokens) or not tokens[name].is_name or tokens[name].value != column:
            continue
        end = next(
            (i for i in range(name, len(tokens)) if tokens[i].depth == 0 and tokens[i].is_symbol(",")), len(tokens)
        )
        for start in range(name + 1, end):
            if tokens[start].depth == 0 and tokens[start].is_word("default"):
                last = start + 1
                while last + 1 < end and not (tokens[last + 1].depth == 0 and tokens[last + 1].is_word(*_ENDS)):
                    last += 1
                if last < end:
                    found.append((start + 1, last))
                break
    return found
