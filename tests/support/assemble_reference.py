"""An independent reading of stream v1, sections 2 to 5: home topic -> tables, for tests to compare with.

Written from the specification alone and shares no code with the receiver. Slow and plain on purpose.
"""

import hashlib
import io
import json
import struct
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import fastavro

from schemas import records

Relation = tuple[str, str]
Row = tuple[str | None, ...]
UNCHANGED = "\0"


class Broken(AssertionError):
    """The topic breaks a rule of stream v1."""


@dataclass
class Transaction:
    """An open transaction: its changes so far."""

    number: int
    changes: list[tuple[Relation, tuple[str, ...], dict[str, Any]]] = field(default_factory=list)


class Assembler:
    """Reads a home topic from its beginning; `rows` gives every row of a relation as text.

    `keys` names the identity columns of tables that have some; the others are of identity FULL.
    """

    def __init__(self, keys: Mapping[Relation, tuple[str, ...]]) -> None:
        self.keys = keys
        self._keyed: dict[Relation, dict[Row, Row]] = {}
        self._full: dict[Relation, Counter[Row]] = {}
        self.columns: dict[Relation, tuple[str, ...]] = {}
        self.last_end = 0
        self.seen = Counter[str]()
        self.run = 0
        self._n = 0
        self._is_suspended = False
        self._system = ""
        self._open: Transaction | None = None
        self._shapes: dict[bytes, tuple[Relation, tuple[str, ...], Any]] = {}

    def read(self, topic: Iterable[tuple[bytes, bytes]]) -> None:
        """Feed keys and values in the order of the topic."""
        for key, value in topic:
            self.feed(key, value)

    def feed(self, key: bytes, value: bytes) -> None:
        """Feed one record."""
        origin, run, n = struct.unpack(">BQQ", key)
        if origin != 1 or run < self.run or (run == self.run and n <= self._n):
            self.seen["dropped"] += 1
            return
        if run > self.run:
            if n != 1:
                raise Broken(f"session {run} begins with record {n}")
        elif n != self._n + 1:
            self._is_suspended = True
        self.run, self._n = run, n
        name, body = self._decode(value)
        if name == "Session":
            self._session(body)
        elif not self._is_suspended:
            self._record(name, body)

    def _decode(self, value: bytes) -> tuple[str, Any]:
        if value[:2] != b"\xc3\x01":
            raise Broken("no single-object encoding")
        if value[2:10] in records.FROZEN_NAMES:
            return records.decode(value)
        if value[2:10] not in self._shapes:
            if self._is_suspended:
                return "skipped", None
            raise Broken("a change of an unknown shape")
        relation, columns, schema = self._shapes[value[2:10]]
        rest = io.BytesIO(value[10:])
        body = fastavro.schemaless_reader(rest, schema, None)
        if rest.read():
            raise Broken("trailing bytes")
        return "change", (relation, columns, body)

    def _session(self, body: dict[str, Any]) -> None:
        if self.last_end and not body["confirmed_flush_lsn"] <= self.last_end <= body["insert_lsn"]:
            raise Broken("a gap before this session")
        if self._system not in ("", body["system_identifier"]):
            raise Broken("another system")
        if body["session"] != self.run:
            raise Broken("the marker's session is not its key's")
        self._system = body["system_identifier"]
        self._is_suspended = False
        self.seen["sessions"] += 1
        self.seen["discarded"] += self._open is not None
        self._open = None

    def _record(self, name: str, body: Any) -> None:
        if name == "Schema":
            self._shape(body)
        elif name == "Begin":
            if self._open is not None:
                raise Broken("a transaction inside another")
            self._open = Transaction(body["transaction"])
        elif name == "change":
            if self._open is None or body[2]["transaction"] != self._open.number:
                raise Broken("a change outside its transaction")
            self._open.changes.append(body)
        elif name == "End":
            self._end(body)
        else:
            raise Broken(f"unexpected {name}")

    def _shape(self, body: dict[str, Any]) -> None:
        schema = json.loads(body["json"])
        relation = (schema["relation_schema"], schema["relation_name"])
        columns = tuple(f["column"] for f in schema["fields"][4]["type"][1]["fields"])
        digest = hashlib.sha256()
        for text in (*relation, *columns):
            digest.update(struct.pack(">I", len(text.encode())) + text.encode())
        if schema["name"] != "C" + digest.hexdigest()[:32]:
            raise Broken("a schema under a wrong name")
        if records.avro_crc(schema) != body["fingerprint"]:
            raise Broken("a schema under a wrong fingerprint")
        self._shapes[body["fingerprint"]] = (relation, columns, fastavro.parse_schema(schema))

    def _end(self, body: dict[str, Any]) -> None:
        done, self._open = self._open, None
        if done is None or done.number != body["transaction"]:
            raise Broken("an end without its begin")
        orders = [change["order"] for _, _, change in done.changes]
        if len(orders) != body["event_count"] or orders != list(range(1, len(orders) + 1)):
            raise Broken("a transaction that is not whole")
        if body["commit_lsn"] <= self.last_end:
            self.seen["repeats"] += 1
            return
        self.last_end = body["commit_lsn"]
        self.seen["transactions"] += 1
        moved: Row | None = None
        for relation, columns, change in done.changes:
            moved = self._apply(relation, columns, change, moved)

    def rows(self, relation: Relation) -> Counter[Row]:
        """Every row of a relation, and how often."""
        if relation in self.keys:
            return Counter(self._keyed.get(relation, {}).values())
        return self._full.get(relation, Counter())

    def _apply(
        self, relation: Relation, columns: tuple[str, ...], change: dict[str, Any], moved: Row | None
    ) -> Row | None:
        """Apply one change; returns the deleted row, from which a following insert takes what did not change."""
        self.seen[change["op"]] += 1
        self.columns[relation] = columns
        before, after = (None if change[x] is None else tuple(change[x].values()) for x in ("before", "after"))
        if change["op"] == "t":
            self._keyed.pop(relation, None)
            self._full.pop(relation, None)
            return None
        if change["op"] != "c":
            moved = self._take(relation, before if before is not None else after)
        if change["op"] == "d":
            return moved
        assert after is not None
        self._put(relation, self._whole(after, moved))
        return None

    def _take(self, relation: Relation, image: Row | None) -> Row:
        assert image is not None
        if relation in self.keys:
            rows = self._keyed.setdefault(relation, {})
            if self._key(relation, image) not in rows:
                raise Broken("a key that is not there")
            return rows.pop(self._key(relation, image))
        counts = self._full.setdefault(relation, Counter())
        if counts[image] < 1:
            raise Broken("a row that is not there")
        counts[image] -= 1
        if not counts[image]:
            del counts[image]
        return image

    def _put(self, relation: Relation, row: Row) -> None:
        if relation not in self.keys:
            self._full.setdefault(relation, Counter())[row] += 1
            return
        rows = self._keyed.setdefault(relation, {})
        if self._key(relation, row) in rows:
            raise Broken("a key twice")
        rows[self._key(relation, row)] = row

    def _key(self, relation: Relation, row: Row) -> Row:
        return tuple(row[self.columns[relation].index(name)] for name in self.keys[relation])

    def _whole(self, after: Row, old: Row | None) -> Row:
        if UNCHANGED not in after:
            return after
        assert old is not None, "an unchanged value without an old row"
        self.seen["unchanged"] += 1
        return tuple(o if a == UNCHANGED else a for a, o in zip(after, old, strict=True))
