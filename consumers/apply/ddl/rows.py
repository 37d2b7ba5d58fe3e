"""A row of `data_embassy.ddl` as the planner reads it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from consumers.apply.changes import Text

EVENTS: Final = ("ddl_command_end", "sql_drop", "table_rewrite", "mark")
_BOUND: Final = ("event", "tag", "statement", "search_path", "role", "settings", "details")


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """One event of a schema change, as the register noted it."""

    id: int
    transaction: str
    event: str
    tag: str
    text: str
    """The client's whole string."""
    string: int
    """Id of the row that holds the text: rows of one string share it."""
    search_path: str
    role: str
    settings: Mapping[str, str]
    objects: tuple[Mapping[str, Any], ...]
    definitions: tuple[Mapping[str, Any] | None, ...]
    """What each object became; empty where the register noted none."""
    full: tuple[str, ...]
    """Tables that got REPLICA IDENTITY FULL, as qualified names."""
    major: int | None
    """PostgreSQL's version in the register."""
    is_cut: bool
    digest: str
    """Binds an operator's decision to exactly this row."""


class UnreadableRow(ValueError):
    """The row is not as the register's preparation writes it."""


class Reader:
    """Reads the rows of a transaction in order, and keeps texts that later rows refer to."""

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        self._transaction = ""

    def read(self, row: Mapping[str, Text]) -> Noted:
        """The row; raises UnreadableRow."""
        try:
            return self._read(row)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            # Not chained: its text may quote the statement.
            raise UnreadableRow(type(error).__name__) from None

    def _read(self, row: Mapping[str, Text]) -> Noted:
        number, transaction = int(row["id"] or ""), row["transaction"] or ""
        if transaction != self._transaction:
            self._transaction = transaction
            self._texts.clear()
        string, text = _text_of(number, row)
        if text is None:
            text = self._texts[string]
        else:
            self._texts[string] = text
        details = json.loads(row["details"] or "")
        event = row["event"] or ""
        if event not in EVENTS:
            raise ValueError
        return Noted(
            id=number,
            transaction=transaction,
            event=event,
            tag=row["tag"] or "",
            text=text,
            string=string,
            search_path=row["search_path"] or "",
            role=row["role"] or "",
            settings={str(key): str(value) for key, value in json.loads(row["settings"] or "{}").items()},
            objects=tuple(details.get("objects") or ()),
            definitions=tuple(details.get("definitions") or ()),
            full=tuple((details.get("identity") or {}).get("full") or ()),
            major=details.get("major"),
            is_cut=bool(details.get("is_cut")),
            digest=_digest(row, text),
        )


def _text_of(number: int, row: Mapping[str, Text]) -> tuple[int, str | None]:
    text, earlier = row["statement"], row["statement_of"]
    return (number, text or "") if earlier is None else (int(earlier), None)


def _digest(row: Mapping[str, Text], text: str) -> str:
    # Without the time: nothing else may differ when the same row arrives again.
    content = [row.get("id"), row.get("transaction"), *(row.get(name) for name in _BOUND), text]
    return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()
