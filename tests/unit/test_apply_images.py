"""A table's changes under the standby's columns; changes of tables without a key as whole images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from consumers.apply.changes import Record, ShapeChanges
from consumers.apply.errors import ShapeMismatch, UnidentifiedRow
from consumers.apply.images import Images, Slice, build_images, index_of, patch, pick, to_csv
from consumers.apply.multiset import ImageNet, _net_effect, number_images
from consumers.apply.table import Column, GeneratedColumn, Table
from schemas.records import UNCHANGED, ChangeSchema

Row = Sequence[str | None] | None


def table(*names: str) -> Table:
    columns = tuple(
        Column(
            name=name,
            type_text="text",
            cast=("pg_catalog", "text"),
            collation=None,
            is_generated=False,
            is_identity=False,
            is_identity_always=False,
        )
        for name in names
    )
    generated = GeneratedColumn(name="g", type_text="text", collation=None, expression="a || b")
    return Table(schema="s", name="t", columns=columns, generated=(generated,), key=(), guard=(), deferred=())


def shape(columns: tuple[str, ...], *changes: tuple[int, str, Row, Row]) -> Slice:
    """Changes as (place, op, before, after)."""

    def image(row: Row) -> Any:
        return None if row is None else {f"c{i}": value for i, value in enumerate(row)}

    records: list[Record] = [
        {"op": op, "order": place + 1, "transaction": 7, "lsn": 1, "before": image(before), "after": image(after)}
        for place, op, before, after in changes
    ]
    held = ShapeChanges(
        schema=ChangeSchema.build("s", "t", columns),
        places=[change[0] for change in changes],
        ops=[change[1] for change in changes],
        records=records,
    )
    return Slice(shape=held, first=0, last=len(records))


def images(*changes: tuple[int, str, Row, Row]) -> Images:
    return build_images(table("a", "b"), [shape(("a", "b"), *changes)])


def test_shapes_of_a_table_come_into_one_order() -> None:
    first = shape(("b", "a"), (0, "c", None, ("b0", "a0")), (3, "d", ("b3", "a3"), None))
    second = shape(("a", "b", "g"), (1, "c", None, ("a1", "b1", "-")), (2, "u", ("a2", None, "-"), ("a2", "new", "-")))
    merged = build_images(table("a", "b"), [first, second])
    assert (merged.places, merged.ops) == ([0, 1, 2, 3], ["c", "c", "u", "d"])
    assert [column.to_pylist() for column in merged.after] == [["a0", "a1", "a2", None], ["b0", "b1", "new", None]]
    assert [column.to_pylist() for column in merged.before] == [[None, None, "a2", "a3"], [None, None, None, "b3"]]
    assert merged.has_before.to_pylist() == [False, False, True, True]
    assert merged.old(1).to_pylist() == ["b0", "b1", None, "b3"]


@pytest.mark.parametrize("columns", [("a",), ("a", "b", "c")])
def test_shape_with_other_columns_is_refused(columns: tuple[str, ...]) -> None:
    with pytest.raises(ShapeMismatch):
        build_images(table("a", "b"), [shape(columns, (0, "c", None, columns))])


def test_null_and_the_empty_text_stay_apart_in_csv() -> None:
    text = to_csv([pa.array(["", None, 'a"b', "\\."]), pa.array(["1", "2", "l\n", "ü"])]).to_pybytes().decode()
    assert text == '"","1"\n,"2"\n"a""b","l\n"\n"\\.","ü"\n'


def test_values_are_picked_and_none_gives_null() -> None:
    column = pa.array(["x", "y"])
    assert pick(column, [1, None, 0]).to_pylist() == ["y", None, "x"]
    assert pick(column, index_of([1])).to_pylist() == ["y"]


def test_only_rows_that_take_a_value_from_elsewhere_are_patched() -> None:
    assert patch([4, 5, 6], 1, {0: {1: 2}, 1: {0: 3}, 2: {1: -1}}) == [2, 5, None]
    assert patch([4, 5, 6], 2, {0: {1: 2}}) is None


def effect(*changes: tuple[int, str, Row, Row], starts: set[int] | None = None) -> tuple[list[list[Any]], ImageNet]:
    columns, net = _net_effect(table("a", "b"), images(*changes), starts or {0})
    return [column.to_pylist() for column in columns.values()], net


def test_inserts_alone_are_not_compared() -> None:
    columns, net = effect((0, "c", None, ("x", "1")), (1, "c", None, ("x", "1")))
    assert [[column[place] for column in columns] for place in net.inserted] == [["x", "1"], ["x", "1"]]
    assert net.needed == []


def test_equal_rows_are_counted() -> None:
    row, other = ("x", None), ("x", "")
    columns, net = effect((0, "d", row, None), (1, "d", row, None), (2, "u", other, row), (3, "c", None, other))
    named = {tuple(column[place] for column in columns): (need, take) for place, need, take in net.needed}
    assert named == {row: (2, 1), other: (1, 0)}
    assert net.inserted == []


def test_unchanged_values_stand_in_the_old_image() -> None:
    columns, net = effect((0, "u", ("x", "large"), ("y", UNCHANGED)))
    ((place,), ((old, need, take),)) = net.inserted, net.needed
    assert [column[place] for column in columns] == ["y", "large"]
    assert ([column[old] for column in columns], need, take) == (["x", "large"], 1, 1)


def test_a_create_takes_them_from_the_delete_before_it() -> None:
    columns, net = effect((0, "d", ("x", "large"), None), (1, "c", None, ("y", UNCHANGED)))
    assert [[column[place] for column in columns] for place in net.inserted] == [["y", "large"]]


NEIGHBOURS = {
    "of another transaction": ({0, 1}, (0, 1), "d"),
    "further away": ({0}, (0, 2), "d"),
    "no delete": ({0}, (0, 1), "u"),
}


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_a_create_takes_nothing_from(name: str) -> None:
    starts, (first, second), op = NEIGHBOURS[name]
    before = (first, op, ("x", "large"), None if op == "d" else ("x", "large"))
    with pytest.raises(UnidentifiedRow, match="follows no deletion"):
        effect(before, (second, "c", None, ("y", UNCHANGED)), starts=starts)


def test_the_first_create_lacks_nothing() -> None:
    with pytest.raises(UnidentifiedRow, match="follows no deletion"):
        effect((0, "c", None, ("y", UNCHANGED)))


def test_a_change_without_its_old_image_is_refused() -> None:
    with pytest.raises(UnidentifiedRow, match="no full old image"):
        effect((0, "c", None, ("x", "1")), (1, "u", None, ("x", "2")))


def test_images_are_numbered_by_all_their_columns() -> None:
    columns = [pa.array(["a", "a", None, None, "a"]), pa.array(["b", None, None, "", "b"])]
    numbers = number_images(columns)
    assert numbers[0] == numbers[4]
    assert len(set(numbers)) == 4
    assert number_images([]) == []
