"""Numbers for keys: equal where PostgreSQL holds them to be equal, whatever their text."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pytest

from consumers.apply.images import Images
from consumers.apply.keys import Keys, number_keys
from consumers.apply.table import KeyColumn, Table

EQUALS, LESS = ("pg_catalog", "="), ("pg_catalog", "<")
OPS = ["c", "d", "c", "u", "c"]
BEFORE = [(None, None), ("1.0", "a"), (None, None), ("1.00", "b"), (None, None)]
AFTER = [("1", "a"), (None, None), ("1.00", "a"), ("1", "b"), (None, "a")]


def table(*, is_canonical: bool) -> Table:
    key = tuple(
        KeyColumn(position=p, equals=EQUALS, less=LESS, collation=None, is_canonical=is_canonical or p == 1)
        for p in range(2)
    )
    return Table(schema="s", name="t", columns=(), generated=(), key=key, guard=(), deferred=())


def images() -> Images:
    return Images(
        places=list(range(len(OPS))),
        ops=OPS,
        before=[pa.array(column, pa.string()) for column in zip(*BEFORE, strict=True)],
        after=[pa.array(column, pa.string()) for column in zip(*AFTER, strict=True)],
        has_before=pa.array([op in "du" for op in OPS]),
    )


def by_value(_: Table, texts: Sequence[pa.Array]) -> list[int]:
    """What PostgreSQL answers for (numeric, text)."""
    values = [(float(number), text) for number, text in zip(*(column.to_pylist() for column in texts), strict=True)]
    ranks = sorted(set(values))
    return [ranks.index(value) for value in values]


def never(_: Table, texts: Sequence[pa.Array]) -> list[int]:
    raise AssertionError(texts)


def same(keys: Keys, one: int | None, other: int | None) -> bool:
    assert one is not None
    return one == other and all(column[one].is_valid for column in keys.texts)


def test_keys_without_canonical_text_are_ranked_by_the_database() -> None:
    keys = number_keys(table(is_canonical=False), images(), by_value)
    assert same(keys, keys.new[0], keys.old[1])
    assert same(keys, keys.new[0], keys.new[2])
    assert same(keys, keys.old[3], keys.new[3])
    assert not same(keys, keys.new[0], keys.new[3])


def test_keys_with_canonical_text_are_compared_by_it() -> None:
    keys = number_keys(table(is_canonical=True), images(), never)
    assert not same(keys, keys.new[0], keys.old[1])
    assert same(keys, keys.old[0], keys.new[0])
    assert [column[keys.old[3] or 0].as_py() for column in keys.texts] == ["1.00", "b"]


@pytest.mark.parametrize("is_canonical", [True, False])
def test_a_key_that_is_null_has_no_number(is_canonical: bool) -> None:
    keys = number_keys(table(is_canonical=is_canonical), images(), by_value)
    assert keys.new[4] is None
    assert keys.new[1] is None
