"""From the ddl rows of a transaction to what the standby does about each change. Pure: no database.

Steps:
(1) rows of one client string belong together; rows of one command (rewrite, drop, end) make a unit;
(2) each unit is matched with the one statement of the string that caused it, if there is exactly one way to do so;
(3) its statement, or where there is none what the register's catalog said, becomes a Replay, a Nothing or a Stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from consumers.apply.ddl.match import match
from consumers.apply.ddl.rows import Noted
from consumers.apply.ddl.synthesis import synthesize
from consumers.apply.ddl.tags import tag_of
from consumers.apply.ddl.text import Evaluated, Unsafe, detached_slowly, evaluated, makes_enum, normalize, says_nothing
from consumers.apply.ddl.tokens import Statement, Unreadable, split

FirstChange = Callable[[str, str], int | None]
"""Place of a table's first change in the transaction, None without one."""

_OBJECTS: Final = (
    "AGGREGATE", "CAST", "COLLATION", "CONVERSION", "DOMAIN", "EXTENSION", "FOREIGN DATA WRAPPER", "FOREIGN TABLE",
    "FUNCTION", "INDEX", "MATERIALIZED VIEW", "OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY", "POLICY", "PROCEDURE",
    "ROUTINE", "RULE", "SCHEMA", "SEQUENCE", "SERVER", "STATISTICS", "TABLE", "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY", "TEXT SEARCH PARSER", "TEXT SEARCH TEMPLATE", "TRANSFORM", "TRIGGER", "TYPE", "VIEW",
)  # fmt: skip
REPLAYED: Final = frozenset(f"{verb} {name}" for verb in ("CREATE", "ALTER", "DROP") for name in _OBJECTS) | {
    "COMMENT",
    "REFRESH MATERIALIZED VIEW",
}
NOT_CONTENT: Final = frozenset(
    f"{verb} {name}"
    for verb in ("CREATE", "ALTER", "DROP")
    for name in ("PUBLICATION", "SUBSCRIPTION", "USER MAPPING", "EVENT TRIGGER")
) | {"GRANT", "REVOKE", "ALTER DEFAULT PRIVILEGES", "REASSIGN OWNED", "SECURITY LABEL", "REINDEX", "ALTER LARGE OBJECT"}
_FROM_CATALOG: Final = frozenset({"CREATE TABLE AS", "SELECT INTO"})
_ENUMS: Final = frozenset({"CREATE TYPE", "ALTER TYPE"})
_EXTENSION: Final = frozenset({"CREATE EXTENSION", "ALTER EXTENSION", "DROP EXTENSION"})
_OWN: Final = ("data_embassy", "embassy_local")
_UNNOTED: Final = "the register could not note it, or refused a table without a key and with virtual columns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """The rows of one command."""

    rows: tuple[Noted, ...]
    first: int
    """Place of its first row among the changes of the group."""

    @property
    def main(self) -> Noted:
        """The row that speaks for the command: the last one."""
        return self.rows[-1]

    @property
    def rewrites(self) -> bool:
        """True when the command wrote every row of a table anew."""
        return any(row.event == "table_rewrite" for row in self.rows)

    @property
    def full(self) -> tuple[str, ...]:
        """Tables that got REPLICA IDENTITY FULL with it."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.full))


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Run this text under the statement's own settings."""

    text: str
    statement: Statement | None = None
    """Where the text comes from; None for one made from the catalog."""
    evaluates: Evaluated | None = None
    """What a statement that writes rows may have called: each function must give the same again."""
    may_lack_role: bool = False
    detached: str | None = None
    """A partition that was detached without stopping its users: PostgreSQL keeps its bound as a check."""
    is_alone: bool = False
    """No savepoint may lie around it: it would keep the transaction that makes an enum from using its new values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """The change is no content of a standby."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The change cannot be replayed exactly."""

    reason: str


