"""Net effect of a group's changes on each row of a table with a key. Pure.

Every change is an event, numbered from 0; keys are numbers that are equal exactly when PostgreSQL holds the keys to be
equal. A row's life is followed through updates, key changes and swaps, because a value that the source did not write
again (*unchanged*) stands in an earlier image of the same row: in an earlier event, or only in the standby.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

STANDBY: Final = -1
"""Instead of an event: the value stands in the standby's row as it was before the group."""


class InconsistentStream(Exception):
    """The changes of a key cannot follow each other; the argument says how."""


@dataclass(frozen=True, slots=True)
class Patched:
    """A final row whose values do not all stand in one event."""

    event: int
    """Its last image."""
    key: int
    cells: Mapping[int, int]
    """Column position to the event that holds its value, or STANDBY."""
    origin: int | None
    """Key under which the standby holds this row now; set when any cell is STANDBY."""

    @property
    def unresolved(self) -> tuple[int, ...]:
        """Positions of the values that only the standby's row has."""
        return tuple(sorted(column for column, event in self.cells.items() if event == STANDBY))


@dataclass(slots=True)
class Net:
    """What remains to be done. Keys of `inserted` rows are new, those of `updated` and `deleted` rows exist."""

    inserted: list[int] = field(default_factory=list)
    """Events whose image becomes a new row as it stands."""
    updated: list[int] = field(default_factory=list)
    """Events whose image is the new state of an existing row."""
    deleted: list[int] = field(default_factory=list)
    """Keys of rows that go."""
    patched_inserts: list[Patched] = field(default_factory=list)
    patched_updates: list[Patched] = field(default_factory=list)


_Life = int | tuple[int, int | None, Mapping[int, int]]
"""A present row: the event of its image, or (event, origin, cells) when values stand elsewhere."""


def fold(
    ops: Sequence[str],
    old: Sequence[int | None],
    new: Sequence[int | None],
    unchanged: Mapping[int, Sequence[int]],
    key_changes: AbstractSet[int],
) -> Net:
    """Reduce the events to their net effect; raises InconsistentStream.

    `old` and `new` are the keys before and after each event. `unchanged` maps events to the positions of their
    unchanged values; `key_changes` holds those creates that directly follow the delete of their own old row.
    """
    rows: dict[int | None, _Life | None] = {}
    existed: set[int | None] = set()
    released: _Life | None = None
    for event, op in enumerate(ops):
        key = new[event] if op == "c" else old[event]
        if op == "c":
            life: _Life = event
            if event in unchanged:
                if event not in key_changes or released is None:
                    raise InconsistentStream("an inserted row lacks values and follows no deletion")
                life = _inherit(event, unchanged[event], released)
            if rows.get(key) is not None:
                raise InconsistentStream("a row is inserted while its key exists")
            rows[key] = life
            continue
        if key not in rows:
            existed.add(key)
            last: _Life | None = (STANDBY, key, {})
        else:
            last = rows[key]
        if last is None:
            raise InconsistentStream("a row is changed after its deletion")
        if op == "d":
            rows[key] = None
            released = last
            continue
        if new[event] != key:
            rows[key] = None
            key = new[event]
            if rows.get(key) is not None:
                raise InconsistentStream("a row is given a key that exists")
        rows[key] = _inherit(event, unchanged[event], last) if event in unchanged else event
    if None in rows:
        raise InconsistentStream("a key is NULL")
    return _collect(rows, existed)


def _inherit(event: int, unchanged: Sequence[int], life: _Life) -> _Life:
    """The row after `event`, whose unchanged values stand where those of its earlier state stood."""
    if isinstance(life, int):
        return event, None, dict.fromkeys(unchanged, life)
    image, origin, cells = life
    inherited = {column: cells.get(column, image) for column in unchanged}
    return event, origin if STANDBY in inherited.values() else None, inherited


def _collect(rows: Mapping[int | None, _Life | None], existed: AbstractSet[int | None]) -> Net:
    net = Net()
    for key, life in rows.items():
        assert key is not None
        if isinstance(life, int):
            (net.updated if key in existed else net.inserted).append(life)
        elif life is None:
            if key in existed:
                net.deleted.append(key)
        else:
            event, origin, cells = life
            patched = Patched(event=event, key=key, cells=cells, origin=origin)
            (net.patched_updates if key in existed else net.patched_inserts).append(patched)
    return net
