"""The set-based path for a table with a key: stage the net effect, then merge it in an order that is always right.

Deletes come before updates in place, those before inserts. Rows that change a guarded column (of another unique or
exclusion index) are deleted and inserted, not updated: as far as these indexes can see, every state in between is then
a part of the state before the group or of the one after it, and both were valid in the register.

Steps:
(1) number the keys and fold the changes to their net effect;
(2) stage final rows of existing keys and those that take values from standby rows, and the keys that go;
(3) mark the updates that cannot be made in place;
(4) fetch unchanged values from the standby's rows, while these still stand;
(5) delete; (6) update in place; (7) insert; (8) check what the replica role does not enforce.
Every step's row count must be the stream's.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import pyarrow as pa
from psycopg import sql

from consumers.apply import statements
from consumers.apply.errors import Divergence, UnidentifiedRow
from consumers.apply.fold import InconsistentStream, Net, Patched, fold
from consumers.apply.images import Images, index_of, patch, pick
from consumers.apply.keys import Keys, number_keys
from consumers.apply.staging import Staging, copy_columns, raw_cursor
from consumers.apply.table import Table
from data_embassy import failpoint
from data_embassy.postgres import Connection

_STAGED = "rows"
_GONE = "gone"


class KeyedMerge:
    """Merges groups of changes of tables with a key."""

    def __init__(self, connection: Connection, staging: Staging) -> None:
        self._connection = connection
        self._staging = staging

    def apply(self, table: Table, images: Images, frame_starts: AbstractSet[int]) -> sql.Identifier | None:
        """Apply the changes of one table; returns the staging table that holds the touched rows when it is needed."""
        keys, net = self._net_effect(table, images, frame_starts)
        plan = _plan(table, net)
        stage = self._stage(table, images, keys, plan)  # (2)
        failpoint.hit("before_merge")
        if stage is not None:
            self._mark_and_resolve(table, stage, plan)
        if net.deleted:
            self._delete(table, keys, net.deleted)
        if stage is not None:
            self._write_staged(table, stage, plan)
        if plan.direct:
            values = plan.direct_columns(images)
            columns = [(table.columns[p].name, values[p]) for p in table.writable]
            copy_columns(self._connection, statements.target(table), columns)  # (7)
        failpoint.hit("after_merge")
        return stage

    def _net_effect(self, table: Table, images: Images, frame_starts: AbstractSet[int]) -> tuple[Keys, Net]:
        unchanged = images.unchanged()
        key_positions = set(table.key_positions)
        if any(key_positions & set(positions) for positions in unchanged.values()):
            raise UnidentifiedRow(table.label, "a large value of its identity was not written again")
        keys = number_keys(table, images, self._rank)  # (1)
        try:
            net = fold(images.ops, keys.old, keys.new, unchanged, images.key_changes(unchanged, frame_starts))
        except InconsistentStream as error:
            raise Divergence(table.label, str(error)) from None
        return keys, net

    def _rank(self, table: Table, texts: Sequence[pa.Array]) -> list[int]:
        with raw_cursor(self._connection) as cursor:
            cursor.execute(statements.rank_keys(table), [column.to_pylist() for column in texts], prepare=False)
            return [row[0] for row in cursor.fetchall()]

    def _stage(self, table: Table, images: Images, keys: Keys, plan: _Plan) -> sql.Identifier | None:
        if not plan.events:
            return None
        stage = self._staging.empty(table, _STAGED, statements.create_staging)
        columns = [
            ("kind", pa.array(plan.kinds, pa.int16())),
            ("pattern", pa.array(plan.pattern_numbers, pa.int32())),
            *((f"c{p}", column) for p, column in enumerate(plan.columns(images))),
        ]
        if any(origin is not None for origin in plan.origins):
            columns += [
                (f"o{p}", pick(text, plan.origins)) for p, text in zip(table.key_positions, keys.texts, strict=True)
            ]
        copy_columns(self._connection, stage, columns)
        return stage

    def _mark_and_resolve(self, table: Table, stage: sql.Identifier, plan: _Plan) -> None:
        for unresolved, number in plan.patterns.items():
            replaced = plan.count(number, statements.KIND_REPLACE)
            marking = statements.mark_replaced(table, stage, number, unresolved)
            if marking is not None and plan.count(number, statements.KIND_UPDATE):
                marked = self._connection.execute(marking).rowcount  # (3)
                plan.move_to_replaced(number, marked)
                replaced += marked
            expected = replaced + plan.count(number, statements.KIND_INSERT)
            if unresolved and expected:
                found = self._connection.execute(
                    statements.resolve(table, stage, number, unresolved)  # (4)
                ).rowcount
                _check(table, "values kept from rows", found=found, expected=expected)

    def _delete(self, table: Table, keys: Keys, deleted: list[int]) -> None:
        stage = self._staging.empty(table, _GONE, statements.create_key_staging)
        columns = [(f"c{p}", pick(text, deleted)) for p, text in zip(table.key_positions, keys.texts, strict=True)]
        copy_columns(self._connection, stage, columns)
        found = self._connection.execute(statements.delete_keys(table, stage)).rowcount  # (5)
        _check(table, "rows to delete", found=found, expected=len(deleted))

    def _write_staged(self, table: Table, stage: sql.Identifier, plan: _Plan) -> None:
        replaced = plan.count(None, statements.KIND_REPLACE)
        if replaced:
            found = self._connection.execute(statements.delete_replaced(table, stage)).rowcount
            _check(table, "rows to replace", found=found, expected=replaced)
        for unresolved, number in plan.patterns.items():
            expected = plan.count(number, statements.KIND_UPDATE)
            if expected:
                found = self._connection.execute(
                    statements.update_staged(table, stage, number, unresolved)  # (6)
                ).rowcount
                _check(table, "rows to update", found=found, expected=expected)
        expected = replaced + plan.count(None, statements.KIND_INSERT)
        if expected:
            found = self._connection.execute(statements.insert_staged(table, stage)).rowcount
            _check(table, "rows to insert", found=found, expected=expected)


class _Plan:
    """The net effect as rows to stage and rows to insert directly."""

    def __init__(self) -> None:
        self.events: list[int] = []
        self.kinds: list[int] = []
        self.pattern_numbers: list[int] = []
        self.origins: list[int | None] = []
        self.patches: dict[int, dict[int, int]] = {}
        self.patterns: dict[tuple[int, ...], int] = {}
        self.direct: list[int] = []
        self.direct_patches: dict[int, dict[int, int]] = {}
        self._counts: dict[tuple[int, int], int] = {}

    def add(self, events: Sequence[int], kind: int) -> None:
        """Stage rows whose image stands in one event."""
        if events:
            number = self._pattern((), kind, len(events))
            self.events += events
            self.kinds += [kind] * len(events)
            self.pattern_numbers += [number] * len(events)
            self.origins += [None] * len(events)

    def add_patched(self, row: Patched, kind: int) -> None:
        """Stage a row whose values stand in several places."""
        self.patches[len(self.events)] = dict(row.cells)
        self.events.append(row.event)
        self.kinds.append(kind)
        self.pattern_numbers.append(self._pattern(row.unresolved, kind, 1))
        self.origins.append(row.origin)

    def add_direct(self, row: Patched) -> None:
        """Insert a row without staging: all its values stand in the group."""
        self.direct_patches[len(self.direct)] = dict(row.cells)
        self.direct.append(row.event)

    def _pattern(self, unresolved: tuple[int, ...], kind: int, count: int) -> int:
        number = self.patterns.setdefault(unresolved, len(self.patterns))
        self._counts[number, kind] = self._counts.get((number, kind), 0) + count
        return number

    def count(self, pattern: int | None, kind: int) -> int:
        """Staged rows of a pattern (None: of all) and kind."""
        return sum(n for (p, k), n in self._counts.items() if k == kind and pattern in {None, p})

    def move_to_replaced(self, pattern: int, count: int) -> None:
        """So many updates of a pattern turned out to be replacements."""
        for kind, change in ((statements.KIND_UPDATE, -count), (statements.KIND_REPLACE, count)):
            self._counts[pattern, kind] = self._counts.get((pattern, kind), 0) + change

    def columns(self, images: Images) -> list[pa.Array]:
        """The columns of the staged rows."""
        return _columns(images, self.events, self.patches)

    def direct_columns(self, images: Images) -> list[pa.Array]:
        """The columns of the directly inserted rows."""
        return _columns(images, self.direct, self.direct_patches)


def _columns(images: Images, events: list[int], patches: dict[int, dict[int, int]]) -> list[pa.Array]:
    index = index_of(events)
    columns = []
    for position, column in enumerate(images.after):
        patched = patch(events, position, patches)
        columns.append(pick(column, index if patched is None else patched))
    return columns


def _plan(table: Table, net: Net) -> _Plan:
    plan = _Plan()
    plan.add(net.updated, statements.KIND_UPDATE)
    for row in net.patched_updates:
        plan.add_patched(row, _kind_of_update(table, row))
    if table.deferred:
        # The check of deferrable constraints reads all touched rows from staging.
        plan.add(net.inserted, statements.KIND_INSERT)
    else:
        plan.direct += net.inserted
    for row in net.patched_inserts:
        if row.unresolved or table.deferred:
            plan.add_patched(row, statements.KIND_INSERT)
        else:
            plan.add_direct(row)
    return plan


def _kind_of_update(table: Table, row: Patched) -> int:
    # A row that came under this key from another one cannot keep what stands there; and a deferrable constraint is
    # checked on whole staged rows.
    moved = row.origin is not None and row.origin != row.key
    return statements.KIND_REPLACE if row.unresolved and (moved or table.deferred) else statements.KIND_UPDATE


def _check(table: Table, what: str, *, found: int, expected: int) -> None:
    if found != expected:
        raise Divergence(table.label, f"{what}: {found} of {expected} found")
