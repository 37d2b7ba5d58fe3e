"""The direct path for few changes: row by row, in order, with prepared statements, sent without waiting in between.

Rows go through the states that the register's own rows went through, so immediate constraints hold at every step.
A key change whose new row lacks large values is replayed as what it was: one UPDATE of the old row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from consumers.apply import row_statements
from consumers.apply.changes import Text
from consumers.apply.errors import Divergence, UnidentifiedRow
from consumers.apply.images import Slice
from consumers.apply.staging import raw_cursor
from consumers.apply.table import Table, layout
from data_embassy.postgres import Connection
from schemas.records import UNCHANGED

PIPELINE_CHARS_MAX: Final = 64 << 10
"""Larger values are sent one statement at a time: a pipeline that cannot send all at once may wait for answers to
what still stands in its own buffer (seen with 60 MB of text: client and server both waited to read)."""
_VERBS: Final = {"c": "insert", "u": "update", "d": "delete"}


@dataclass(frozen=True, slots=True)
class RowChange:
    """One change, its images in the order of the table's columns."""

    place: int
    op: str
    before: Sequence[Text] | None
    after: Sequence[Text] | None


@dataclass(frozen=True, slots=True)
class _Call:
    table: Table
    op: str
    statement: bytes
    parameters: list[Text]


class RowWriter:
    """Writes single rows; keeps the text of its statements per table."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._texts: dict[tuple[str, str, str, tuple[int, ...]], bytes] = {}

    def forget(self) -> None:
        """Shapes may have changed."""
        self._texts.clear()

    def apply(self, work: Sequence[tuple[Table, list[RowChange]]], frame_starts: AbstractSet[int]) -> None:
        """Apply the changes of several tables in one go."""
        calls = [
            call for table, changes in work for change in _pairs(changes, frame_starts)
            for call in self._calls(table, *change)
        ]  # fmt: skip
        cursors: list[tuple[_Call, psycopg.Cursor[tuple[Any, ...]]]] = []
        size = sum(len(value) for call in calls for value in call.parameters if value is not None)
        with self._connection.pipeline() if size <= PIPELINE_CHARS_MAX else nullcontext():
            for call in calls:
                cursor = raw_cursor(self._connection)
                cursors.append((call, cursor))
                cursor.execute(call.statement, call.parameters, prepare=True)
        for call, cursor in cursors:
            if cursor.rowcount != 1:
                raise Divergence(call.table.label, f"a row to {_VERBS[call.op]}: {cursor.rowcount} of 1 found")

    def _calls(self, table: Table, change: RowChange, released: RowChange | None) -> Iterator[_Call]:
        if released is not None:
            assert released.before is not None
            assert change.after is not None
            yield from self._update(table, released.before, change.after)
        elif change.op == "c":
            assert change.after is not None
            yield self._insert(table, change.after)
        elif change.op == "d":
            assert change.before is not None
            yield self._delete(table, change.before)
        else:
            assert change.after is not None
            yield from self._update(table, change.before, change.after)

    def _insert(self, table: Table, after: Sequence[Text]) -> _Call:
        if UNCHANGED in after:
            raise UnidentifiedRow(table.label, "an inserted row lacks values and follows no deletion")
        text = self._text(table, "c", (), row_statements.insert_row)
        return _Call(table, "c", text, [after[p] for p in table.writable])

    def _delete(self, table: Table, before: Sequence[Text]) -> _Call:
        if table.key:
            text = self._text(table, "d", (), row_statements.delete_row)
            return _Call(table, "d", text, _key_values(table, before))
        if UNCHANGED in before:
            raise UnidentifiedRow(table.label, "a large value is missing in its old image")
        text = self._text(table, "d", (), row_statements.delete_image)
        return _Call(table, "d", text, [before[p] for p in table.writable])

    def _update(self, table: Table, before: Sequence[Text] | None, after: Sequence[Text]) -> Iterator[_Call]:
        if not table.key:
            if before is None:
                raise UnidentifiedRow(table.label, "it has no key and the change no full old image")
            yield self._delete(table, before)
            yield self._insert(table, [b if a == UNCHANGED else a for a, b in zip(after, before, strict=True)])
            return
        unchanged = tuple(p for p, value in enumerate(after) if value == UNCHANGED)
        if set(unchanged) & set(table.key_positions):
            raise UnidentifiedRow(table.label, "a large value of its identity was not written again")
        text = self._text(table, "u", unchanged, lambda t: row_statements.update_row(t, unchanged))
        values = [after[p] for p in table.settable if p not in unchanged]
        yield _Call(table, "u", text, values + _key_values(table, after if before is None else before))

    def _text(
        self, table: Table, op: str, unchanged: tuple[int, ...], compose: Callable[[Table], sql.Composed]
    ) -> bytes:
        name = (table.schema, table.name, op, unchanged)
        text = self._texts.get(name)
        if text is None:
            text = self._texts[name] = compose(table).as_bytes(self._connection)
        return text


def read_rows(table: Table, part: Slice) -> list[RowChange]:
    """The slice's changes as rows; raises ShapeMismatch."""
    where = [f"c{i}" for i in layout(table, part.shape.schema.columns)]

    def image(row: dict[str, Text] | None) -> list[Text] | None:
        return None if row is None else [row[name] for name in where]

    return [
        RowChange(part.shape.places[i], record["op"], image(record["before"]), image(record["after"]))
        for i, record in enumerate(part.shape.as_records(part.first, part.last), start=part.first)
    ]


def _pairs(changes: list[RowChange], frame_starts: AbstractSet[int]) -> Iterator[tuple[RowChange, RowChange | None]]:
    """Changes, a create that needs the row deleted directly before it together with that deletion."""
    held: RowChange | None = None
    for change in changes:
        if held is not None:
            follows = held.place + 1 == change.place and change.place not in frame_starts
            if follows and change.op == "c" and change.after is not None and UNCHANGED in change.after:
                yield change, held
                held = None
                continue
            yield held, None
            held = None
        if change.op == "d":
            held = change
        else:
            yield change, None
    if held is not None:
        yield held, None


def _key_values(table: Table, image: Sequence[Text]) -> list[Text]:
    values = [image[p] for p in table.key_positions]
    if None in values:
        raise UnidentifiedRow(table.label, "a key is NULL")
    return values
