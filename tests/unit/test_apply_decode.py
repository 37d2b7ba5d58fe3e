"""Decoding refuses whatever is not exactly what the frames say (stream-v1 sections 3 to 5)."""

import io
import json
from typing import Any

import fastavro
import pyruhvro
import pytest

from consumers.apply import BrokenFrame, DamagedChange, Decoded, Decoder, Frame, UnknownShape
from consumers.apply import decode as module
from schemas.records import MAGIC, ChangeSchema

PERSON = ChangeSchema.build("public", "person", ("id", 'odd "name"', "doc"))
PULSE = ChangeSchema.build("data_embassy", "pulse", ("id", "beat"))
DDL = ChangeSchema.build("data_embassy", "ddl", ("n", "statement"))
SCHEMAS = {schema.fingerprint: schema for schema in (PERSON, PULSE, DDL)}
COUNTS = pytest.mark.parametrize("count", [1, 5, module.COLUMNAR_COUNT_MIN, 100])
"""On both sides of the choice between the two Avro libraries."""


def change(
    schema: ChangeSchema, order: int, *, op: str = "c", tx: int = 7, before: Any = None, after: Any = None
) -> bytes:
    def image(values: Any) -> Any:
        return None if values is None else {f"c{i}": value for i, value in enumerate(values)}

    if after is None and op in "cu":
        after = [str(i) for i in range(len(schema.columns))]
    if before is None and op == "d":
        before = ["1", *[None] * (len(schema.columns) - 1)]
    record = {"op": op, "order": order, "transaction": tx, "lsn": 1, "before": image(before), "after": image(after)}
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(schema.json)), record)
    return MAGIC + schema.fingerprint + out.getvalue()


def frame(count: int, *, tx: int = 7, first: int = 0, complete: bool = True, announced: int | None = None) -> Frame:
    return Frame(
        transaction=tx,
        commit_lsn=1 if complete else None,
        event_count=count if announced is None else announced,
        first=first,
        last=first + count,
    )


def decode(values: list[bytes], *frames: Frame, first_order: int = 1) -> Decoded:
    return Decoder(SCHEMAS).decode(values, frames or (frame(len(values)),), first_order=first_order)


@COUNTS
def test_values_come_back(count: int) -> None:
    rows = [[str(i), None if i % 2 else "", "\0" if i % 3 else "é\n"] for i in range(count)]
    (shape,) = decode([change(PERSON, i + 1, after=row) for i, row in enumerate(rows)]).shapes
    assert [list(r["after"].values()) for r in shape.as_records(0, count)] == rows
    assert [list(r.values()) for r in shape.as_columns().column("after").to_pylist()] == rows


@COUNTS
def test_tables_are_told_apart_and_keep_their_places(count: int) -> None:
    values = [change((PERSON, PULSE)[i % 2], i + 1) for i in range(count)]
    places = {shape.schema.relation_name: shape.places for shape in decode(values).shapes}
    assert places["person"] == list(range(0, count, 2))
    assert places.get("pulse", []) == list(range(1, count, 2))


def test_unknown_schema_stops() -> None:
    foreign = ChangeSchema.build("public", "other", ("id",))
    with pytest.raises(UnknownShape):
        decode([change(foreign, 1)])


def test_value_without_magic_stops() -> None:
    with pytest.raises(UnknownShape):
        decode([b"\xc3\x02" + change(PERSON, 1)[2:]])


@COUNTS
@pytest.mark.parametrize("damage", ["cut", "empty", "not_utf8", "huge_length", "trailing"])
def test_damaged_value_stops(count: int, damage: str) -> None:
    values = [change(PERSON, i + 1, after=["1", "abcdef", "x"]) for i in range(count)]
    whole = values[-1]
    values[-1] = {
        "cut": whole[:-1],
        "empty": whole[:10],
        "not_utf8": whole.replace(b"abcdef", b"abc\xff\xfef"),
        "trailing": whole + b"x",
        "huge_length": whole.replace(b"\x0cabcdef", b"\xfe\xff\xff\xff\x0f"),
    }[damage]
    with pytest.raises(DamagedChange) as caught:
        decode(values)
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize(
    "images",
    [
        {"op": "c", "before": ["1", "2", "3"]},
        {"op": "d", "after": ["1", "2", "3"]},
        {"op": "t", "after": ["1", "2", "3"]},
        {"op": "r", "after": ["1", "2", "3"]},
        {"op": "", "after": ["1", "2", "3"]},
    ],
)
@COUNTS
def test_operation_with_wrong_images_stops(count: int, images: dict[str, Any]) -> None:
    values = [change(PERSON, i + 1) for i in range(count - 1)] + [change(PERSON, count, **images)]
    with pytest.raises(DamagedChange):
        decode(values)


