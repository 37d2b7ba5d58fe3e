"""Python reads the bytes that the capture plugin froze: the plugin's own tests compare with the same file."""

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from schemas import records

FILE = Path(__file__).parents[1] / "vectors" / "stream" / "capture-v1.json"
VECTORS = {vector["name"]: vector for vector in json.loads(FILE.read_text())}
CHANGES = ("insert", "update", "update of identity full", "delete", "truncate")


def value(name: str) -> bytes:
    return bytes.fromhex(VECTORS[name]["value"])


def announced() -> records.ChangeSchema:
    return records.ChangeSchema.parse(records.decode(value("schema"))[1]["json"])


@pytest.mark.parametrize(("name", "record"), [("session", "Session"), ("begin", "Begin"), ("end", "End")])
def test_frozen_records_read_the_same(name: str, record: str) -> None:
    assert records.decode(value(name)) == (record, VECTORS[name]["record"])


def test_keys_are_numbered() -> None:
    keys = [records.RecordKey.unpack(bytes.fromhex(vector["key"])) for vector in VECTORS.values()]
    assert [key.n for key in keys] == list(range(1, len(keys) + 1))
    assert {(key.origin, key.run) for key in keys} == {(1, VECTORS["session"]["record"]["session"])}


def test_the_announced_schema_is_what_its_names_say() -> None:
    name, record = records.decode(value("schema"))
    assert name == "Schema"
    assert announced().fingerprint == record["fingerprint"] == records.fingerprint(value("insert"))
    assert announced().relation_name == 'Ünïcode "person"'
    assert announced().columns == ("id", "name", "a.b", "A.B", "large")


@pytest.mark.parametrize("name", CHANGES)
def test_changes_read_the_same(name: str) -> None:
    body = io.BytesIO(value(name)[records.PREFIX_SIZE :])
    read: Any = fastavro.schemaless_reader(body, fastavro.parse_schema(json.loads(announced().json)), None)
    assert body.read() == b""
    assert read == VECTORS[name]["record"]
    assert value(name)[10:12] == b"\x02" + read["op"].encode()
