"""Load one generation: snapshot records go to the loader, how far they were taken is kept in the same commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from consumers import standby
from consumers.beginnings import GenerationBegan
from consumers.control import Standby
from consumers.lane import Lane
from consumers.load import Bases, GenerationLoader, LoadProgress
from consumers.position import StandbyPosition
from consumers.reader import Batch, Opener, Reader
from consumers.refusals import at_offset
from consumers.sequence import Sequence
from data_embassy import failpoint
from data_embassy.errors import DataEmbassyError
from data_embassy.postgres import Connection
from schemas.records import ORIGIN_SNAPSHOT, RecordKey

_ENVELOPES: Final = 16
"""Taken together: the loader makes one COPY of a table's chunks in a row."""
_WAIT_SECONDS: Final = 0.2


class Loading:
    """Reads one lane from a SnapshotBegin, or from where an earlier process came to, and loads its snapshot."""

    def __init__(
        self, connection: Connection, target: Standby, *, lane: Lane, opener: Opener, bases: Bases | None = None
    ) -> None:
        self.lane_end: int | None = None
        self._connection, self._target, self._lane = connection, target, lane
        self._loader = GenerationLoader(connection, bases)
        cursor = standby.read_cursor(connection)
        connection.commit()
        self._sequence = Sequence() if cursor is None else Sequence(cursor[0], cursor[1] + 1)
        self._reader = Reader(opener=opener, sequence=self._sequence, fetch=lane.fetch)
        lane.seek(target.begin_lane_offset if cursor is None else cursor[2])

    @property
    def progress(self) -> LoadProgress:
        """How far the load is."""
        return self._loader.progress

    def step(self, began: Callable[[GenerationBegan], None]) -> bool:
        """Load what the lane holds next; `began` hears of later attempts. True when something was committed."""
        batches = [self._read(*envelope) for envelope in self._lane.poll(_ENVELOPES, _WAIT_SECONDS)]
        self.lane_end = self._lane.known_end()
        records = [record for batch in batches for record in self._records(batch, began)]
        if not records:
            return False
        self._loader.take(records)
        incarnation, next_offset = self._sequence.incarnation, self._sequence.next_offset
        assert incarnation is not None
        assert next_offset is not None
        standby.write_cursor(self._connection, incarnation, next_offset - 1, batches[-1].lane_offset)
        failpoint.hit("before_load_commit")
        self._connection.commit()
        return True

    def finish(self) -> StandbyPosition:
        """The position from which changes are applied: the SnapshotBegin, with the consistent point as last END."""
        progress, target = self.progress, self._target
        assert progress.consistent_point is not None, "a complete snapshot has its point"
        position = StandbyPosition(
            generation=target.generation,
            attempt=target.attempt,
            incarnation=target.incarnation,
            home_offset=target.begin_home_offset,
            lane_offset=target.begin_lane_offset,
            system_identifier=progress.begin["system_identifier"],
            timeline=progress.begin["timeline"],
            last_end=int(progress.consistent_point),
            beat=standby.read_pulse(self._connection),
        )
        standby.insert_position(self._connection, position)
        self._connection.commit()
        return position

    def _read(self, lane_offset: int, envelope: bytes) -> Batch:
        try:
            return self._reader.read(lane_offset, envelope)
        except DataEmbassyError as error:
            raise at_offset(error, lane_offset) from None

    def _records(self, batch: Batch, began: Callable[[GenerationBegan], None]) -> list[tuple[RecordKey, bytes]]:
        records: list[tuple[RecordKey, bytes]] = []
        at = 0
        for run in batch.runs:
            values = batch.values[at : at + run.length]
            if run.origin == ORIGIN_SNAPSHOT and run.run == self._target.run:
                numbers = range(run.first_n, run.first_n + run.length)
                records += [
                    (RecordKey(run.origin, run.run, n), value) for n, value in zip(numbers, values, strict=True)
                ]
            elif run.origin == ORIGIN_SNAPSHOT and run.run > self._target.run and run.first_n == 1:
                began(
                    GenerationBegan(
                        run=run.run,
                        incarnation=batch.incarnation,
                        home_offset=batch.first_offset + at,
                        lane_offset=batch.lane_offset,
                        value=values[0],
                    )
                )
            at += run.length
        return records
