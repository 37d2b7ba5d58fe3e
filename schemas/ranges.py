"""Ranges of a table's key, and how they are cut to find what differs. Pure: text of SQL, no database.

A range holds the keys from `start` on, up to and without `end`; None is no bound. Bounds are the texts of the key's
columns. Both sites compare keys by the key columns' own order.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from schemas.digest import literal, quote

BUCKETS: Final = 32
"""Parts that a range is cut into at a time: a round costs one scan and one question."""
ROWS_MIN: Final = 1
"""Ranges of so few rows are not cut further: they are told, and repaired, as a whole."""

Bound = tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """A column of the primary key; `type_text` is a type's full name that restricts nothing."""

    name: str
    type_text: str


@dataclass(frozen=True, slots=True, order=True)
class KeyRange:
    """Keys from `start` on, up to and without `end`."""

    start: Bound
    end: Bound

    @classmethod
    def parse(cls, data: Any) -> KeyRange:
        """From JSON; raises ValueError."""
        match data:
            case [start, end]:
                return cls(_bound(start), _bound(end))
        raise ValueError("not a range")

    def as_json(self) -> list[list[str] | None]:
        """For a question or a report."""
        return [None if bound is None else list(bound) for bound in (self.start, self.end)]

    def cut(self, bounds: Sequence[tuple[str, ...]]) -> list[KeyRange]:
        """The parts between bounds that lie, in order, inside this range."""
        edges: list[Bound] = [self.start, *bounds, self.end]
        return [KeyRange(start, end) for start, end in itertools.pairwise(edges)]

    def __str__(self) -> str:
        if self == EVERYTHING:
            return "all rows"
        start = "" if self.start is None else f"from ({', '.join(self.start)})"
        end = "" if self.end is None else f"before ({', '.join(self.end)})"
        return " ".join(part for part in (start, end) if part)


EVERYTHING: Final = KeyRange(None, None)


class Ranged(Protocol):
    """A range of a table."""

    @property
    def name(self) -> tuple[str, str]:
        """Schema and name of the table."""
        ...

    @property
    def within(self) -> KeyRange:
        """Of its keys."""
        ...


OpenRange = TypeVar("OpenRange", bound=Ranged)


@dataclass(frozen=True, slots=True)
class Cut(Generic[OpenRange]):
    """A range and the bounds chosen for it; without bounds it is asked about as it is."""

    open: OpenRange
    bounds: Sequence[tuple[str, ...]]

    def as_json(self) -> dict[str, Any]:
        """As it is asked."""
        return {
            "table": list(self.open.name),
            "within": self.open.within.as_json(),
            "bounds": [list(bound) for bound in self.bounds],
        }


def parse_cut(data: Any) -> tuple[tuple[str, str], KeyRange, list[tuple[str, ...]]]:
    """Table, range and bounds of a Cut as it is asked; raises KeyError, ValueError, TypeError, IndexError."""
    table, bounds = data["table"], data["bounds"]
    return (str(table[0]), str(table[1])), KeyRange.parse(data["within"]), [tuple(map(str, one)) for one in bounds]


def _bound(data: Any) -> Bound:
    if data is None:
        return None
    if not isinstance(data, list) or not data or not all(isinstance(text, str) for text in data):
        raise ValueError("not a bound")
    return tuple(data)


def condition(key: Sequence[KeyColumn], within: KeyRange) -> str:
    """Condition on the key columns of `t`; empty for everything."""
    parts = []
    if within.start is not None:
        parts.append(f"{_row(key)} >= {_value(key, within.start)}")
    if within.end is not None:
        parts.append(f"{_row(key)} < {_value(key, within.end)}")
    return " AND ".join(parts)


def copy_rows_sql(relation_schema: str, relation_name: str, columns: Sequence[str], where: str) -> str:
    """COPY of a table's rows under a condition on `t`, empty for all of them; children are tables of their own."""
    names = ", ".join(f"t.{quote(column)}" for column in columns)
    condition = f" WHERE {where}" if where else ""
    table = f"{quote(relation_schema)}.{quote(relation_name)}"
    return f"COPY (SELECT {names} FROM ONLY {table} AS t{condition}) TO STDOUT"  # noqa: S608 (quoted)


def bucket(key: Sequence[KeyColumn], bounds: Sequence[tuple[str, ...]]) -> str:
    """Expression on `t`: the number of the part between `bounds` that a row belongs to, by halving."""

    def between(first: int, last: int) -> str:
        if first == last:
            return str(first)
        middle = (first + last) // 2
        lower, upper = between(first, middle), between(middle + 1, last)
        return f"CASE WHEN {_row(key)} < {_value(key, bounds[middle])} THEN {lower} ELSE {upper} END"

    return between(0, len(bounds))


def bounds_sql(
    relation_schema: str, relation_name: str, key: Sequence[KeyColumn], within: KeyRange, rows: int
) -> bytes:
    """Query for the bounds that cut a range of `rows` rows into at most BUCKETS parts: one column per key column."""
    step = max(1, -(-rows // BUCKETS))
    names = ", ".join(f"t.{quote(column.name)}" for column in key)
    texts = ", ".join(f"s.{quote(column.name)}::text" for column in key)
    where = condition(key, within)
    return (
        f"SELECT {texts} FROM (SELECT {names}, pg_catalog.row_number() OVER (ORDER BY {names}) AS "  # noqa: S608
        f"data_embassy_place FROM ONLY {quote(relation_schema)}.{quote(relation_name)} AS t"
        f"{f' WHERE {where}' if where else ''}) AS s"
        f" WHERE s.data_embassy_place > 1 AND (s.data_embassy_place - 1) % {step} = 0 ORDER BY s.data_embassy_place"
    ).encode()


def _row(key: Sequence[KeyColumn]) -> str:
    return f"ROW({', '.join(f't.{quote(column.name)}' for column in key)})"


def _value(key: Sequence[KeyColumn], bound: Sequence[str]) -> str:
    if len(bound) != len(key):
        raise ValueError("a bound does not fit the key")
    values = (f"{literal(text)}::{column.type_text}" for text, column in zip(bound, key, strict=True))
    return f"ROW({', '.join(values)})"
