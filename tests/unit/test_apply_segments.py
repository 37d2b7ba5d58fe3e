"""What a truncate does to the rest of its group, and where a schema change cuts it."""

from consumers.apply.changes import Decoded, Frame, ShapeChanges
from consumers.apply.segments import cut_at, cut_segments
from schemas.records import ChangeSchema

Summary = list[tuple[dict[str, tuple[int, int]], list[str]]]


def group(ops: str, *frame_sizes: int) -> Decoded:
    """Operations of the tables a and b, alternating: a c, b d, a t ... written as `ac bd at`."""
    changes = ops.split()
    shapes = []
    for table in sorted({change[0] for change in changes}):
        places = [place for place, change in enumerate(changes) if change[0] == table]
        schema = ChangeSchema.build("public", table, ("id",))
        shapes.append(ShapeChanges(schema=schema, places=places, ops=[changes[p][1] for p in places], records=[]))
    frames, first = [], 0
    for size in frame_sizes or (len(changes),):
        frames.append(Frame(transaction=first, commit_lsn=1, event_count=size, first=first, last=first + size))
        first += size
    return Decoded(frames=tuple(frames), shapes=tuple(shapes), count=len(changes), pulses=(), ddl=())


def cut(decoded: Decoded) -> Summary:
    return [
        ({name: (part.first, part.last) for (_, name), (part,) in s.tables.items()}, [n for _, n in s.truncated])
        for s in cut_segments(decoded)
    ]


def test_group_without_truncate_is_one_segment() -> None:
    assert cut(group("ac bc ac")) == [({"a": (0, 2), "b": (0, 1)}, [])]


def test_changes_before_a_truncate_of_their_table_are_gone() -> None:
    assert cut(group("ac bc at ac")) == [({}, ["a"]), ({"a": (2, 3), "b": (0, 1)}, [])]


def test_table_truncated_again_and_again_is_truncated_once() -> None:
    assert cut(group("ac at ac at ac bc", 2, 2, 2)) == [({}, ["a"]), ({"a": (4, 5), "b": (0, 1)}, [])]


def test_truncates_in_a_row_go_together() -> None:
    assert cut(group("at bt")) == [({}, ["a", "b"])]


def test_truncates_of_two_transactions_stay_apart() -> None:
    assert cut(group("at bt", 1, 1)) == [({}, ["a"]), ({}, ["b"])]


def test_repeated_truncate_names_its_table_once() -> None:
    assert cut(group("at at bt")) == [({}, ["a", "b"])]


def test_change_between_truncates_keeps_them_apart() -> None:
    assert cut(group("at bc bt")) == [({}, ["a"]), ({}, ["b"])]


def parts(decoded: Decoded, *places: int) -> list[dict[str, list[int]]]:
    return [
        {shape.schema.relation_name: shape.places for shape in part.shapes} for part in cut_at(decoded, places)
    ]  # fmt: skip


def test_group_is_cut_at_places_that_stay_what_they_are() -> None:
    decoded = group("ac bc ac bc ac")
    assert parts(decoded) == [{"a": [0, 2, 4], "b": [1, 3]}]
    assert parts(decoded, 2) == [{"a": [0], "b": [1]}, {"a": [2, 4], "b": [3]}]
    assert parts(decoded, 0, 4, 4) == [{}, {"a": [0, 2], "b": [1, 3]}, {}, {"a": [4]}]


def test_cut_shapes_hold_their_changes_in_either_form() -> None:
    schema = ChangeSchema.build("public", "a", ("id",))
    records = [
        {"op": "c", "order": n + 1, "transaction": 7, "lsn": 1, "before": None, "after": {"c0": str(n)}}
        for n in range(4)
    ]
    rows = ShapeChanges(schema=schema, places=[0, 1, 2, 3], ops=["c", "u", "d", "t"], records=records)
    columns = ShapeChanges(schema=schema, places=rows.places, ops=rows.ops, columns=rows.as_columns())
    for shape in (rows, columns):
        decoded = Decoded(frames=(), shapes=(shape,), count=4, pulses=(), ddl=())
        (first,), (second,), (third,) = (part.shapes for part in cut_at(decoded, [1, 3]))
        assert (first.ops, second.ops, third.ops) == (["c"], ["u", "d"], ["t"])
        assert second.as_records(0, 2) == records[1:3]
        assert second.after_image(1) == {"id": "2"}
        assert second.as_columns().column("order").to_pylist() == [2, 3]
