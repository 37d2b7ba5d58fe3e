"""A register that exists only as records: its home log, and the sealed lane made of it, for tests of the receiver."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import fastavro
from fastavro.schema import parse_schema

from data_embassy.envelope import HomeSealer
from schemas.records import MAGIC, ORIGIN_CAPTURE, ORIGIN_SNAPSHOT, ChangeSchema, RecordKey, encode, snapshot_run

SYSTEM = "7000000000000000001"
PERSON = ChangeSchema.build("public", "person", ("id", "name"))
PULSE = ChangeSchema.build("data_embassy", "pulse", ("only_row", "beat", "at", "sequences", "catalog", "watched"))
DDL = ChangeSchema.build("data_embassy", "ddl", ("id", "transaction", "at", "event", "tag", "statement"))
CHECKPOINT = ChangeSchema.build(
    "data_embassy", "checkpoint", ("id", "attempt", "part", "consistent_point", "question", "answer_key", "at")
)
REPAIR = ChangeSchema.build(
    "data_embassy",
    "repair",
    (
        "id",
        "checkpoint",
        "relation_schema",
        "relation_name",
        "key",
        "range_from",
        "range_to",
        "part",
        "columns",
        "rows",
    ),
)
"""Both are announced only by tests of verification."""
PRE_DATA = b"""
CREATE SCHEMA data_embassy;
CREATE TABLE data_embassy.pulse (only_row boolean PRIMARY KEY, beat bigint NOT NULL, at timestamptz NOT NULL,
    sequences text NOT NULL, catalog text NOT NULL, watched text NOT NULL);
CREATE TABLE data_embassy.ddl (id bigint, transaction text, at timestamptz, event text, tag text, statement text);
CREATE TABLE public.person (id bigint NOT NULL, name text);
"""
POST_DATA = b"ALTER TABLE public.person ADD PRIMARY KEY (id); ALTER TABLE data_embassy.ddl ADD PRIMARY KEY (id);"
_PARSED: dict[bytes, Any] = {}
Record = tuple[bytes, bytes]


def parse(schema: ChangeSchema) -> None:
    """Changes of this schema can be made from now on."""
    _PARSED[schema.fingerprint] = parse_schema(json.loads(schema.json))


for _schema in (PERSON, PULSE, DDL, CHECKPOINT, REPAIR):
    parse(_schema)


def run_of(sequence: int, timeline: int = 1) -> int:
    """Number of a capture session."""
    return timeline << 32 | sequence


def change(
    schema: ChangeSchema,
    op: str,
    *,
    order: int,
    transaction: int,
    lsn: int,
    before: Sequence[str | None] | None = None,
    after: Sequence[str | None] | None = None,
) -> bytes:
    """A change record's value."""

    def row(values: Sequence[str | None] | None) -> dict[str, Any] | None:
        return None if values is None else {f"c{i}": value for i, value in enumerate(values)}

    out = io.BytesIO()
    record = {
        "op": op, "order": order, "transaction": transaction, "lsn": lsn, "before": row(before), "after": row(after),
    }  # fmt: skip
    fastavro.schemaless_writer(out, _PARSED[schema.fingerprint], record)
    return MAGIC + schema.fingerprint + out.getvalue()


@dataclass
class Change:
    """One change of a source transaction."""

    schema: ChangeSchema
    op: str
    before: tuple[str | None, ...] | None = None
    after: tuple[str | None, ...] | None = None


def insert(number: int, name: str | None) -> Change:
    return Change(PERSON, "c", after=(str(number), name))


def update(number: int, name: str | None) -> Change:
    return Change(PERSON, "u", after=(str(number), name))


def delete(number: int) -> Change:
    return Change(PERSON, "d", before=(str(number), None))


