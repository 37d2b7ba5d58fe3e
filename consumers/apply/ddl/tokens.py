"""Cuts SQL text into tokens and statements the way PostgreSQL's own scanner does. Pure.

Nothing here understands SQL: it only tells apart what stands inside quotes, comments and brackets. What it cannot read
to the end is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Unreadable(ValueError):
    """The text ends inside a quote, a comment or a bracket, or holds what no scanner knows."""


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    QUOTED = "quoted"
    STRING = "string"
    NUMBER = "number"
    SYMBOL = "symbol"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: `value` is a word in lower case, a quoted identifier without its quotes, otherwise the text itself."""

    kind: Kind
    value: str
    start: int
    end: int
    depth: int
    """Open brackets before it."""

    def is_word(self, *words: str) -> bool:
        """True for one of these words, unquoted."""
        return self.kind is Kind.WORD and self.value in words

    def is_symbol(self, *symbols: str) -> bool:
        """True for one of these symbols."""
        return self.kind is Kind.SYMBOL and self.value in symbols

    @property
    def is_name(self) -> bool:
        """True for what can be an identifier."""
        return self.kind in (Kind.WORD, Kind.QUOTED)


@dataclass(frozen=True, slots=True)
class Statement:
    """One top-level statement of a string."""

    text: str
    tokens: tuple[Token, ...]

    def word(self, place: int) -> str:
        """The word at this place, '' where there is none."""
        if place < len(self.tokens) and self.tokens[place].kind is Kind.WORD:
            return self.tokens[place].value
        return ""

    def replaced(self, changes: Sequence[tuple[int, int, str]]) -> str:
        """The text with stretches (start, end, new), given in the original string's places."""
        origin = self.tokens[0].start
        text = self.text
        for first, last, new in sorted(changes, reverse=True):
            text = text[: first - origin] + new + text[last - origin :]
        return text


_SPACE: Final = re.compile(r"[ \t\n\r\f\v]+")
_LINE_COMMENT: Final = re.compile(r"--[^\n\r]*")
_WORD: Final = re.compile(r"[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]*")
_NUMBER: Final = re.compile(
    r"0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+"
    r"|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]+)?"
)
_DOLLAR: Final = re.compile(r"\$(?:[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff]*)?\$")
_PARAMETER: Final = re.compile(r"\$[0-9]+")
_OPERATOR: Final = re.compile(r"[-+*/<>=~!@#%^&|`?]+")
_PLAIN: Final = re.compile(r"(?:[^']|'')*'")
_ESCAPED: Final = re.compile(r"(?:[^'\\]|''|\\.)*'", re.DOTALL)
_IDENTIFIER: Final = re.compile(r'(?:[^"]|"")*"')
_PREFIXED: Final = re.compile(r"[bBxXnNeE]'|[uU]&'|[uU]&\"")
_OPENING: Final = "([{"
_CLOSING: Final = ")]}"


def tokenize(text: str, *, standard_strings: bool = True) -> tuple[Token, ...]:
    """The tokens of a string; raises Unreadable.

    `standard_strings` is standard_conforming_strings of the session that sent it.
    """
    if "\0" in text:
        raise Unreadable("a zero byte")
    return tuple(_tokens(text, standard_strings=standard_strings))


def split(text: str, *, standard_strings: bool = True) -> list[Statement]:
    """The top-level statements of a string, empty ones left out; raises Unreadable."""
    found: list[Statement] = []
    current: list[Token] = []
    atomic = 0
    for token in tokenize(text, standard_strings=standard_strings):
        if token.is_symbol(";") and token.depth == 0 and not atomic:
            _close(text, current, found)
            current = []
            continue
        atomic = _atomic_depth(atomic, current, token)
        current.append(token)
    if atomic:
        raise Unreadable("a body that is not ended")
    _close(text, current, found)
    return found


