"""The embassy in memory: opening, sequence, assembly, decoding, net effect; rows and position committed together."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from consumers.apply import Decoded, Decoder
from consumers.apply.fold import STANDBY, Patched, fold
from consumers.assemble import Assembler
from consumers.beginnings import GenerationBegan
from consumers.checks import Pulse, follow
from consumers.group import Group
from consumers.locate import locate
from consumers.position import StandbyPosition
from consumers.reader import Reader
from consumers.sequence import Sequence as HomeSequence
from consumers.transactions import Limits, RereadNeeded
from data_embassy.envelope import LaneOpener
from data_embassy.envelope.header import Header
from data_embassy.envelope.layout import Parts
from data_embassy.errors import DataEmbassyError
from schemas.records import ORIGIN_SNAPSHOT, ChangeSchema, decode, split_snapshot_run
from tests.support.sealing import LANE, Sites
from tests.support.simulation.forwarder import LaneLog
from tests.support.simulation.register import UNCHANGED, Rows

LIMITS = (
    Limits(),
    Limits(changes=5, bytes=1 << 20, piece_changes=4, piece_bytes=1 << 20),
    Limits(changes=1, bytes=1, piece_changes=2, piece_bytes=1 << 20),
)


@dataclass
class Seen:
    """What openers of one history verified and unwrapped."""

    verified: dict[bytes, Parts] = field(default_factory=dict)
    unwrapped: dict[bytes, bytes] = field(default_factory=dict)


class Opener(LaneOpener):
    """Opens as a receiver that just started, but does asymmetric cryptography once for each envelope of a history."""

    def __init__(self, sites: Sites, seen: Seen) -> None:
        super().__init__(lane=LANE, keys=sites.embassy)
        self._seen = seen

    def _verified_parts(self, envelope: bytes) -> Parts:
        parts = self._seen.verified.get(envelope)
        if parts is None:
            parts = self._seen.verified[envelope] = super()._verified_parts(envelope)
        return parts

    def _unwrap(self, header: Header) -> bytes:
        data_key = self._seen.unwrapped.get(header.epoch)
        if data_key is None:
            data_key = self._seen.unwrapped[header.epoch] = super()._unwrap(header)
        return data_key


class Crash(Exception):
    """The process died here."""


@dataclass
class Standby:
    """What one database holds."""

    position: StandbyPosition
    rows: Rows
    schemas: dict[bytes, ChangeSchema] = field(default_factory=dict)
    commits: int = 0


class _Lane:
    """The lane as `locate` reads it."""

    def __init__(self, lane: LaneLog) -> None:
        self._lane = lane

    def bounds(self) -> tuple[int, int]:
        return 0, len(self._lane.envelopes)

    def fetch(self, offset: int) -> bytes:
        return self._lane.envelopes[offset]


class Embassy:
    """Its live standby, a generation that takes over, and the stops."""

    def __init__(
        self, lane: LaneLog, sites: Sites, random: Random, committed: Callable[[StandbyPosition, Rows], None]
    ) -> None:
        self._lane, self._sites, self._random, self._committed = lane, sites, random, committed
        self._limits = random.choice(LIMITS)
        self._began: dict[int, GenerationBegan] = {}
        self._certain: set[int] = set()
        self._seen = Seen()
        self.live: Standby | None = None
        self.stop: DataEmbassyError | None = None

    def step(self, *, crashes: bool) -> None:
        """One life of the receiver: what is on the lane is applied, unless it dies before."""
        self._look_for_generations()
        if self.live is not None:
            self.stop = self._advance(self.live, crashes=crashes)
        newest = self._began.get(max(self._began, default=-1))
        if newest is None:
            return
        generation = split_snapshot_run(newest.run)[0]
        if self.live is not None and generation <= self.live.position.generation:
            return
        candidate = self._load(newest)
        if candidate is None:
            return
        stop = self._advance(candidate, crashes=False)
        if self.live is None or candidate.position.last_end >= self.live.position.last_end:
            self.live, self.stop = candidate, stop

    # -- applying ----------------------------------------------------------------------------------------------------

    def _advance(self, standby: Standby, *, crashes: bool) -> DataEmbassyError | None:
        while True:
            try:
                self._live(standby, crashes=crashes)
            except RereadNeeded as again:
                self._certain.add(again.begin_offset)
                continue
            except Crash:
                return None
            except DataEmbassyError as error:
                return error
            return None

    def _live(self, standby: Standby, *, crashes: bool) -> None:
        position = standby.position
        opener = self._opener()
        reader = Reader(
            opener=opener,
            sequence=HomeSequence(position.incarnation, position.next_offset),
            fetch=self._fetch,
            begins_with=position.begins_with,
        )
        assembler = Assembler(position, schemas=standby.schemas, limits=self._limits, certain=self._certain)
        writer = _Writer(standby, self._random if crashes else None, self._committed)
        envelopes = self._lane.envelopes
        start = locate(_Lane(self._lane), self._opener(), position)
        for lane_offset in range(start, len(envelopes)):
            try:
                batch = reader.read(lane_offset, envelopes[lane_offset])
                assembler.take_batch(batch)
            except (DataEmbassyError, RereadNeeded):
                writer.take_all(assembler)  # What was whole before it counts.
                raise
            if assembler.is_full or self._random.random() < 0.4:
                writer.take_all(assembler)
        writer.take_all(assembler)

    def _opener(self) -> Opener:
        return Opener(self._sites, self._seen)

    def _fetch(self, lane_offset: int) -> bytes:
        envelopes = self._lane.envelopes
        return envelopes[lane_offset] if lane_offset < len(envelopes) else b""  # As a broker: nothing is there.

    # -- generations -------------------------------------------------------------------------------------------------

    def _look_for_generations(self) -> None:
        """Every SnapshotBegin on the lane; an embassy looks on behind a stop as well."""
        opener = self._opener()
        reader = Reader(opener=opener, sequence=HomeSequence(), fetch=self._fetch)
        self._began.clear()
        for lane_offset, envelope in enumerate(self._lane.envelopes):
            reader.sequence = HomeSequence()
            try:
                batch = reader.read(lane_offset, envelope)
            except DataEmbassyError:
                continue
            at = batch.first_offset
            for run in batch.runs:
                if run.origin == ORIGIN_SNAPSHOT and run.first_n == 1 and run.run not in self._began:
                    self._began[run.run] = GenerationBegan(
                        run=run.run, incarnation=batch.incarnation, home_offset=at, lane_offset=lane_offset, value=b""
                    )
                at += run.length

    def _load(self, began: GenerationBegan) -> Standby | None:
        """The attempt's content, once its end stands on the lane."""
        reader = Reader(
            opener=self._opener(),
            sequence=HomeSequence(),
            fetch=self._fetch,
        )
        content: dict[int, dict[str, Any]] = {}
        for lane_offset in range(began.lane_offset, len(self._lane.envelopes)):
            try:
                batch = reader.read(lane_offset, self._lane.envelopes[lane_offset])
            except DataEmbassyError:
                return None
            at = 0
            for run in batch.runs:
                values = batch.values[at : at + run.length]
                at += run.length
                if (run.origin, run.run) == (ORIGIN_SNAPSHOT, began.run):
                    content |= {run.first_n + i: decode(value)[1] for i, value in enumerate(values)}
            if 4 in content:
                break
        if 4 not in content:
            return None
        generation, attempt = split_snapshot_run(began.run)
        beat, rows = json.loads(content[3]["data"])
        position = StandbyPosition(
            generation=generation, attempt=attempt, incarnation=began.incarnation, home_offset=began.home_offset,
            lane_offset=began.lane_offset, system_identifier=content[1]["system_identifier"], timeline=1,
            last_end=content[2]["consistent_point"], beat=beat,
        )  # fmt: skip
        standby = Standby(position, rows)
        self._committed(position, rows)
        return standby