@dataclass
class SyntheticRegister:
    """Appends records to a home log as the capture task and the snapshot do."""

    log: list[Record] = field(default_factory=list)
    rows: dict[int, str | None] = field(default_factory=dict)
    lsn: int = 1 << 24
    timeline: int = 1
    beat: int = 0
    transaction: int = 700
    _run: int = 0
    _n: int = 0

    def append(self, origin: int, run: int, n: int, value: bytes) -> None:
        self.log.append((RecordKey(origin, run, n).pack(), value))

    def _capture(self, value: bytes) -> None:
        self._n += 1
        self.append(ORIGIN_CAPTURE, self._run, self._n, value)

    def session(self, *, confirmed: int | None = None, insert_lsn: int | None = None, **fields: Any) -> None:
        """A capture task begins; its schemas are announced."""
        self._run, self._n = run_of((self._run & 0xFFFFFFFF) + 1, self.timeline), 0
        marker = {
            "session": self._run,
            "slot": "data_embassy",
            "confirmed_flush_lsn": self.lsn if confirmed is None else confirmed,
            "insert_lsn": self.lsn if insert_lsn is None else insert_lsn,
            "system_identifier": SYSTEM,
            "timeline": self.timeline,
            "timeline_forks": [],
            "started_at": 0,
            "server_version": 180006,
            "debezium_version": "3.7.0",
            "plugin_version": "1",
        }
        self._capture(encode("Session", marker | fields))
        for schema in (PERSON, PULSE, DDL):
            self._capture(encode("Schema", {"fingerprint": schema.fingerprint, "json": schema.json}))

    def commit(self, *changes: Change, lsn: int | None = None) -> int:
        """A transaction; returns its commit LSN."""
        self.transaction += 1
        self._capture(encode("Begin", {"transaction": self.transaction}))
        self.changes(changes)
        return self.end(len(changes), lsn=lsn)

    def begin(self) -> None:
        self.transaction += 1
        self._capture(encode("Begin", {"transaction": self.transaction}))

    def changes(self, changes: Iterable[Change], *, first_order: int = 1) -> None:
        for order, one in enumerate(changes, first_order):
            self.lsn += 8
            self._capture(
                change(
                    one.schema, one.op, order=order, transaction=self.transaction, lsn=self.lsn,
                    before=one.before, after=one.after,
                )
            )  # fmt: skip
            if one.schema is PERSON:
                self._note(one)

    def end(self, count: int, *, lsn: int | None = None) -> int:
        self.lsn = self.lsn + 8 if lsn is None else lsn
        self._capture(
            encode(
                "End",
                {
                    "transaction": self.transaction, "commit_lsn": self.lsn, "event_count": count,
                    "committed_at": 1_700_000_000_000_000 + self.lsn,
                },
            )
        )  # fmt: skip
        return self.lsn

    def _note(self, one: Change) -> None:
        if one.op == "d":
            assert one.before is not None
            assert one.before[0] is not None
            self.rows.pop(int(one.before[0]), None)
        else:
            assert one.after is not None
            assert one.after[0] is not None
            self.rows[int(one.after[0])] = one.after[1]

    def pulse(self, *, step: int = 1, at: dt.datetime | None = None) -> int:
        """One beat."""
        self.beat += step
        time = (at or dt.datetime.now(dt.UTC)).strftime("%Y-%m-%d %H:%M:%S.%f+00")
        return self.commit(Change(PULSE, "u", after=("t", str(self.beat), time, "[]", "", "{}")))

    def ddl(self) -> int:
        """A row that says that the schema changed."""
        return self.commit(
            Change(DDL, "c", after=("1", "701", "2024-01-01 00:00:00+00", "ddl_command_end", "ALTER TABLE", None))
        )

    def snapshot_begin(self, generation: int = 1, attempt: int = 1) -> None:
        begin = {
            "started_at": 0, "system_identifier": SYSTEM, "timeline": self.timeline, "server_version": 180006,
            "database": "register", "encoding": "UTF8", "locale_provider": "c", "collate": "C", "ctype": "C",
            "locale": None,
        }  # fmt: skip
        self._snapshot_run, self._snapshot_n = snapshot_run(generation, attempt), 0
        self._snap("SnapshotBegin", begin)

    def snapshot_point(self) -> int:
        self._point_rows = dict(self.rows)
        self._point_beat = self.beat
        point = self.lsn
        self._snap("SnapshotPoint", {"consistent_point": point, "slot": "data_embassy", "is_temporary": False})
        return point

    def snapshot_rest(self, *, is_complete: bool = True, before: bytes = b"") -> None:
        """The rows as of the point; `before` stands before all other SQL."""
        people = "".join(f"{i}\t{chr(92) + 'N' if v is None else v}\n" for i, v in self._point_rows.items()).encode()
        clock = f"t\t{self._point_beat}\t2024-01-01 00:00:00+00\t[]\t\t{{}}\n".encode()
        self._snap("SnapshotSection", {"section": "pre-data", "part": 1, "parts": 1, "sql": before + PRE_DATA})
        tables = [
            (1, "data_embassy", "pulse", list(PULSE.columns), clock),
            (2, "public", "person", list(PERSON.columns), people),
        ]
        for number, schema, name, columns, data in tables:
            self._snap(
                "SnapshotTable",
                {
                    "table": number, "relation_schema": schema, "relation_name": name, "columns": columns,
                    "estimated_rows": 1, "estimated_bytes": 1,
                },
            )  # fmt: skip
            rows = data.count(b"\n")
            if rows:
                self._snap("SnapshotChunk", {"table": number, "chunk": 1, "rows": rows, "data": data})
            self._snap("SnapshotTableEnd", {"table": number, "chunks": int(bool(rows)), "rows": rows, "digest": ""})
        if not is_complete:
            return
        self._snap("SnapshotSection", {"section": "post-data", "part": 1, "parts": 1, "sql": POST_DATA})
        total, size = len(self._point_rows) + 1, len(people) + len(clock)
        self._snap("SnapshotEnd", {"tables": 2, "rows": total, "bytes": size, "finished_at": 0, "sequences": "[]"})

    def snapshot(self, generation: int = 1, attempt: int = 1, *, before: bytes = b"") -> int:
        self.snapshot_begin(generation, attempt)
        point = self.snapshot_point()
        self.snapshot_rest(before=before)
        return point

    def _snap(self, name: str, fields: dict[str, Any]) -> None:
        self._snapshot_n += 1
        self.append(ORIGIN_SNAPSHOT, self._snapshot_run, self._snapshot_n, encode(name, fields))


