"""Numbers for keys: equal exactly when PostgreSQL holds the keys to be equal.

Keys whose types have one text for one value are compared by text. The others (numeric 1.0 and 1.00, citext, char(n),
interval, collations that ignore case) are ranked by PostgreSQL itself, under the operators and collations of the index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from consumers.apply.images import Images, pick
from consumers.apply.table import Table

Ranker = Callable[[Table, Sequence[pa.Array]], list[int]]
"""Gives every key (in columns) a number by PostgreSQL's own comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The key numbers before and after each change, and one text for each key."""

    old: list[int | None]
    new: list[int | None]
    texts: list[pa.Array]
    """Per key column, the text of key number i at place i."""


def number_keys(table: Table, images: Images, rank: Ranker) -> Keys:
    """Number the keys of a table's changes; `rank` is asked only for types without canonical text."""
    positions = table.key_positions
    columns = [pa.concat_arrays([images.old(p), images.after[p]]) for p in positions]
    numbers: list[int | None] = _encode(columns).to_pylist()
    first = _first_places(numbers)
    texts = [pick(column, first) for column in columns]
    if first and not all(column.is_canonical for column in table.key):
        classes = rank(table, texts)
        by_class: dict[int, int] = {}
        merged = [by_class.setdefault(rank_, i) for i, rank_ in enumerate(classes)]
        numbers = [None if number is None else merged[number] for number in numbers]
    count = len(images.ops)
    return Keys(old=numbers[:count], new=numbers[count:], texts=texts)


def _encode(columns: Sequence[pa.Array]) -> pa.Array:
    """Numbers from 0 for the distinct rows of the columns; NULL where any of them is."""
    ids = columns[0].dictionary_encode().indices.cast(pa.int64())
    for column in columns[1:]:
        encoded = column.dictionary_encode()
        width = max(len(encoded.dictionary), 1)
        combined = pc.add(pc.multiply(ids, width), encoded.indices.cast(pa.int64()))
        # Encoded anew after every column, so that the product stays far below 63 bits.
        ids = combined.dictionary_encode().indices.cast(pa.int64())
    return ids


def _first_places(numbers: Sequence[int | None]) -> list[int]:
    """Where each number stands first; numbers are given in the order of first appearance."""
    places: list[int] = []
    expected = 0
    for place, number in enumerate(numbers):
        if number == expected:
            places.append(place)
            expected += 1
    return places