class _Writer:
    """Groups into the standby: rows and position in one commit."""

    def __init__(
        self, standby: Standby, crashes: Random | None, committed: Callable[[StandbyPosition, Rows], None]
    ) -> None:
        self._standby, self._crashes, self._committed = standby, crashes, committed
        self._decoder_schemas = standby.schemas
        self._decoder = Decoder(self._decoder_schemas)
        self._rows = dict(standby.rows)
        self._position = standby.position

    def take_all(self, assembler: Assembler) -> None:
        while (group := assembler.take()) is not None:
            self._write(group)

    def _write(self, group: Group) -> None:
        if group.discards_open:
            self._rows, self._position = dict(self._standby.rows), self._standby.position
        for schema in group.schemas:
            self._decoder_schemas[schema.fingerprint] = schema
        decoded = self._decoder.decode(group.values, group.frames, first_order=group.first_order)
        self._rows = apply(self._rows, decoded)
        pulse = follow(Pulse(self._position.beat, self._position.pulse_at), decoded.pulses)
        self._position = replace(self._position, beat=pulse.beat, pulse_at=pulse.at)
        if not group.is_complete or not group.frames:
            return
        self._die(0.05)
        self._position = group.position(self._position)
        self._standby.rows, self._standby.position = dict(self._rows), self._position
        self._standby.commits += 1
        self._committed(self._position, self._rows)
        self._die(0.05)

    def _die(self, probability: float) -> None:
        if self._crashes is not None and self._crashes.random() < probability:
            raise Crash


