"""Runs planned schema changes inside the applier's transaction, each at its place, and proves what came out.

A change either has exactly the effect that the register described, or it leaves nothing behind and stops the standby
with choices. It runs with the applier's own rights, one statement at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from consumers.apply.changes import Decoded
from consumers.apply.ddl.decisions import Decide, Pending, Undecided, undecided
from consumers.apply.ddl.defaults import with_stored_values
from consumers.apply.ddl.determinism import may_change
from consumers.apply.ddl.execution import Execution, NotReplayable, RoleMissing
from consumers.apply.ddl.fires import keep_silent
from consumers.apply.ddl.outcome import Outcome, tables_of
from consumers.apply.ddl.plan import FirstChange, Nothing, Replay, Step, Stop, Unit, plan
from consumers.apply.ddl.rows import Noted, Reader, UnreadableRow
from consumers.apply.ddl.settings import plain_settings, settings_for
from consumers.apply.ddl.tokens import Unreadable, split
from consumers.apply.ddl.unlogged import empty_unlogged
from consumers.refusals import NEW_GENERATION, DdlNotReplayed
from data_embassy.postgres import Connection

_CONTROL_WORDS: Final = frozenset(
    {"begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release", "prepare", "set", "reset", "copy",
     "discard", "lock", "listen", "notify", "vacuum"}
)  # fmt: skip


class DdlReplayer:
    """Replays schema changes over the applier's connection."""

    def __init__(self, connection: Connection, decide: Decide = undecided) -> None:
        self._connection = connection
        self._decide = decide
        self._reader = Reader()
        self._execution = Execution(connection)
        self._outcome = Outcome(connection)

    def steps(self, decoded: Decoded) -> list[Step]:
        """What is done about the group's ddl rows, in order of place; raises DdlNotReplayed for an unreadable row."""
        steps: list[Step] = []
        for number in sorted({one.frame for one in decoded.ddl}):
            rows = [(one.place, self._read(one.row)) for one in decoded.ddl if one.frame == number]
            frame = decoded.frames[number]
            steps += plan(rows, _first_change(decoded, frame.first, frame.last))
        return steps

    def _read(self, row: Mapping[str, str | None]) -> Noted:
        try:
            return self._reader.read(row)
        except UnreadableRow:
            raise DdlNotReplayed(
                "a schema change was noted in a form that is not known", remedy=NEW_GENERATION
            ) from None

    def run(self, step: Step) -> bool:
        """Do the step inside the caller's transaction; True when the catalog may have changed.

        Raises DdlNotReplayed and TransportError; the change has left nothing behind then.
        """
        row = step.unit.main
        decision = self._decide(row.id, row.digest)
        try:
            if decision is not None:
                return self._run_decided(decision.sql)
            return self._do(step)
        except NotReplayable as refused:
            pending = Pending(id=row.id, digest=row.digest, tag=row.tag, text=row.text, reason=str(refused))
            raise Undecided(pending) from None

    def _do(self, step: Step) -> bool:
        match step.action:
            case Nothing():
                return self._run_full(step.unit)
            case Replay():
                return self._replay(step.unit, step.action)
            case Stop():
                raise NotReplayable(step.action.reason)

    # -- ways to do it -------------------------------------------------------------------------------------------------

    def _run_decided(self, text: str | None) -> bool:
        if text is None:
            return False
        try:
            statements = split(text)
        except Unreadable as error:
            raise NotReplayable(f"the decided SQL cannot be read: {error}") from None
        if any(statement.word(0) in _CONTROL_WORDS for statement in statements):
            raise NotReplayable("the decided SQL controls the transaction or the session")
        with self._execution.whole(), self._execution.under(plain_settings()):
            self._execution.drop_staging()
            for statement in statements:
                self._execution.execute(statement.text)
            keep_silent(self._connection, [])
        return True

    def _run_full(self, unit: Unit) -> bool:
        if not unit.full:
            return False
        with self._execution.whole():
            self._give_full(unit)
        return True

    def _replay(self, unit: Unit, action: Replay) -> bool:
        if action.evaluates is not None and may_change(self._connection, action.evaluates):
            raise NotReplayable("it wrote rows by functions that may give other values the second time")
        values = self._attempt(unit, action, [action.text])
        if values:
            # now() was another moment then: the register's value first, the default afterwards.
            rewritten = None if action.statement is None else with_stored_values(action.statement, values)
            if rewritten is None or self._attempt(unit, action, [rewritten[0], *rewritten[1]]):
                raise NotReplayable("a new column's default cannot be given the value that the register stored")
        return True

    def _attempt(self, unit: Unit, action: Replay, texts: Sequence[str]) -> Mapping[str, str]:
        """Run and check; returns the stored values that came out differently, then nothing is left of it."""
        row = unit.main
        settings = (
            plain_settings() if action.statement is None else settings_for(row.settings, row.search_path, row.role)
        )
        values: Mapping[str, str] = {}
        try:
            with self._execution.whole(has_savepoint=not action.is_alone):
                self._execution.drop_staging()
                with self._execution.under(settings):
                    later = self._bound_as_check(action.detached)
                    for text in (*texts, *later):
                        self._execution.execute(text)
                self._give_full(unit)
                values = self._outcome.check(unit)
                keep_silent(self._connection, list(tables_of(unit)))
                empty_unlogged(self._connection, tables_of(unit))
                _undo_if(bool(values))
        except _Again:
            return values
        except RoleMissing:
            if not action.may_lack_role:
                raise
        return {}

    def _bound_as_check(self, partition: str | None) -> list[str]:
        if partition is None:
            return []
        query = "SELECT pg_catalog.pg_get_partition_constraintdef(pg_catalog.to_regclass(%s))"
        row = self._connection.execute(query, (partition,)).fetchone()
        return [f"ALTER TABLE {partition} ADD CHECK ({row[0]})"] if row is not None and row[0] else []

    def _give_full(self, unit: Unit) -> None:
        for name in unit.full:
            self._execution.execute(f"ALTER TABLE {name} REPLICA IDENTITY FULL")


class _Again(Exception):
    """Undo it: it will be done another way."""


def _undo_if(is_other: bool) -> None:  # noqa: FBT001
    if is_other:
        raise _Again


def _first_change(decoded: Decoded, first: int, last: int) -> FirstChange:
    def find(schema: str, name: str) -> int | None:
        places: Iterable[int] = (
            place
            for shape in decoded.shapes
            if (shape.schema.relation_schema, shape.schema.relation_name) == (schema, name)
            for place in shape.places
            if first <= place < last
        )
        return min(places, default=None)

    return find