def _atomic_depth(depth: int, before: list[Token], token: Token) -> int:
    """How deep inside BEGIN ATOMIC ... END, whose semicolons belong to one statement."""
    if depth == 0:
        starts = token.is_word("atomic") and before and before[-1].is_word("begin") and before[0].is_word("create")
        return int(bool(starts))
    if token.is_word("case"):
        return depth + 1
    return depth - 1 if token.is_word("end") else depth


def _close(text: str, tokens: list[Token], found: list[Statement]) -> None:
    if tokens:
        found.append(Statement(text[tokens[0].start : tokens[-1].end], tuple(tokens)))


def _tokens(text: str, *, standard_strings: bool) -> Iterator[Token]:
    place, depth = 0, 0
    while place < len(text):
        skipped = _skip(text, place)
        if skipped > place:
            place = skipped
            continue
        kind, value, end = _next(text, place, standard_strings=standard_strings)
        if kind is Kind.SYMBOL and value in _CLOSING:
            depth -= 1
            if depth < 0:
                raise Unreadable("a bracket that was not opened")
        yield Token(kind, value, place, end, depth)
        if kind is Kind.SYMBOL and value in _OPENING:
            depth += 1
        place = end
    if depth:
        raise Unreadable("a bracket that is not closed")


def _skip(text: str, place: int) -> int:
    """Behind blanks and comments."""
    match = _SPACE.match(text, place) or _LINE_COMMENT.match(text, place)
    if match:
        return match.end()
    if not text.startswith("/*", place):
        return place
    depth, at = 1, place + 2
    while depth:
        opened, closed = text.find("/*", at), text.find("*/", at)
        if closed < 0:
            raise Unreadable("a comment that is not closed")
        is_nested = 0 <= opened < closed
        depth += 1 if is_nested else -1
        at = (opened if is_nested else closed) + 2
    return at


def _next(text: str, place: int, *, standard_strings: bool) -> tuple[Kind, str, int]:
    prefix = _PREFIXED.match(text, place)
    if prefix:
        return _prefixed(text, place, prefix.group())
    char = text[place]
    if char == "'":
        end = _end(_PLAIN if standard_strings else _ESCAPED, text, place + 1)
        return Kind.STRING, text[place:end], end
    if char == '"':
        end = _end(_IDENTIFIER, text, place + 1)
        return Kind.QUOTED, text[place + 1 : end - 1].replace('""', '"'), end
    if char == "$":
        return _dollar(text, place)
    if match := _WORD.match(text, place):
        # PostgreSQL folds ASCII letters; others only in single-byte encodings.
        return Kind.WORD, match.group().translate(_FOLD), match.end()
    if match := _NUMBER.match(text, place):
        return Kind.NUMBER, match.group(), match.end()
    if match := _OPERATOR.match(text, place):
        run = match.group()
        cuts = [at for at in (run.find("--", 1), run.find("/*", 1)) if at > 0]
        run = run[: min(cuts)] if cuts else run
        return Kind.SYMBOL, run, place + len(run)
    if char in "()[]{}.,;:\\":
        return Kind.SYMBOL, char, place + 1
    raise Unreadable("a character that SQL does not know")


_FOLD: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _prefixed(text: str, place: int, prefix: str) -> tuple[Kind, str, int]:
    start = place + len(prefix)
    if prefix.endswith('"'):
        # U&"..." may hold escapes; such a name is kept as it stands and matches nothing by name.
        end = _end(_IDENTIFIER, text, start)
        return Kind.QUOTED, text[place:end], end
    end = _end(_ESCAPED if prefix[0] in "eE" else _PLAIN, text, start)
    return Kind.STRING, text[place:end], end


def _dollar(text: str, place: int) -> tuple[Kind, str, int]:
    if match := _PARAMETER.match(text, place):
        return Kind.NUMBER, match.group(), match.end()
    match = _DOLLAR.match(text, place)
    if match is None:
        raise Unreadable("a dollar sign that quotes nothing")
    end = text.find(match.group(), match.end())
    if end < 0:
        raise Unreadable("a dollar quote that is not closed")
    end += len(match.group())
    return Kind.STRING, text[place:end], end


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    if match is None:
        raise Unreadable("a quote that is not closed")
    return match.end()