def apply(rows: Rows, decoded: Decoded) -> Rows:
    """The group's net effect on people; it must be what the changes leave one after the other."""
    events = _events(decoded)
    folded, stepped = _fold(rows, events), _one_by_one(rows, events)
    assert folded == stepped, "the net effect is not the effect"
    return folded


_Event = tuple[str, Mapping[str, str | None] | None, Mapping[str, str | None] | None]


def _events(decoded: Decoded) -> list[_Event]:
    found: list[tuple[int, _Event]] = []
    for shape in decoded.shapes:
        if shape.schema.relation_name != "person":
            continue
        records = shape.as_records(0, len(shape.places))
        found += [
            (place, (op, record["before"], record["after"]))
            for place, op, record in zip(shape.places, shape.ops, records, strict=True)
        ]
    return [event for _, event in sorted(found, key=lambda one: one[0])]


def _one_by_one(rows: Rows, events: Sequence[_Event]) -> Rows:
    rows, gone = dict(rows), None
    for op, before, after in events:
        if op == "d":
            assert before is not None
            gone = rows.pop(str(before["c0"]))
            continue
        assert after is not None
        key, value = str(after["c0"]), after["c1"]
        assert (key in rows) == (op == "u"), "the changes of a row do not follow each other"
        rows[key] = value if value != UNCHANGED else rows[key] if op == "u" else gone
    return rows


def _fold(rows: Rows, events: Sequence[_Event]) -> Rows:
    numbers: dict[str, int] = {}

    def number(row: Mapping[str, str | None] | None) -> int | None:
        return None if row is None else numbers.setdefault(str(row["c0"]), len(numbers))

    ops = [op for op, _, _ in events]
    new = [number(after) for _, _, after in events]
    old = [number(before if op == "d" else after if op == "u" else None) for op, before, after in events]
    unchanged = {i: (1,) for i, (_, _, after) in enumerate(events) if after and after["c1"] == UNCHANGED}
    key_changes = {i for i in unchanged if ops[i] == "c" and i and ops[i - 1] == "d"}
    net = fold(ops, old, new, unchanged, key_changes)
    keys = {place: key for key, place in numbers.items()}
    before_group = dict(rows)

    def value(patched: Patched) -> str | None:
        event = patched.cells[1]
        if event == STANDBY:
            assert patched.origin is not None
            return before_group[keys[patched.origin]]
        image = events[event][2]
        assert image is not None
        return image["c1"]

    rows = dict(rows)
    for key in net.deleted:
        del rows[keys[key]]
    for event in net.updated:
        image = events[event][2]
        assert image is not None
        assert str(image["c0"]) in rows
        rows[str(image["c0"])] = image["c1"]
    for patched in net.patched_updates:
        assert keys[patched.key] in rows
        rows[keys[patched.key]] = value(patched)
    for event in net.inserted:
        image = events[event][2]
        assert image is not None
        assert str(image["c0"]) not in rows
        rows[str(image["c0"])] = image["c1"]
    for patched in net.patched_inserts:
        assert keys[patched.key] not in rows
        rows[keys[patched.key]] = value(patched)
    return rows