def seal_epoch(sealer: HomeSealer, next_offset: int, lane_offset: int, *, generation: int | None = None) -> bytes:
    """An epoch envelope that will stand at `lane_offset`."""
    restated = [
        encode("Schema", {"fingerprint": schema.fingerprint, "json": schema.json}) for schema in (PERSON, PULSE, DDL)
    ]
    envelope = sealer.begin_epoch(next_offset=next_offset, schemas=restated, generation=generation)
    sealer.epoch_acknowledged(lane_offset)
    return envelope


def is_begin(record: Record) -> bool:
    key = RecordKey.unpack(record[0])
    return key.origin == ORIGIN_SNAPSHOT and key.n == 1


def seal(
    sealer: HomeSealer, log: Sequence[Record], *, first: int, last: int, lane_end: int, size: int = 50,
) -> list[bytes]:  # fmt: skip
    """Envelopes for the home offsets [first, last), the first at `lane_end`; an epoch first and at each snapshot."""
    envelopes: list[bytes] = []

    def epoch(offset: int, generation: int | None) -> None:
        envelopes.append(seal_epoch(sealer, offset, lane_end + len(envelopes), generation=generation))

    at = first
    while at < last:
        generation = RecordKey.unpack(log[at][0]).run >> 32 if is_begin(log[at]) else None
        if not envelopes or generation is not None:
            epoch(at, generation)
        end = min(at + size, last)
        end = next((i for i in range(at + 1, end) if is_begin(log[i])), end)
        envelopes.append(sealer.seal([(i, *log[i]) for i in range(at, end)]))
        at = end
    return envelopes
