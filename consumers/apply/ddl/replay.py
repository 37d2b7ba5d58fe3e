"""Runs planned schema changes inside the applier's transaction, each at its place, and proves what came out.

A change either has exactly the effect that the register described, or it leaves nothing behind and stops the standby
with choices. It runs with the applier's own rights, one statement at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any, Final

import psycopg
from psycopg import sql

from consumers.apply.changes import Decoded
from consumers.apply.ddl import definition as definitions
from consumers.apply.ddl.decisions import Decide, Pending, Undecided, undecided
from consumers.apply.ddl.defaults import with_stored_values
from consumers.apply.ddl.determinism import may_change
from consumers.apply.ddl.fires import keep_silent
from consumers.apply.ddl.plan import FirstChange, Nothing, Replay, Step, Stop, Unit, plan
from consumers.apply.ddl.rows import Noted, Reader, UnreadableRow
from consumers.apply.ddl.settings import OF_MACHINE, plain_settings, settings_for
from consumers.apply.ddl.tokens import Unreadable, split
from consumers.apply.errors import translate
from consumers.refusals import NEW_GENERATION, DdlNotReplayed
from data_embassy.errors import TransportError
from data_embassy.postgres import PINNED_SETTINGS, Connection

_DEFINITION: Final = files("consumers.apply.ddl").joinpath("definition.sql").read_text(encoding="utf-8")
_ADDRESS: Final = (
    "SELECT classid::pg_catalog.int8, objid::pg_catalog.int8"
    " FROM pg_catalog.pg_get_object_address($1::text, $2::text[], $3::text[])"
)
_RELATION: Final = (
    "SELECT c.tableoid::pg_catalog.int8, c.oid::pg_catalog.int8 FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2"
)
_UNMAPPED: Final = frozenset({"composite type", "index", "sequence", "view", "materialized view"})
"""Relations that PostgreSQL names in an address and does not find by it, at least not their columns."""
_STAGING: Final = (
    "SELECT relname FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.pg_my_temp_schema() AND relkind = 'r'"
)
_CONTROL_WORDS: Final = frozenset(
    {"begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release", "prepare", "set", "reset", "copy",
     "discard", "lock", "listen", "notify", "vacuum"}
)  # fmt: skip


class _Refused(Exception):
    """This change cannot be replayed, for this reason."""


class DdlReplayer:
    """Replays schema changes over the applier's connection."""

    def __init__(self, connection: Connection, decide: Decide = undecided) -> None:
        self._connection = connection
        self._decide = decide
        self._reader = Reader()
        row = connection.execute("SELECT current_setting('server_version_num')::integer / 10000").fetchone()
        assert row is not None
        self._major = int(row[0])

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
        except _Refused as refused:
            pending = Pending(id=row.id, digest=row.digest, tag=row.tag, text=row.text, reason=str(refused))
            raise Undecided(pending) from None

    def _do(self, step: Step) -> bool:
        match step.action:
            case Nothing():
                return self._run_full(step.unit)
            case Replay():
                return self._replay(step.unit, step.action)
            case Stop():
                raise _Refused(step.action.reason)

    # -- ways to do it -------------------------------------------------------------------------------------------------

    def _run_decided(self, text: str | None) -> bool:
        if text is None:
            return False
        try:
            statements = split(text)
        except Unreadable as error:
            raise _Refused(f"the decided SQL cannot be read: {error}") from None
        if any(statement.word(0) in _CONTROL_WORDS for statement in statements):
            raise _Refused("the decided SQL controls the transaction or the session")
        with self._whole(), self._settings(plain_settings()):
            self._drop_staging()
            for statement in statements:
                self._execute(statement.text)
            keep_silent(self._connection, [])
        return True

    def _run_full(self, unit: Unit) -> bool:
        if not unit.full:
            return False
        with self._whole():
            self._give_full(unit)
        return True

    def _replay(self, unit: Unit, action: Replay) -> bool:
        if action.evaluates is not None and may_change(self._connection, action.evaluates):
            raise _Refused("it wrote rows by functions that may give other values the second time")
        values = self._attempt(unit, action, [action.text])
        if values:
            # now() was another moment then: the register's value first, the default afterwards.
            rewritten = None if action.statement is None else with_stored_values(action.statement, values)
            if rewritten is None or self._attempt(unit, action, [rewritten[0], *rewritten[1]]):
                raise _Refused("a new column's default cannot be given the value that the register stored")
        return True

    def _attempt(self, unit: Unit, action: Replay, texts: Sequence[str]) -> Mapping[str, str]:
        """Run and check; returns the stored values that came out differently, then nothing is left of it."""
        row = unit.main
        settings = (
            plain_settings() if action.statement is None else settings_for(row.settings, row.search_path, row.role)
        )
        values: Mapping[str, str] = {}
        try:
            with self._whole():
                self._drop_staging()
                with self._settings(settings):
                    later = self._bound_as_check(action.detached)
                    for text in (*texts, *later):
                        self._execute(text)
                self._give_full(unit)
                values = self._check(unit)
                keep_silent(self._connection, list(_tables(unit)))
                _undo_if(bool(values))
        except _Again:
            return values
        except _RoleMissing:
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
            self._execute(f"ALTER TABLE {name} REPLICA IDENTITY FULL")

    # -- what came out -------------------------------------------------------------------------------------------------

    def _check(self, unit: Unit) -> Mapping[str, str]:
        values: dict[str, str] = {}
        row = unit.main
        for described, home in zip(row.objects, row.definitions, strict=False):
            address = described.get("address")
            if home is None or not address:
                continue
            here = self._definition(address)
            if here is None:
                raise _Refused(f"no such {address[0]} came out of it")
            found = definitions.differences(home, here, is_same_major=row.major == self._major)
            if found:
                raise _Refused(f"the {address[0]} came out differently: {', '.join(found)}")
            values |= definitions.missing_values(home, here)
        return values

    def _definition(self, address: Sequence[Any]) -> dict[str, Any] | None:
        try:
            cursor = psycopg.RawCursor(self._connection)
            is_relation = address[0].split(" column")[0] in _UNMAPPED
            query, arguments = (_RELATION, address[1][:2]) if is_relation else (_ADDRESS, address)
            found = cursor.execute(query, arguments).fetchone()
            if found is None:
                return None
            row = cursor.execute(_DEFINITION.replace("$1", "$1::oid").replace("$2", "$2::oid"), found).fetchone()
        except (psycopg.errors.UndefinedObject, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction):
            return None
        if row is None or row[0] is None:
            return None
        answer = row[0] if isinstance(row[0], dict) else json.loads(row[0])
        assert isinstance(answer, dict)
        return answer

    # -- statements ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Everything inside, or nothing."""
        self._connection.execute("SAVEPOINT data_embassy_ddl")
        try:
            yield
        except TransportError:
            raise
        except psycopg.Error as error:
            failure = translate(error, "a schema change")
            if isinstance(failure, TransportError):
                raise failure from None
            self._undo()
            if error.sqlstate == psycopg.errors.UndefinedObject.sqlstate:
                raise _RoleMissing("PostgreSQL refused it: something that it names does not exist here") from None
            # PostgreSQL's text may quote values: only its code is told.
            raise _Refused(f"PostgreSQL refused it: {type(error).__name__} (SQLSTATE {error.sqlstate})") from None
        except BaseException:
            self._undo()
            raise
        self._connection.execute("RELEASE SAVEPOINT data_embassy_ddl")

    def _undo(self) -> None:
        self._connection.execute("ROLLBACK TO SAVEPOINT data_embassy_ddl")
        self._connection.execute("RELEASE SAVEPOINT data_embassy_ddl")

    @contextmanager
    def _settings(self, settings: Mapping[str, str]) -> Iterator[None]:
        names = list(settings)
        before = {name: self._setting(name) for name in dict.fromkeys([*names, *PINNED_SETTINGS])}
        for name, value in settings.items():
            if value != before[name]:
                self._set(name, value)
        yield
        for name, value in before.items():
            self._set(name, value)

    def _setting(self, name: str) -> str:
        row = self._connection.execute("SELECT pg_catalog.current_setting(%s)", (name,)).fetchone()
        assert row is not None
        return str(row[0])

    def _set(self, name: str, value: str) -> None:
        if name not in OF_MACHINE:
            self._connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
            return
        # Another machine may not have this locale: what depends on it shows in what comes out.
        self._connection.execute("SAVEPOINT data_embassy_setting")
        try:
            self._connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
        except psycopg.errors.InvalidParameterValue:
            self._connection.execute("ROLLBACK TO SAVEPOINT data_embassy_setting")
        self._connection.execute("RELEASE SAVEPOINT data_embassy_setting")

    def _execute(self, text: str) -> None:
        # Binary forces the extended protocol, which takes one statement only.
        self._connection.execute(text.encode(), prepare=False, binary=True)

    def _drop_staging(self) -> None:
        """Staging tables are made of the register's types: a type could not be changed below them."""
        names = [row[0] for row in self._connection.execute(_STAGING).fetchall()]
        if names:
            tables = sql.SQL(", ").join(sql.Identifier("pg_temp", name) for name in names)
            self._connection.execute(sql.SQL("DROP TABLE {}").format(tables))


class _Again(Exception):
    """Undo it: it will be done another way."""


def _undo_if(is_other: bool) -> None:  # noqa: FBT001
    if is_other:
        raise _Again


class _RoleMissing(_Refused):
    """An object or role that the statement names does not exist."""


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


def _tables(unit: Unit) -> Iterator[tuple[str, str, list[list[Any]], bool]]:
    """Tables and triggers of the unit, with what fires on them in the register."""
    row = unit.main
    for described, home in zip(row.objects, row.definitions, strict=False):
        kind, names = (described.get("address") or [None, []])[:2]
        if home is None:
            continue
        if kind in ("table", "view", "foreign table", "table column") and len(names) >= 2:
            yield names[0], names[1], home.get("fires") or [], True
        elif kind in ("trigger", "rule") and len(names) == 3:
            yield names[0], names[1], home.get("fires") or [], False
