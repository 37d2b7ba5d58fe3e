"""The net effect of any history, cut anywhere, leaves the rows that the history leaves."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from consumers.apply.fold import STANDBY, Patched, fold
from consumers.apply.multiset import fold_images

COLUMNS = range(3)
Row = tuple[int, ...]
Rows = dict[int, Row]


@dataclass
class History:
    """Events as the applier sees them, and the rows that they leave."""

    rows: Rows
    ops: list[str] = field(default_factory=list)
    old: list[int | None] = field(default_factory=list)
    new: list[int | None] = field(default_factory=list)
    images: list[Row] = field(default_factory=list)
    unchanged: dict[int, tuple[int, ...]] = field(default_factory=dict)
    key_changes: set[int] = field(default_factory=set)

    def add(self, op: str, old: int | None, new: int | None, image: Row, kept: Iterable[int] = ()) -> None:
        event = len(self.ops)
        self.ops.append(op)
        self.old.append(old)
        self.new.append(new)
        self.images.append(tuple(-99 if c in kept else v for c, v in enumerate(image)))
        if kept:
            self.unchanged[event] = tuple(kept)

    def insert(self, key: int, value: int) -> None:
        self.rows[key] = tuple(value + c for c in COLUMNS)
        self.add("c", key, key, self.rows[key])

    def delete(self, key: int) -> None:
        self.add("d", key, None, self.rows.pop(key))

    def update(self, key: int, target: int, value: int, kept: frozenset[int], *, is_pair: bool = False) -> None:
        row = self.rows.pop(key)
        self.rows[target] = tuple(row[c] if c in kept else value + c for c in COLUMNS)
        if not is_pair:
            self.add("u", key, target, self.rows[target], kept)
        else:
            self.add("d", key, None, row)
            self.key_changes |= {len(self.ops)} if kept else set()
            self.add("c", target, target, self.rows[target], kept)


KEYS = st.integers(0, 4)
STEPS = st.lists(
    st.tuples(st.sampled_from("idukmkm"), KEYS, KEYS, st.frozensets(st.sampled_from(COLUMNS))), min_size=1, max_size=25
)


def play(rows: Rows, steps: list[tuple[str, int, int, frozenset[int]]]) -> History:
    """Those steps that are possible, in order: insert, delete, update, key change as update or as delete and create."""
    history = History(dict(rows))
    for number, (step, one, other, kept) in enumerate(steps):
        value = 1000 + 10 * number
        present = sorted(history.rows)
        absent = [key for key in range(5) if key not in history.rows]
        if step == "i" and absent:
            history.insert(absent[one % len(absent)], value)
        elif step == "d" and present:
            history.delete(present[one % len(present)])
        elif step == "u" and present:
            key = present[one % len(present)]
            history.update(key, key, value, kept)
        elif step in "km" and present and absent:
            key, target = present[one % len(present)], absent[other % len(absent)]
            history.update(key, target, value, kept, is_pair=step == "m")
    return history


def merge(rows: Rows, history: History, first: int, last: int) -> Rows:
    """The net effect of the events `first` to `last` on the rows, as the database makes it."""
    net = fold(
        history.ops[first:last],
        history.old[first:last],
        history.new[first:last],
        {event - first: kept for event, kept in history.unchanged.items() if first <= event < last},
        {event - first for event in history.key_changes if first <= event < last},
    )

    def image(row: Patched | int) -> Row:
        if isinstance(row, int):
            return history.images[first + row]
        values = list(history.images[first + row.event])
        for column, event in row.cells.items():
            if event == STANDBY:
                assert row.origin is not None
                values[column] = rows[row.origin][column]
            else:
                values[column] = history.images[first + event][column]
        return tuple(values)

    def key_of(row: Patched | int) -> int:
        key = history.new[first + row] if isinstance(row, int) else row.key
        assert key is not None
        return key

    updates: list[Patched | int] = [*net.updated, *net.patched_updates]
    inserts: list[Patched | int] = [*net.inserted, *net.patched_inserts]
    updated = {key_of(row): image(row) for row in updates}
    inserted = {key_of(row): image(row) for row in inserts}
    assert set(net.deleted) | updated.keys() <= rows.keys()
    assert not inserted.keys() & rows.keys()
    return {key: row for key, row in rows.items() if key not in net.deleted} | updated | inserted


@given(st.sets(KEYS), STEPS, st.sets(st.integers(1, 50)))
def test_net_effect_of_any_split_is_the_history(start: set[int], steps, cuts: set[int]) -> None:
    rows: Rows = {key: tuple(key * 10 + c for c in COLUMNS) for key in start}
    history = play(rows, steps)
    # A key change is never cut in two (stream-v1 section 4: its create directly follows its delete).
    ends = sorted({c for c in cuts if c < len(history.ops) and c not in history.key_changes} | {len(history.ops)})
    first = 0
    for last in ends:
        rows = merge(rows, history, first, last)
        first = last
    assert rows == history.rows


IMAGES = st.integers(0, 3)


@given(st.lists(IMAGES, max_size=6), st.lists(st.tuples(st.sampled_from("cud"), IMAGES, IMAGES), max_size=20))
def test_net_effect_of_images_is_the_history(start: list[int], steps: list[tuple[str, int, int]]) -> None:
    rows = list(start)
    events = []
    for op, old, new in steps:
        if op != "c":
            if old not in rows:
                continue
            rows.remove(old)
        if op != "d":
            rows.append(new)
        events.append((op, old, new))
    ops, olds, news = (list(part) for part in zip(*events, strict=True)) if events else ([], [], [])
    net = fold_images(ops, olds, news)
    for image, need, take in net.needed:
        assert start.count(image) >= need >= take
    left = [*start, *net.inserted]
    for image, _, take in net.needed:
        for _ in range(take):
            left.remove(image)
    assert sorted(left) == sorted(rows)


@given(st.lists(st.tuples(st.sampled_from("ud"), IMAGES, IMAGES), min_size=1, max_size=20))
def test_needed_images_are_exactly_what_the_history_needs(steps: list[tuple[str, int, int]]) -> None:
    ops, olds, news = (list(part) for part in zip(*steps, strict=True))
    net = fold_images(ops, olds, news)
    rows = [image for image, need, _ in net.needed for _ in range(need)]
    assert survives(rows, steps)
    for image in set(rows):
        fewer = list(rows)
        fewer.remove(image)
        assert not survives(fewer, steps)


def survives(rows: list[int], steps: list[tuple[str, int, int]]) -> bool:
    rows = list(rows)
    for op, old, new in steps:
        if old not in rows:
            return False
        rows.remove(old)
        if op == "u":
            rows.append(new)
    return True
