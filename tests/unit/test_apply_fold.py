"""Histories that cannot be are refused, and what a row leaves behind when its key changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from consumers.apply.fold import STANDBY, InconsistentStream, Net, Patched, fold

Event = tuple[str, int | None, int | None]


def folded(*events: Event, unchanged: Mapping[int, Sequence[int]] | None = None, pairs: Sequence[int] = ()) -> Net:
    ops, old, new = (list(part) for part in zip(*events, strict=True))
    return fold(ops, old, new, unchanged or {}, set(pairs))


IMPOSSIBLE: dict[str, tuple[Event, ...]] = {
    "a row is inserted while its key exists": (("c", None, 1), ("c", None, 1)),
    "a row is changed after its deletion": (("d", 1, None), ("u", 1, 1)),
    "a row is given a key that exists": (("c", None, 1), ("u", 2, 1)),
    "a key is NULL": (("c", None, None),),
}


@pytest.mark.parametrize("reason", IMPOSSIBLE)
def test_a_history_that_cannot_be_is_refused(reason: str) -> None:
    with pytest.raises(InconsistentStream, match=reason):
        folded(*IMPOSSIBLE[reason])


@pytest.mark.parametrize("op", ["d", "u"])
def test_a_row_that_came_and_went_cannot_be_changed(op: str) -> None:
    with pytest.raises(InconsistentStream, match="after its deletion"):
        folded(("c", None, 1), ("d", 1, None), (op, 1, 1))


def test_an_update_that_changes_the_key_leaves_its_old_one() -> None:
    with pytest.raises(InconsistentStream, match="after its deletion"):
        folded(("u", 1, 2), ("u", 1, 1))
    net = folded(("u", 1, 2), ("c", None, 1))
    assert (net.updated, net.inserted, net.deleted) == ([1], [0], [])


@pytest.mark.parametrize("pairs", [(), (0,)])
def test_an_inserted_row_without_values_follows_a_deletion(pairs: Sequence[int]) -> None:
    with pytest.raises(InconsistentStream, match="follows no deletion"):
        folded(("c", None, 1), unchanged={0: (2,)}, pairs=pairs)


def test_a_key_change_takes_its_values_from_the_standby() -> None:
    net = folded(("d", 1, None), ("c", None, 2), unchanged={1: (2,)}, pairs=(1,))
    (patched,) = net.patched_inserts
    assert patched == Patched(event=1, key=2, cells={2: STANDBY}, origin=1)
    assert patched.unresolved == (2,)
    assert net.deleted == [1]


def test_values_come_from_where_they_were_written_last() -> None:
    net = folded(("c", None, 1), ("u", 1, 1), ("u", 1, 1), unchanged={1: (0, 1), 2: (0, 2)})
    (patched,) = net.patched_inserts
    assert patched == Patched(event=2, key=1, cells={0: 0, 2: 1}, origin=None)


def test_a_row_that_came_and_went_leaves_nothing() -> None:
    assert folded(("c", None, 1), ("d", 1, None)) == Net()
