"""Records of stream v1: keys, frozen schemas, announced schemas."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_embassy.errors import StreamError
from data_embassy.types import Lsn
from schemas.records import ChangeSchema, RecordKey, decode, encode, snapshot_run, split_snapshot_run

names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@given(st.integers(1, 2), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_key_round_trip(origin, run, n):
    key = RecordKey(origin, run, n)
    assert RecordKey.unpack(key.pack()) == key


@pytest.mark.parametrize("raw", [None, b"", b"\1" * 16, b"\1" * 18])
def test_foreign_key_is_refused(raw):
    with pytest.raises(StreamError, match="17 bytes"):
        RecordKey.unpack(raw)


@given(st.integers(0, 2**31), st.integers(0, 2**32 - 1))
def test_snapshot_run_round_trip(generation, attempt):
    assert split_snapshot_run(snapshot_run(generation, attempt)) == (generation, attempt)


def test_frozen_record_round_trip():
    record = {"transaction": 7, "commit_lsn": 9, "event_count": 2, "committed_at": 1}
    assert decode(encode("End", record)) == ("End", record)


@pytest.mark.parametrize(
    "damage", [lambda v: v[:-1], lambda v: v + b"\0", lambda v: b"\0" + v, lambda v: v[:2] + b"x" * 8]
)
def test_damaged_record_is_refused(damage):
    value = encode("Begin", {"transaction": 300})
    with pytest.raises(StreamError):
        decode(damage(value))


@given(names, names, st.lists(names, unique=True, max_size=5))
def test_announced_schema_round_trip(schema, name, columns):
    built = ChangeSchema.build(schema, name, tuple(columns))
    assert ChangeSchema.parse(built.json) == built


def test_two_tables_of_equal_width_differ_in_fingerprint():
    first = ChangeSchema.build("public", "a", ("x", "y"))
    second = ChangeSchema.build("public", "b", ("x", "y"))
    assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize("what", ["relation_name", "relation_schema", "namespace"])
def test_schema_that_contradicts_its_name_is_refused(what):
    raw = json.loads(ChangeSchema.build("public", "a", ("x",)).json)
    raw[what] += "x"
    with pytest.raises(StreamError):
        ChangeSchema.parse(json.dumps(raw))


@given(st.integers(0, 2**64 - 1))
def test_lsn_round_trip(number):
    assert Lsn.parse(str(Lsn(number))) == number


@pytest.mark.parametrize("text", ["", "0", "0/", "/1", "0/123456789", "g/0", " 0/1"])
def test_what_is_no_lsn_is_refused(text):
    with pytest.raises(ValueError, match="not an LSN"):
        Lsn.parse(text)
