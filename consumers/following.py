"""A standby that follows its lane: group after group with its position, and holds where a verification asks to.

One pass reads from the position on with a fetch thread of its own. A pass ends for an error, at its goal, or where a
group had to be cut; the next one begins at the position, which alone says what was applied.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import Final, Protocol

import psycopg

from consumers import standby
from consumers.apply.ddl.decisions import Decide
from consumers.assemble import Assembler
from consumers.beginnings import GenerationBegan
from consumers.checks import Pulse
from consumers.cuts import Goal
from consumers.fetch import Began, Fetcher, Halt, Observer, Ready
from consumers.lane import KafkaLane
from consumers.locate import locate
from consumers.position import StandbyPosition
from consumers.reader import Reader
from consumers.receipts import INTERVAL_SECONDS, ReceiptWriter
from consumers.refusals import at_offset
from consumers.sequence import Sequence
from consumers.transactions import Limits
from consumers.verify.hold import Hold, Point, Question, Release
from consumers.verify.scan import Scan
from consumers.verify.witness import Answers, Reached, Witness
from consumers.writer import GroupWriter
from data_embassy import failpoint, log, metrics
from data_embassy.envelope import LaneOpener
from data_embassy.errors import DataEmbassyError, TransportError
from data_embassy.postgres import Connection
from schemas.records import ChangeSchema

_SCAN_SECONDS: Final = 0.1
_log = log.get("receive")


class Owner(Protocol):
    """The worker, as it hears of what is done."""

    def committed(self, position: StandbyPosition, ready: Ready, mended: int) -> None: ...  # noqa: D102

    def generation_began(self, generation: GenerationBegan) -> None: ...  # noqa: D102

    def has_read(  # noqa: D102
        self, lane_end: int | None, envelope_bytes: float | None, key_envelopes: int | None
    ) -> None: ...

    def is_at_work(self, *, value: bool) -> None: ...  # noqa: D102


class Following:
    """Applies one lane to one standby over one connection."""

    def __init__(
        self,
        *,
        name: str,
        register: str,
        owner: Owner,
        connection: Connection,
        lane: KafkaLane,
        new_opener: Callable[[], LaneOpener],
        receipts: ReceiptWriter | None,
        answers: Answers | None,
        decide: Decide,
        limits: Limits,
        connect_witness: Callable[[], Connection],
        certain: set[int],
        latest_run: int,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._name, self._register, self._owner = name, register, owner
        self._connection, self._lane, self._new_opener = connection, lane, new_opener
        self._receipts, self._answers, self._connect_witness = receipts, answers, connect_witness
        self._certain, self._latest_run, self._decide = certain, latest_run, decide
        self._is_stopping, self._limits = is_stopping, limits
        self._witness: Witness | None = None

    def run(self, position: StandbyPosition, goal: Goal | None) -> bool:
        """Apply until the end; True when the goal was reached, False when the worker stops.

        Raises what the lane, the stream or the standby stops it with.
        """
        try:
            while not self._is_stopping():
                position, halt = self._pass(position, goal, can_hold=self._answers is not None)
                if halt is None:
                    break
                if halt.question is not None:
                    position = self._hold(position, halt.question)
                elif not halt.is_cut:
                    return True
            return False
        finally:
            self._end_witness()

    # -- one pass --------------------------------------------------------------------------------------------------

    def _pass(
        self, position: StandbyPosition, goal: Goal | None, *, can_hold: bool
    ) -> tuple[StandbyPosition, Halt | None]:
        """Apply from the position on until the fetch thread ends; None when the worker stops."""
        schemas = standby.read_schemas(self._connection)
        watched = standby.read_watched(self._connection, position)
        self._connection.commit()
        fetcher = Fetcher(
            name=f"{self._name}-fetch",
            lane=self._lane,
            reader=self._new_reader(position),
            assembler=self._new_assembler(position, schemas),
            schemas=schemas,
            start_offset=locate(self._lane, self._new_opener(), position),
            pulse=Pulse(position.beat, position.pulse_at, watched),
            goal=goal,
            observer=Observer(
                repeated=metrics.REPEATED.labels(self._register).inc,
                discarded=metrics.DISCARDED.labels(self._register).inc,
            ),
            can_hold=can_hold,
        )
        fetcher.start()
        try:
            writer = GroupWriter(self._connection, position, self._register, self._decide)
            halt = self._apply(fetcher, writer)
            return writer.position, halt
        finally:
            fetcher.stop()
            fetcher.join()

    def _new_reader(self, position: StandbyPosition) -> Reader:
        return Reader(
            opener=self._new_opener(),
            sequence=Sequence(position.incarnation, position.next_offset),
            fetch=self._lane.fetch,
            begins_with=position.begins_with,
            before_open=lambda: failpoint.hit("before_open"),
            after_open=lambda: failpoint.hit("after_open"),
        )

    def _new_assembler(self, position: StandbyPosition, schemas: dict[bytes, ChangeSchema]) -> Assembler:
        return Assembler(
            position,
            schemas=schemas,
            limits=self._limits,
            certain=self._certain,
            latest_snapshot_run=self._latest_run,
        )

    def _apply(self, fetcher: Fetcher, writer: GroupWriter) -> Halt | None:
        while not self._is_stopping():
            try:
                item = fetcher.items.get(timeout=INTERVAL_SECONDS)
            except queue.Empty:
                item = None
            # Read in this order: what is handed over meanwhile is in the queue.
            self._owner.is_at_work(value=item is not None or not fetcher.has_all or not fetcher.items.empty())
            halt = None
            match item:
                case Ready():
                    if writer.write(item):
                        self._owner.committed(writer.position, item, writer.mended)
                case Began():
                    self._owner.generation_began(item.generation)
                case Halt():
                    self._halted(item)
                    halt = item
            self._owner.has_read(fetcher.lane_end, fetcher.arrivals.envelope_bytes, fetcher.arrivals.key_envelopes)
            if halt is not None:
                return halt
            if not writer.is_inside_transaction:
                self._step_receipts()
        return None

    def _halted(self, item: Halt) -> None:
        self._connection.rollback()
        if isinstance(item.error, DataEmbassyError):
            raise at_offset(item.error, item.lane_offset)
        if item.error is not None:
            raise item.error

    def _step_receipts(self) -> None:
        receipts = self._receipts
        if receipts is None or not receipts.waits:
            return
        failpoint.hit("before_receipt")
        receipts.step(
            time.monotonic(),
            log_end=lambda: standby.insert_lsn(self._connection),
            log_flushed=lambda: standby.flushed_lsn(self._connection),
        )
        failpoint.hit("after_receipt")

    # -- verification ------------------------------------------------------------------------------------------------

    def _hold(self, position: StandbyPosition, question: Question) -> StandbyPosition:
        """Stand behind part 1 until the point is known, apply what lies at or before it, let the witness see it."""
        assert self._answers is not None
        held_at = time.monotonic()
        self._end_witness()
        witness: Witness | None = None
        try:
            witness = Witness(self._connect_witness, self._answers, question)
        except (psycopg.Error, TransportError) as error:
            _log.warning("verification refused", register=self._register, cause=type(error).__name__)
            return position
        failpoint.hit("holding")
        try:
            found = self._look_ahead(position, question, held_at)
            if not isinstance(found, Point):
                _log.info("hold released", register=self._register, why=found.value)
                return position
            position = self._apply_to(position, found.lsn)
            witness.begin(found.question)
            reached = Reached(position=position, point=found.lsn, paused_seconds=time.monotonic() - held_at)
        except psycopg.Error as error:
            if not witness.is_lost:
                raise
            _log.warning("verification refused", register=self._register, cause=type(error).__name__)
            return position
        else:
            witness.go(reached)
            self._witness, witness = witness, None
            return position
        finally:
            if witness is not None:
                witness.close()

    def _look_ahead(self, position: StandbyPosition, question: Question, held_at: float) -> Point | Release:
        schemas = standby.read_schemas(self._connection)
        self._connection.commit()
        scan = Scan(
            Hold(question, last_end=position.last_end, now=held_at),
            lane=self._lane,
            reader=self._new_reader(position),
            assembler=self._new_assembler(position, schemas),
            schemas=schemas,
        )
        self._lane.seek(locate(self._lane, self._new_opener(), position))
        while not self._is_stopping():
            found = scan.step(time.monotonic(), _SCAN_SECONDS)
            if found is not None:
                return found
            self._step_receipts()
        return Release.GIVEN_UP

    def _apply_to(self, position: StandbyPosition, point: int) -> StandbyPosition:
        while True:
            position, halt = self._pass(position, Goal(commit_lsn=point), can_hold=False)
            if halt is None or not halt.is_cut:
                return position

    def _end_witness(self) -> None:
        if self._witness is not None:
            self._witness.stop()
            self._witness.join()
            self._witness = None
