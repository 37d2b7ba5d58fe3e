"""One standby's worker thread: its lock, its load, then group after group with its position, in one commit each.

It goes on from the position row alone. What passes by itself (a broker or a server away) is waited for; a stop is kept
in `stopped` for the register's supervisor, which stores it; the position stays.
"""

from __future__ import annotations

import datetime as dt
import queue
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

import psycopg

from consumers import failpoint, standby
from consumers.apply import Applier, prepare_session
from consumers.assemble import Assembler, GenerationBegan, RereadNeeded
from consumers.checks import Pulse
from consumers.control import Control, Standby
from consumers.fetch import Began, Fetcher, Goal, Halt, Observer, Ready
from consumers.lane import KafkaLane
from consumers.load import GenerationLoader, LoadProgress, open_generation
from consumers.position import StandbyPosition
from consumers.reader import Batch, Reader
from consumers.receipts import INTERVAL_SECONDS, ReceiptWriter
from consumers.refusals import REBUILD, RESTART, StandbyMissing, StandbyRefused, remedy_for
from consumers.sequence import Sequence
from data_embassy import log, metrics
from data_embassy.config import Postgres, Register
from data_embassy.envelope import LaneOpener
from data_embassy.errors import DataEmbassyError, EnvelopeError, TransportError
from data_embassy.postgres import Connection
from schemas.records import ORIGIN_SNAPSHOT, ChangeSchema, RecordKey, decode

BACKOFF_SECONDS_MAX: Final = 5.0
_LOAD_ENVELOPES: Final = 16
_log = log.get("receive")


class Phase(Enum):
    """What a worker is doing."""

    STARTING = "starting"
    WAITING = "waiting for the other writer"
    LOADING = "loading"
    APPLYING = "applying"
    STOPPED = "stopped"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What a worker needs of the world."""

    postgres: Postgres
    open_lane: Callable[[], KafkaLane]
    new_opener: Callable[[], LaneOpener]
    receipts: ReceiptWriter | None
    now: Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Why a worker ended before its time."""

    error: DataEmbassyError
    position: str
    lane_offset: int | None


