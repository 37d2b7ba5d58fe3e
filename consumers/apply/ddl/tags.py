"""Which command a statement is: PostgreSQL's command tag, read from its first words. Pure."""

from __future__ import annotations

import itertools
from typing import Final

from consumers.apply.ddl.tokens import Statement, Token

_MODIFIERS: Final = frozenset(
    {"or", "replace", "global", "local", "temporary", "temp", "unlogged", "unique", "recursive", "trusted",
     "procedural", "constraint", "default"}
)  # fmt: skip
_TWO_WORDS: Final = {
    "materialized": ("view",), "foreign": ("table", "data"), "event": ("trigger",), "access": ("method",),
    "user": ("mapping",), "large": ("object",), "default": ("privileges",),
    "operator": ("class", "family"), "text": ("search",),
}  # fmt: skip
_DDL_VERBS: Final = frozenset({"create", "alter", "drop"})
_OTHER_TAGS: Final = {
    "comment": "COMMENT", "grant": "GRANT", "revoke": "REVOKE", "security": "SECURITY LABEL",
    "refresh": "REFRESH MATERIALIZED VIEW", "import": "IMPORT FOREIGN SCHEMA", "reindex": "REINDEX",
    "reassign": "REASSIGN OWNED",
}  # fmt: skip
_QUERY_STARTS: Final = ("select", "with", "values", "table", "execute")
WITHOUT_EVENTS: Final = frozenset({"ROLE", "USER", "GROUP", "DATABASE", "TABLESPACE", "EVENT TRIGGER", "SYSTEM"})
"""Kinds of objects whose DDL fires no event trigger."""


def tag_of(statement: Statement) -> str:
    """The command tag as an event trigger reports it; '' for what is no DDL."""
    verb = statement.word(0)
    if verb in _OTHER_TAGS:
        return _OTHER_TAGS[verb]
    if verb in ("select", "with"):
        return "SELECT INTO" if any(t.depth == 0 and t.is_word("into") for t in statement.tokens) else ""
    if verb not in _DDL_VERBS:
        return ""
    words = _object_words(statement)
    tag = " ".join([verb, *words]).upper()
    return "CREATE TABLE AS" if tag == "CREATE TABLE" and _has_query(statement) else tag


def is_temporary(statement: Statement) -> bool:
    """CREATE TEMPORARY ..."""
    heads = [token.value for token in statement.tokens[:5] if token.depth == 0]
    return statement.word(0) == "create" and ("temp" in heads or "temporary" in heads)


def may_be_silent(statement: Statement) -> bool:
    """True when the statement can have run without leaving a row: it is no DDL, or can find nothing to do."""
    tag = tag_of(statement)
    if not tag or is_temporary(statement) or tag == "REASSIGN OWNED" or tag.partition(" ")[2] in WITHOUT_EVENTS:
        return True
    words = statement.tokens
    return any(
        a.is_word("if") and (b.is_word("exists") or b.is_word("not"))
        for a, b in itertools.pairwise(words)
        if a.depth == 0
    )


def _object_words(statement: Statement) -> list[str]:
    place = 1
    verb = statement.word(0)
    while verb == "create" and statement.word(place) in _MODIFIERS:
        place += 1
    if verb == "alter" and statement.word(1) == "default":
        return ["default", "privileges"]
    first = statement.word(place)
    if not first:
        return []
    if first == "procedural":  # ALTER PROCEDURAL LANGUAGE
        return ["language"]
    follower = statement.word(place + 1)
    if follower not in _TWO_WORDS.get(first, ()):
        return [first]
    if follower == "search":
        return [first, follower, statement.word(place + 2)]
    if follower == "data":
        return [first, follower, "wrapper"]
    return [first, follower]


def _has_query(statement: Statement) -> bool:
    tokens: tuple[Token, ...] = statement.tokens
    return any(
        token.depth == 0 and token.is_word("as") and (after.is_word(*_QUERY_STARTS) or after.is_symbol("("))
        for token, after in itertools.pairwise(tokens)
    )