Action = Replay | Nothing | Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is done before the change at `place`."""

    place: int
    unit: Unit
    action: Action


def plan(rows: Sequence[tuple[int, Noted]], first_change: FirstChange) -> list[Step]:
    """The steps for the rows (place, row) of one transaction, in order."""
    steps = [
        step
        for _, group in groupby(rows, key=lambda item: item[1].string)
        for step in _plan_string(list(group), first_change)
    ]
    return sorted(steps, key=lambda step: step.place)


def units_of(rows: Iterable[tuple[int, Noted]]) -> list[Unit]:
    """The rows of one string by command."""
    units: list[Unit] = []
    pending: list[Noted] = []
    first = 0

    def close() -> None:
        if pending:
            units.append(Unit(rows=tuple(pending), first=first))
            pending.clear()

    for place, row in rows:
        if pending and pending[0].tag != row.tag:
            close()
        if not pending:
            first = place
        pending.append(row)
        if row.event in ("ddl_command_end", "mark") or (row.event == "sql_drop" and row.tag.startswith("DROP ")):
            close()
    close()
    return units


def _plan_string(rows: list[tuple[int, Noted]], first_change: FirstChange) -> list[Step]:
    units = units_of(rows)
    main = rows[-1][1]
    if main.is_cut:
        return [_stop(unit, "its text is longer than 4 MiB") for unit in units]
    try:
        statements = split(main.text, standard_strings=main.settings.get("standard_conforming_strings", "on") == "on")
    except Unreadable as error:
        return [_stop(unit, f"its text cannot be read: {error}") for unit in units]
    if len(statements) == 1 and tag_of(statements[0]) in _EXTENSION:
        # What an extension's script drops or alters on its way is noted too.
        whole = Unit(rows=tuple(row for _, row in rows), first=rows[0][0])
        return [Step(place=rows[-1][0], unit=whole, action=_decide(whole, statements[0]))]
    matched = match(units, statements)
    if matched is None:
        is_marked = any(unit.main.event == "mark" for unit in units)
        # Else a mark of a string of many would read as a fault of the planner's.
        reason = _UNNOTED if is_marked else "which statement of its string made it cannot be proven"
        return [_stop(unit, reason) for unit in units]
    return [_step(unit, _decide(unit, statement), first_change) for unit, statement in zip(units, matched, strict=True)]


def _step(unit: Unit, action: Action, first_change: FirstChange) -> Step:
    place = unit.first
    if isinstance(action, Replay) and unit.main.tag in _FROM_CATALOG:
        # The rows of CREATE TABLE AS stand before its ddl row.
        for described in unit.main.objects:
            names = (described.get("address") or [None, []])[1]
            found = first_change(*names) if len(names) == 2 else None
            place = place if found is None else min(place, found)
    return Step(place=place, unit=unit, action=action)


def _stop(unit: Unit, reason: str) -> Step:
    return Step(place=unit.first, unit=unit, action=Stop(reason=reason))


def _decide(unit: Unit, statement: Statement | None) -> Action:
    row = unit.main
    if row.event == "mark":
        return Stop(reason=_UNNOTED)
    if row.tag in NOT_CONTENT:
        return Nothing(reason="a standby has no owners, privileges, publications or labels")
    if row.event == "table_rewrite":
        return Stop(reason="its end was not noted")
    if any(o.get("schema") == "embassy_local" for r in unit.rows for o in r.objects):
        return Stop(reason="the schema embassy_local belongs to the standby")
    if any(r.event == "sql_drop" and o.get("schema") in _OWN for r in unit.rows for o in r.objects):
        return Stop(reason="it removes a part of the register's preparation")
    if statement is None or row.tag in _FROM_CATALOG:
        text = synthesize(unit.rows)
        if text is None:
            return Stop(reason="it ran inside another statement, and the catalog alone does not tell how")
        return Replay(text=text)
    if row.tag not in REPLAYED:
        return Stop(reason="this kind of change is not known")
    return _decide_text(unit, statement)


def _decide_text(unit: Unit, statement: Statement) -> Action:
    if says_nothing(statement):
        return Nothing(reason="owners and tablespaces are not carried")
    try:
        return Replay(
            text=normalize(statement, unit.main.tag),
            statement=statement,
            evaluates=evaluated(statement) if unit.rewrites else None,
            may_lack_role=unit.main.tag.endswith(" POLICY") or statement.word(2) == "policy",  # COMMENT ON POLICY
            detached=detached_slowly(statement),
            is_alone=unit.main.tag in _ENUMS and makes_enum(statement),
        )
    except Unsafe as error:
        return Stop(reason=str(error))
