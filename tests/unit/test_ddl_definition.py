"""What an object became here against what the register said."""

from __future__ import annotations

from typing import Any

import pytest

from consumers.apply.ddl.definition import differences, missing_values


def column(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "integer", "not_null": False, **more}


HOME = {"kind": "r", "persistence": "p", "index": "x", "columns": [column("a", default="1"), column("b")]}


def test_equal_definitions_differ_in_nothing() -> None:
    assert differences(HOME, dict(HOME), is_same_major=True) == []


@pytest.mark.parametrize(
    ("change", "same", "other"),
    [
        ({"persistence": "u"}, ["persistence"], ["persistence"]),
        ({"index": "y"}, ["index"], []),
        ({"view": "SELECT"}, ["view"], []),
        ({"columns": [column("a", default="2"), column("b")]}, ["columns"], []),
        ({"columns": [column("a", default="1"), column("b", type="text")]}, ["columns"], ["columns"]),
        ({"columns": [column("b"), column("a", default="1")]}, ["columns"], ["columns"]),
        ({"columns": None}, ["columns"], ["columns"]),
        ({"columns": [column("a", default="1", missing="9"), column("b")]}, [], []),
        ({"fires": [["trigger", "t", "D"]], "row_security": True}, [], []),
    ],
)
def test_differences_are_named(change: dict[str, Any], same: list[str], other: list[str]) -> None:
    assert differences(HOME, HOME | change, is_same_major=True) == same
    assert differences(HOME, HOME | change, is_same_major=False) == other
    assert differences(HOME | change, HOME, is_same_major=True) == same


def test_stored_values_that_came_out_differently_are_told() -> None:
    home = {"columns": [column("a", missing="1"), column("b", missing="2"), column("c", missing="3"), column("d")]}
    here = {"columns": [column("a", missing="7"), column("b", missing="2"), column("c"), column("d", missing="4")]}
    assert missing_values(home, here) == {"a": "1"}
    assert missing_values(home, {}) == {}
    assert missing_values({}, here) == {}
