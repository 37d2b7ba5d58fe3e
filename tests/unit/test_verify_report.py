"""What a verification's report concludes."""

from __future__ import annotations

from typing import Any

from operations.verify import Report, TableReport
from operations.verify.repair import plan_of

EQUAL = TableReport(name=("a", "b"), rows=3, equal=True, position="0/1")
UNEQUAL = TableReport(name=("a", "c"), rows=3, equal=False, position="0/1", reason="rows differ")
DERIVED = TableReport(name=("a", "v"), rows=3, equal=False, position="0/1", reason="rows differ", is_derived=True)


def report(*tables: TableReport, **more: Any) -> Report:
    fields: dict[str, Any] = {
        "register": "r", "verification": "v", "position": "0/1", "generation": 1, "pause_ms": 1.0, "definitions": (),
        "sequences": (), "algorithm": "hash", "attempts": 1, "started_at": "", "finished_at": "", "seconds": 1.0,
    }  # fmt: skip
    return Report(tables=tables, **(fields | more))


def test_a_table_a_definition_or_a_sequence_that_differs_refutes_equality():
    assert report(EQUAL).equal
    assert not report(EQUAL, UNEQUAL).equal
    assert not report(EQUAL, definitions=("one",)).equal
    assert not report(EQUAL, sequences=("one",)).equal


def test_a_materialized_view_filled_at_another_moment_is_told_and_refutes_nothing():
    found = report(EQUAL, DERIVED)
    assert found.equal
    assert found.as_json()["tables"][1] | {"ranges": []} == {
        "table": "a.v", "relation": ["a", "v"], "rows": 3, "equal": False, "position": "0/1", "derived": True,
        "reason": "rows differ", "ranges": [],
    }  # fmt: skip
    text = "\n".join(found.lines())
    assert "another moment" in text
    assert "repair" not in text


def test_what_was_not_compared_is_told_and_refutes_nothing():
    found = report(EQUAL, left_out=("public.session", "public.cache"))
    assert found.equal
    assert found.as_json()["left_out"] == ["public.session", "public.cache"]
    assert "stay at home: public.session, public.cache" in "\n".join(found.lines())
    assert "stay at home" not in "\n".join(report(EQUAL).lines())


def test_a_repair_leaves_materialized_views_alone():
    found = plan_of(report(UNEQUAL, DERIVED).as_json())
    assert found is not None
    assert ([one.name for one in found.tables], found.left) == ([("a", "c")], ())