class StandbyWorker(threading.Thread):
    """Loads and applies one lane into one database."""

    def __init__(
        self,
        *,
        register: Register,
        target: Standby,
        services: Services,
        goal: Goal | None = None,
        latest_run: int = 0,
    ) -> None:
        super().__init__(name=f"{register.name}-{target.database}", daemon=True)
        self.target = target
        self.phase = Phase.STARTING
        self.position: StandbyPosition | None = None
        self.progress: LoadProgress | None = None
        self.stopped: Stopped | None = None
        self.trouble: DataEmbassyError | None = None
        """What is waited for at present."""
        self.crash: BaseException | None = None
        self.has_reached_goal = False
        self.has_advanced = False
        """True after the first commit: whatever stopped it earlier is over."""
        self.is_cleared = False
        """True once the supervisor forgot the earlier stop."""
        self.pulse_applied_at: float | None = None
        self.began: queue.SimpleQueue[GenerationBegan] = queue.SimpleQueue()
        self.lane_end: int | None = None
        self._register = register
        self._services = services
        self._goal = goal
        self._latest_run = latest_run
        self._certain: set[int] = set()
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End soon, in good order: what was not committed is rolled back."""
        self._stopping.set()

    def run(self) -> None:
        """Thread body."""
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001 (the supervisor ends the process with it)
            self.crash = error
        finally:
            if self.phase is not Phase.STOPPED:
                self.phase = Phase.ENDED

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                self._once()
            except RereadNeeded as again:
                self._certain.add(again.begin_offset)
                continue
            except TransportError as error:
                self.trouble = error
            except psycopg.Error as error:
                if not standby.is_transient(error):
                    self._stop_register(_refused(error), None)
                    return
                self.trouble = _unreachable(error)
            except DataEmbassyError as error:
                self._stop_register(error, getattr(error, "lane_offset", None))
                return
            else:
                return
            failures = 0 if time.monotonic() - started > 2 * BACKOFF_SECONDS_MAX else failures + 1
            _log.warning(
                "waiting", register=self._register.name, cause=self.trouble.cause_class, message=self.trouble.message
            )
            self._stopping.wait(min(BACKOFF_SECONDS_MAX, 0.1 * 2 ** min(failures, 6)))

    def _stop_register(self, error: DataEmbassyError, lane_offset: int | None) -> None:
        error.remedy = remedy_for(error.remedy, self._register.name)
        if isinstance(error, EnvelopeError):
            metrics.REFUSED.labels(self._register.name, str(getattr(error, "reason", "other"))).inc()
        position = "before its first transaction" if self.position is None else str(self.position)
        self.stopped = Stopped(error=error, position=position, lane_offset=lane_offset)
        self.phase = Phase.STOPPED

    # -- one connection ------------------------------------------------------------------------------------------

    def _once(self) -> None:
        self._open_database()
        with (
            closing(self._services.open_lane()) as lane,
            closing(standby.open_session(self._services.postgres, self.target.database, role="receive")) as connection,
        ):
            self.phase = Phase.WAITING
            if not standby.take_lock(connection, wait=self._stopping.wait):
                return
            if not standby.has_position_table(connection):
                standby.prepare(connection)
            connection.commit()
            position = standby.read_position(connection)
            connection.commit()
            if position is None:
                position = self._load(connection, lane)
            if position is not None:
                self.position = position
                self._follow(connection, lane, position)

    def _open_database(self) -> None:
        with closing(Control.open(self._services.postgres, role="receive")) as control:
            database = self.target.database
            if self.target.state != "loading":
                if not control.exists(database):
                    raise StandbyMissing(f"the standby's database {database} is gone", remedy=REBUILD)
                return
            open_generation(
                control.connection,
                lambda name: standby.open_session(self._services.postgres, name, role="load"),
                database=database,
                key=RecordKey(ORIGIN_SNAPSHOT, self.target.run, 1),
                begin=decode(self.target.begin_record)[1],
            )
            control.protect(database)

    # -- loading ----------------------------------------------------------------------------------------------------

    def _load(self, connection: Connection, lane: KafkaLane) -> StandbyPosition | None:
        self.phase = Phase.LOADING
        loader = GenerationLoader(connection)
        self.progress = loader.progress
        cursor = standby.read_cursor(connection)
        connection.commit()
        sequence = Sequence() if cursor is None else Sequence(cursor[0], cursor[1] + 1)
        reader = Reader(opener=self._services.new_opener(), sequence=sequence, fetch=lane.fetch)
        lane.seek(self.target.begin_lane_offset if cursor is None else cursor[2])
        while not self.progress.is_complete:
            envelopes = lane.poll(_LOAD_ENVELOPES, 0.2)
            self.trouble = None
            self.lane_end = lane.known_end()
            if self._stopping.is_set():
                return None
            batches = [_read(reader, *envelope) for envelope in envelopes]
            records = [record for batch in batches for record in self._snapshot_records(batch)]
            if not records:
                continue
            rows_before = self.progress.rows
            self.progress = loader.take(records)
            last = batches[-1]
            assert sequence.incarnation is not None
            assert sequence.next_offset is not None
            standby.write_cursor(connection, sequence.incarnation, sequence.next_offset - 1, last.lane_offset)
            failpoint.hit("before_load_commit")
            connection.commit()
            self.has_advanced = True
            metrics.LOAD_ROWS.labels(self._register.name).inc(self.progress.rows - rows_before)
        return self._first_position(connection)

    def _snapshot_records(self, batch: Batch) -> list[tuple[RecordKey, bytes]]:
        records: list[tuple[RecordKey, bytes]] = []
        at = 0
        for run in batch.runs:
            if run.origin == ORIGIN_SNAPSHOT:
                values = batch.values[at : at + run.length]
                if run.run == self.target.run:
                    records += [
                        (RecordKey(run.origin, run.run, run.first_n + place), value)
                        for place, value in enumerate(values)
                    ]
                elif run.run > self.target.run and run.first_n == 1:
                    self.began.put(
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

    def _first_position(self, connection: Connection) -> StandbyPosition:
        assert self.progress is not None
        point = self.progress.consistent_point
        assert point is not None, "a complete snapshot has its point"
        position = StandbyPosition(
            generation=self.target.generation,
            attempt=self.target.attempt,
            incarnation=self.target.incarnation,
            home_offset=self.target.begin_home_offset,
            lane_offset=self.target.begin_lane_offset,
            system_identifier=self.progress.begin["system_identifier"],
            timeline=self.progress.begin["timeline"],
            last_end=int(point),
            beat=standby.read_pulse(connection),
        )
        standby.insert_position(connection, position)
        connection.commit()
        return position

    # -- applying ---------------------------------------------------------------------------------------------------

    def _follow(self, connection: Connection, lane: KafkaLane, position: StandbyPosition) -> None:
        prepare_session(connection)
        schemas = standby.read_schemas(connection)
        connection.commit()
        fetcher = Fetcher(
            name=f"{self.name}-fetch",
            lane=lane,
            reader=Reader(
                opener=self._services.new_opener(),
                sequence=Sequence(position.incarnation, position.home_offset + 1),
                fetch=lane.fetch,
                before_open=lambda: failpoint.hit("before_open"),
                after_open=lambda: failpoint.hit("after_open"),
            ),
            assembler=Assembler(position, schemas=schemas, certain=self._certain, latest_snapshot_run=self._latest_run),
            schemas=schemas,
            start_offset=position.lane_offset,
            pulse=Pulse(position.beat, position.pulse_at),
            goal=self._goal,
            observer=self._observer(),
        )
        fetcher.start()
        try:
            self.phase = Phase.APPLYING
            self._apply_all(connection, fetcher, position)
        finally:
            fetcher.stop()
            fetcher.join()

    def _observer(self) -> Observer:
        name = self._register.name
        return Observer(
            repeated=metrics.REPEATED.labels(name).inc,
            discarded=metrics.DISCARDED.labels(name).inc,
        )

    def _apply_all(self, connection: Connection, fetcher: Fetcher, position: StandbyPosition) -> None:
        writer = _Writer(connection, position, self._register.name)
        while not self._stopping.is_set():
            try:
                item = fetcher.items.get(timeout=INTERVAL_SECONDS)
            except queue.Empty:
                item = None
            self.lane_end = fetcher.lane_end
            match item:
                case Ready():
                    if writer.write(item):
                        self._committed(writer.position)
                case Began():
                    self.began.put(item.generation)
                case Halt():
                    self._halted(connection, item)
                    return
            self.trouble = None
            self._step_receipts(connection, writer)

    def _committed(self, position: StandbyPosition) -> None:
        if self.position is None or position.beat != self.position.beat:
            self.pulse_applied_at = self._services.now().timestamp()
        self.position = position
        self.has_advanced = True
        if self._services.receipts is not None:
            self._services.receipts.applied(position, self._services.now())

    def _halted(self, connection: Connection, item: Halt) -> None:
        connection.rollback()
        if item.error is None:
            self.has_reached_goal = True
            return
        if isinstance(item.error, DataEmbassyError):
            raise _at(item.error, item.lane_offset)
        raise item.error

    def _step_receipts(self, connection: Connection, writer: _Writer) -> None:
        receipts = self._services.receipts
        if receipts is None or writer.is_inside_transaction or not receipts.waits:
            return
        failpoint.hit("before_receipt")
        receipts.step(
            time.monotonic(),
            log_end=lambda: standby.insert_lsn(connection),
            log_flushed=lambda: standby.flushed_lsn(connection),
        )


class _Writer:
    """Writes groups; the one place where rows and position are committed."""

    def __init__(self, connection: Connection, position: StandbyPosition, register: str) -> None:
        self.position = position
        self.is_inside_transaction = False
        self._connection = connection
        self._applier = Applier(connection)
        self._register = register
        self._schemas: list[ChangeSchema] = []
        self._rows = (0, 0, 0)

    def write(self, ready: Ready) -> bool:
        """Apply a group; True when it was committed, False while its last transaction goes on."""
        group = ready.group
        started = time.perf_counter()
        if group.discards_open:
            self._connection.rollback()
            self._applier.forget()
            self._forget()
        if not group.frames:
            return False
        failpoint.hit("before_apply")
        applied = self._applier.apply(ready.decoded)
        failpoint.hit("after_apply")
        counts = (applied.inserted, applied.updated, applied.deleted)
        self._rows = (self._rows[0] + counts[0], self._rows[1] + counts[1], self._rows[2] + counts[2])
        self._schemas += group.schemas
        self.is_inside_transaction = not group.is_complete
        if self.is_inside_transaction:
            return False
        self._commit(ready)
        metrics.APPLY_GROUP_SECONDS.labels(self._register).observe(time.perf_counter() - started)
        return True

    def _commit(self, ready: Ready) -> None:
        old = self.position
        inserted, updated, deleted = self._rows
        new = replace(
            ready.group.position(old),
            beat=ready.pulse.beat,
            pulse_at=ready.pulse.at,
            rows_inserted=old.rows_inserted + inserted,
            rows_updated=old.rows_updated + updated,
            rows_deleted=old.rows_deleted + deleted,
        )
        if self._schemas:
            standby.add_schemas(self._connection, self._schemas)
        standby.update_position(self._connection, old, new)
        failpoint.hit("before_commit")
        self._connection.commit()
        failpoint.hit("after_commit")
        self.position = new
        self._count(old, new)
        self._forget()

    def _forget(self) -> None:
        self.is_inside_transaction = False
        self._schemas = []
        self._rows = (0, 0, 0)

    def _count(self, old: StandbyPosition, new: StandbyPosition) -> None:
        name = self._register
        metrics.APPLY_TRANSACTIONS.labels(name).inc(new.transactions - old.transactions)
        metrics.APPLY_CHANGES.labels(name).inc(new.changes - old.changes)
        for op, count in zip(("insert", "update", "delete"), self._rows, strict=True):
            metrics.APPLY_ROWS.labels(name, op).inc(count)


def _read(reader: Reader, lane_offset: int, envelope: bytes) -> Batch:
    try:
        return reader.read(lane_offset, envelope)
    except DataEmbassyError as error:
        raise _at(error, lane_offset) from None


def _at(error: DataEmbassyError, lane_offset: int) -> DataEmbassyError:
    """Say where on the lane it happened: the search for a way past it begins there."""
    error.lane_offset = lane_offset  # type: ignore[attr-defined]
    return error


def _refused(error: psycopg.Error) -> StandbyRefused:
    # PostgreSQL's text may quote values of rows: only its code is kept.
    return StandbyRefused(
        f"PostgreSQL refused a statement: {type(error).__name__} (SQLSTATE {error.sqlstate})", remedy=RESTART
    )


def _unreachable(error: psycopg.Error) -> TransportError:
    return TransportError(
        f"the standby's server failed: {type(error).__name__} (SQLSTATE {error.sqlstate or 'none'})",
        remedy="the receiver tries again by itself; check that the server runs",
    )
