"""Reading ahead while the applier holds: every rule of the lane, nothing kept, only checkpoint rows looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from consumers.apply import Decoder
from consumers.apply.decode import OWN_SCHEMA
from consumers.assemble import Assembler
from consumers.group import Group
from consumers.lane import Lane
from consumers.reader import Reader
from consumers.transactions import RereadNeeded
from consumers.verify.hold import Hold, Point, Question, Release
from data_embassy.errors import DataEmbassyError, TransportError
from schemas.records import MAGIC, PREFIX_SIZE, ChangeSchema

ENVELOPES_PER_STEP: Final = 32


class Scan:
    """Looks for the end of a hold from the position on; memory stays within the assembler's own bounds."""

    def __init__(
        self, hold: Hold, *, lane: Lane, reader: Reader, assembler: Assembler, schemas: dict[bytes, ChangeSchema]
    ) -> None:
        self._hold, self._lane, self._reader, self._assembler = hold, lane, reader, assembler
        self._schemas = schemas
        self._decoder = Decoder(schemas)
        self._prefixes = {MAGIC + schema.fingerprint for schema in schemas.values() if _is_checkpoint(schema)}

    def step(self, now: float, seconds: float) -> Point | Release | None:
        """Read on for at most so long; raises TransportError."""
        try:
            for lane_offset, envelope in self._lane.poll(ENVELOPES_PER_STEP, seconds):
                for question in self._take(lane_offset, envelope):
                    found = self._hold.see(question)
                    if found is not None:
                        return found
        except TransportError:
            raise
        except (DataEmbassyError, RereadNeeded):
            return Release.DISTURBED  # The applier meets it again at its place, and says what it is.
        return self._hold.expired(now)

    def _take(self, lane_offset: int, envelope: bytes) -> Iterator[Question]:
        batch = self._reader.read(lane_offset, envelope)
        self._assembler.take_batch(batch)
        while (group := self._assembler.take()) is not None:
            yield from self._look(group)

    def _look(self, group: Group) -> Iterator[Question]:
        for schema in group.schemas:
            self._schemas[schema.fingerprint] = schema
            if _is_checkpoint(schema):
                self._prefixes.add(MAGIC + schema.fingerprint)
        for place, frame in enumerate(group.frames):
            values = group.values[frame.first : frame.last]
            # A piece of a transaction that goes on may belong to one that never was.
            if frame.commit_lsn is None or not any(value[:PREFIX_SIZE] in self._prefixes for value in values):
                continue
            alone = replace(frame, first=0, last=len(values))
            first_order = group.first_order if place == 0 else 1
            decoded = self._decoder.decode(values, [alone], first_order=first_order)
            for found in decoded.checkpoints:
                question = Question.parse(found.row)
                if question is not None:
                    yield question


def _is_checkpoint(schema: ChangeSchema) -> bool:
    return (schema.relation_schema, schema.relation_name) == (OWN_SCHEMA, "checkpoint")