@COUNTS
@pytest.mark.parametrize("orders", ["repeated", "skipped", "late"])
def test_order_must_run_from_one(count: int, orders: str) -> None:
    numbers = list(range(1, count + 1))
    if orders == "repeated":
        numbers[-1] = max(numbers[-1] - 1, 0)
    elif orders == "skipped":
        numbers[-1] += 1
    else:
        numbers = [n + 1 for n in numbers]
    with pytest.raises(BrokenFrame):
        decode([change(PERSON, n) for n in numbers])


def test_order_runs_over_all_tables() -> None:
    values = [change(PERSON, 1), change(PULSE, 2), change(PERSON, 3), change(PULSE, 1, tx=8)]
    assert decode(values, frame(3), frame(1, tx=8, first=3)).count == 4


def test_change_of_another_transaction_stops() -> None:
    with pytest.raises(BrokenFrame):
        decode([change(PERSON, 1), change(PERSON, 2, tx=8)])


@pytest.mark.parametrize("announced", [1, 3])
def test_count_must_be_the_announced_one(announced: int) -> None:
    with pytest.raises(BrokenFrame):
        decode([change(PERSON, 1), change(PERSON, 2)], frame(2, announced=announced))


def test_pieces_go_on_counting() -> None:
    values = [change(PERSON, n) for n in (1, 2, 3, 4)]
    assert decode(values[:2], frame(2, complete=False)).ends_inside_transaction
    assert not decode(values[2:], frame(2, announced=4), first_order=3).ends_inside_transaction
    with pytest.raises(BrokenFrame):
        decode(values[2:], frame(2, announced=5), first_order=3)


def test_frames_must_tile_the_values() -> None:
    with pytest.raises(RuntimeError):
        decode([change(PERSON, 1), change(PERSON, 2)], frame(1))


@pytest.mark.parametrize("frames", [(frame(1, first=1),), (frame(3),), (frame(-1), frame(3, first=-1))])
def test_frames_must_stand_within_the_values(frames: tuple[Frame, ...]) -> None:
    with pytest.raises(RuntimeError, match="contiguous"):
        decode([change(PERSON, 1), change(PERSON, 2)], *frames)


def test_group_that_is_too_large_is_the_callers_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [change(PERSON, 1), change(PERSON, 2)]
    monkeypatch.setattr(module, "GROUP_BYTES_MAX", sum(map(len, values)))
    assert decode(values).count == 2
    monkeypatch.setattr(module, "GROUP_BYTES_MAX", sum(map(len, values)) - 1)
    with pytest.raises(RuntimeError, match="cut it into pieces"):
        decode(values)


@pytest.mark.parametrize("oddity", ["fewer rows", "other columns", "other values"])
def test_odd_answer_of_the_faster_library_is_not_used(monkeypatch: pytest.MonkeyPatch, oddity: str) -> None:
    values = [change(PERSON, i + 1) for i in range(module.COLUMNAR_COUNT_MIN)]
    real = pyruhvro.deserialize_array

    def odd(bodies: list[bytes], schema: str) -> Any:
        batch = real(bodies, schema)
        if oddity == "fewer rows":
            return batch.slice(1)
        if oddity == "other columns":
            return batch.rename_columns(["op", "n", *batch.schema.names[2:]])
        return real([*bodies[:-1], change(PERSON, len(bodies), after=["1", "2", "longer"])[10:]], schema)

    monkeypatch.setattr(pyruhvro, "deserialize_array", odd)
    (shape,) = decode(values).shapes
    assert shape.columns is None
    assert shape.as_records(0, 1)[0]["after"] == {"c0": "0", "c1": "1", "c2": "2"}
    assert shape.ops == ["c"] * len(values)


def test_pulses_are_surfaced_newest_last() -> None:
    values = [
        change(PULSE, 1, op="u", after=["1", "41"]),
        change(PERSON, 2),
        change(PULSE, 3, op="u", after=["1", "42"]),
    ]
    assert [pulse["beat"] for pulse in decode(values).pulses] == ["41", "42"]


def test_ddl_rows_are_surfaced_with_their_frames() -> None:
    values = [change(PERSON, 1), change(DDL, 1, tx=8, after=["1", "x"]), change(DDL, 2, tx=8, op="d")]
    (row,) = decode(values, frame(1), frame(2, tx=8, first=1)).ddl
    assert (row.frame, row.row["statement"]) == (1, "x")
