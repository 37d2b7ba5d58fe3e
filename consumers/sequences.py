"""The standby's sequences follow the pulse: they are no part of the stream, so the register's clock row carries them.

What is set is not undone by a rollback; a sequence ahead of the position is set again by the pulse that follows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from data_embassy.postgres import Connection
from schemas.records import UNCHANGED

# One that is missing or cannot take the value belongs to a schema change of which the standby knows otherwise.
_SET: Final = """
SELECT count(setval(c.oid::regclass, s.last_value, s.is_called))
  FROM jsonb_to_recordset(%s::jsonb) AS s(schema text, name text, last_value bigint, is_called boolean)
  JOIN pg_namespace n ON n.nspname = s.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.name AND c.relkind = 'S'
  JOIN pg_sequence q ON q.seqrelid = c.oid AND s.last_value BETWEEN q.seqmin AND q.seqmax
"""
_READ: Final = "SELECT sequences FROM data_embassy.pulse"


class Sequences:
    """Sets what changed since the pulse before."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._text: str | None = None
        self._states: dict[tuple[str, str], Any] = {}

    def follow(self, pulses: Iterable[Mapping[str, str | None]]) -> None:
        """Take over what the newest of these rows states, inside the caller's transaction (they are applied)."""
        texts = [row.get("sequences") for row in pulses]
        if not texts:
            return
        text = next((one for one in reversed(texts) if one != UNCHANGED), None)
        if text is None and self._text is None:
            row = self._connection.execute(_READ).fetchone()
            text = None if row is None else row[0]
        if text is None or text == self._text:
            return
        states = {(one["schema"], one["name"]): one for one in json.loads(text)}
        changed = [one for name, one in states.items() if self._states.get(name) != one]
        if changed:
            self._connection.execute(_SET, (json.dumps(changed),))
        self._text, self._states = text, states
