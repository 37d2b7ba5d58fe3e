"""What the planner says when the register could not note a change of a string of many."""

from __future__ import annotations

from consumers.apply.ddl.plan import Stop, plan
from consumers.apply.ddl.rows import Reader
from tests.unit.test_ddl_plan import row


def test_a_mark_among_many_statements_names_the_register_as_the_cause() -> None:
    text = "BEGIN; ALTER TABLE a DROP CONSTRAINT k; ALTER TABLE a ADD PRIMARY KEY (x); COMMIT"
    reader = Reader()
    texts = (row(1, "mark", "ALTER TABLE", text), row(2, "ddl_command_end", "ALTER TABLE", text))
    rows = [reader.read(one) for one in texts]
    marked, other = (step.action for step in plan(list(enumerate(rows)), lambda _schema, _name: None))
    assert isinstance(marked, Stop)
    assert isinstance(other, Stop)
    assert "the register could not note it" in marked.reason
    assert "cannot be proven" in other.reason
