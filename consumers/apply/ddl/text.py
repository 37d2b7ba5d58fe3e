"""A statement's text as a standby can run it: without what names machines and roles of home. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from consumers.apply.ddl.tokens import Kind, Statement, Token

_CLOCKS: Final = frozenset(
    {"current_timestamp", "current_date", "current_time", "localtime", "localtimestamp", "current_user", "user",
     "session_user", "current_role", "current_catalog", "current_schema"}
)  # fmt: skip
_NUMBERED: Final = frozenset({"serial", "bigserial", "smallserial", "serial2", "serial4", "serial8", "identity"})
_SPECIAL_TIMES: Final = re.compile(r"\b(?:now|today|tomorrow|yesterday)\b", re.IGNORECASE)
_UNTRUSTED: Final = frozenset({"c", "internal"})


class Unsafe(ValueError):
    """The statement cannot be replayed exactly, or must not be."""


def says_nothing(statement: Statement) -> bool:
    """True when the statement only gives an owner or a tablespace to something."""
    tokens = statement.tokens
    if statement.word(0) != "alter" or any(t.is_symbol(",") and t.depth == 0 for t in tokens):
        return False
    return _ends_with(tokens, "owner", "to") or _ends_with(tokens, "set", "tablespace")


def normalize(statement: Statement, tag: str) -> str:
    """The text without CONCURRENTLY, tablespaces and owners; raises Unsafe."""
    _refuse(statement, tag)
    tokens = statement.tokens
    changes: list[tuple[int, int, str]] = []
    changes += _concurrently(tokens, tag)
    if tag in ("CREATE TABLE", "CREATE INDEX", "CREATE MATERIALIZED VIEW") or tag == "ALTER TABLE":
        changes += _tablespaces(tokens)
    if tag == "CREATE SCHEMA":
        changes += _authorization(tokens)
    return statement.replaced(changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What a statement that writes rows anew may have called."""

    functions: tuple[str, ...]
    names: tuple[str, ...]
    """All names: some are types."""
    operators: tuple[str, ...]


def evaluated(statement: Statement) -> Evaluated:
    """What the statement may have called; raises Unsafe.

    What depends on the moment, the role or a sequence is refused here; functions are looked up by the caller.
    """
    tokens = statement.tokens
    words = {token.value for token in tokens if token.kind is Kind.WORD}
    if words & _CLOCKS:
        raise Unsafe("it wrote rows from the clock or the role")
    if words & _NUMBERED:
        raise Unsafe("it numbered rows that existed, in no order that can be known")
    if "logged" in words:
        raise Unsafe("the rows of a table that was unlogged are not in the stream")
    if any(token.kind is Kind.STRING and _SPECIAL_TIMES.search(token.value) for token in tokens):
        raise Unsafe("it wrote rows from the clock")
    called = {
        token.value
        for before, token, after in zip((None, *tokens), tokens, (*tokens[1:], None), strict=False)
        # `(row).name` calls a function too.
        if token.is_name
        and ((after is not None and after.is_symbol("(")) or (before is not None and before.is_symbol(".")))
    }
    return Evaluated(
        functions=tuple(sorted(called)),
        names=tuple(sorted({token.value for token in tokens if token.is_name})),
        operators=tuple(sorted({token.value for token in tokens if token.kind is Kind.SYMBOL})),
    )


def _refuse(statement: Statement, tag: str) -> None:
    tokens = statement.tokens
    if tag.endswith((" FUNCTION", " PROCEDURE")) and tag.startswith("CREATE"):
        for token, after in pairwise(tokens):
            if token.depth == 0 and token.is_word("language") and after.value.strip("'").lower() in _UNTRUSTED:
                raise Unsafe("it names a library of home's machine")
    if tag == "ALTER TABLE" and any(a.is_word("force") and b.is_word("row") for a, b in pairwise(tokens)):
        before = [a.value for a, b in pairwise(tokens) if b.is_word("force") and b.depth == 0]
        if before != ["no"] * len(before):
            raise Unsafe("it would hide rows from the embassy's own role, which owns the standby's tables")
    if statement.word(0) == "alter" and any(
        a.is_word("owner") and b.is_word("to") and a.depth == 0 for a, b in pairwise(tokens)
    ):
        raise Unsafe("it changes an owner together with other things")


def _ends_with(tokens: tuple[Token, ...], *words: str) -> bool:
    behind = tokens[-1 - len(words) :]
    return len(behind) == len(words) + 1 and all(t.is_word(w) for t, w in zip(behind, words, strict=False))


def _concurrently(tokens: tuple[Token, ...], tag: str) -> list[tuple[int, int, str]]:
    if tag in ("CREATE INDEX", "DROP INDEX", "REFRESH MATERIALIZED VIEW"):
        # Directly behind INDEX or VIEW, where it can be no name (it is reserved there).
        for before, token in pairwise(tokens):
            if before.is_word("index", "view"):
                return [(token.start, token.end, "")] if token.is_word("concurrently") else []
    if tag == "ALTER TABLE" and _detach(tokens):
        last = tokens[-1]
        return [(last.start, last.end, "")]
    return []


def detached_slowly(statement: Statement) -> str | None:
    """The partition that DETACH PARTITION ... CONCURRENTLY or FINALIZE names, as written."""
    place = _detach(statement.tokens)
    if not place:
        return None
    origin, last = statement.tokens[0].start, statement.tokens[-2]
    return statement.text[statement.tokens[place].start - origin : last.end - origin]


def makes_enum(statement: Statement) -> bool:
    """CREATE TYPE ... AS ENUM, and ALTER TYPE ... ADD VALUE."""
    words = ("as", "enum") if statement.word(0) == "create" else ("add", "value")
    return any(a.is_word(words[0]) and b.is_word(words[1]) and a.depth == 0 for a, b in pairwise(statement.tokens))


def _detach(tokens: tuple[Token, ...]) -> int:
    """Where the partition's name begins in such a command, otherwise 0."""
    for place, (first, second) in enumerate(pairwise(tokens)):
        if first.is_word("detach") and second.is_word("partition") and first.depth == 0:
            is_slow = tokens[-1].is_word("concurrently", "finalize") and len(tokens) > place + 3
            return place + 2 if is_slow else 0
    return 0


def _tablespaces(tokens: tuple[Token, ...]) -> list[tuple[int, int, str]]:
    found = []
    for place, (token, name) in enumerate(pairwise(tokens)):
        if not token.is_word("tablespace") or not name.is_name:
            continue
        before = tokens[place - 1]
        is_index_clause = before.is_word("index") and tokens[place - 2].is_word("using")
        if is_index_clause:
            found.append((tokens[place - 2].start, name.end, ""))
        elif token.depth == 0 and (before.is_symbol(")") or before.is_name or before.is_symbol("]")):
            found.append((token.start, name.end, ""))
    return found


def _authorization(tokens: tuple[Token, ...]) -> list[tuple[int, int, str]]:
    for place, token in enumerate(tokens[:6]):
        if token.is_word("authorization") and place + 1 < len(tokens):
            before = tokens[place - 1]
            if before.is_word("schema", "exists"):
                # The role's name is the schema's.
                return [(token.start, token.end, "")]
            return [(token.start, tokens[place + 1].end, "")]
    return []
