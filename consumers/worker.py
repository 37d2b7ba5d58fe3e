"""One standby's worker thread: its lock, its load, then group after group with its position, in one commit each.

It goes on from the position row alone. What passes by itself (a broker or a server away) is waited for; a stop is kept
in `stopped` for the register's supervisor, which stores it; the position stays.
"""

from __future__ import annotations

import datetime as dt
import queue
import threading
import time
from contextlib import closing
from enum import Enum
from typing import Final

import psycopg

from consumers import standby
from consumers.apply import prepare_session
from consumers.bases import StandbyBases
from consumers.beats import Beats
from consumers.beginnings import GenerationBegan
from consumers.control import Control, Standby
from consumers.cuts import Goal
from consumers.faults import fault, refused, unreachable
from consumers.fetch import Ready
from consumers.following import Following
from consumers.lane import KafkaLane
from consumers.load import Base, LoadProgress, open_generation
from consumers.loading import Loading
from consumers.position import StandbyPosition
from consumers.rebuild import build_base
from consumers.refusals import REBUILD, StandbyMissing, offset_of, remedy_for
from consumers.services import Services, Stopped
from consumers.transactions import RereadNeeded
from data_embassy import log, metrics
from data_embassy.config import Register
from data_embassy.errors import DataEmbassyError, EnvelopeError, TransportError
from data_embassy.postgres import Connection, connect
from schemas.records import ORIGIN_SNAPSHOT, RecordKey, decode

__all__ = ["Phase", "Services", "StandbyWorker", "Stopped"]

BACKOFF_SECONDS_MAX: Final = 5.0
_log = log.get("receive")


class Phase(Enum):
    """What a worker is doing."""

    STARTING = "starting"
    WAITING = "waiting for the other writer"
    LOADING = "loading"
    APPLYING = "applying"
    STOPPED = "stopped"
    ENDED = "ended"


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
        stopping: threading.Event | None = None,
    ) -> None:
        """`stopping` ends this worker with another one, for which it works."""
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
        self.beats = Beats(services.comparison)
        """What the applied pulses showed."""
        self.mended_at: dt.datetime | None = None
        """When this worker last committed rows that were sent again."""
        self.began: queue.SimpleQueue[GenerationBegan] = queue.SimpleQueue()
        self.lane_end: int | None = None
        self.envelope_bytes: float | None = None
        """Mean size of the last envelopes."""
        self.key_envelopes: int | None = None
        """How many the data key of the newest envelope that was opened had sealed by then."""
        self.has_all = False
        """True while it has applied all that it read of its lane, but for a transaction whose end has not come."""
        self._register = register
        self._services = services
        self._goal = goal
        self._latest_run = latest_run
        self._certain: set[int] = set()
        self._stopping = stopping or threading.Event()

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
                    self._stop_register(refused(error), None)
                    return
                self.trouble = unreachable(error)
            except DataEmbassyError as error:
                self._stop_register(error, offset_of(error))
                return
            except Exception as error:  # noqa: BLE001 (the other registers go on)
                self._stop_register(fault(error), None)
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
        with closing(self._bases()) as bases:
            loading = Loading(connection, self.target, lane=lane, opener=self._services.new_opener(), bases=bases)
            rows = metrics.LOAD_ROWS.labels(self._register.name)
            while not self._stopping.is_set():
                self.progress = loading.progress
                if loading.progress.is_complete:
                    bases.drop()
                    return loading.finish()
                rows_before = loading.progress.rows
                if loading.step(self.began.put):
                    self.has_advanced = True
                    rows.inc(loading.progress.rows - rows_before)
                self.trouble = None
                self.lane_end = loading.lane_end
            return None

    def _bases(self) -> StandbyBases:
        def build(base: Base, database: str) -> None:
            build_base(
                base,
                database,
                register=self._register,
                services=self._services,
                begin_worker=self._beside,
                is_stopping=self._stopping.is_set,
            )

        return StandbyBases(
            postgres=self._services.postgres,
            register=self._register.name,
            own_database=self.target.database,
            asker=self._services.asker,
            build=build,
        )

    def _beside(self, target: Standby, services: Services, goal: Goal) -> StandbyWorker:
        """A worker for what this one needs: it ends with it."""
        return StandbyWorker(
            register=self._register, target=target, services=services, goal=goal, stopping=self._stopping
        )

    # -- applying ---------------------------------------------------------------------------------------------------

    def _follow(self, connection: Connection, lane: KafkaLane, position: StandbyPosition) -> None:
        prepare_session(connection)
        following = Following(
            name=self.name,
            register=self._register.name,
            owner=self,
            connection=connection,
            lane=lane,
            new_opener=self._services.new_opener,
            receipts=self._services.receipts,
            answers=self._services.answers,
            decide=self._services.decide,
            limits=self._services.limits,
            connect_witness=self._connect_witness,
            certain=self._certain,
            latest_run=self._latest_run,
            is_stopping=self._stopping.is_set,
        )
        self.phase = Phase.APPLYING
        self.has_reached_goal = following.run(position, self._goal)

    def _connect_witness(self) -> Connection:
        return connect(
            self._services.postgres,
            application_name="data-embassy verify",
            database=self.target.database,
            autocommit=True,
        )

    def committed(self, position: StandbyPosition, ready: Ready, mended: int) -> None:
        """Hear of a commit."""
        now = self._services.now()
        if mended:
            self.mended_at = now
        if self.position is None or position.beat != self.position.beat:
            self.beats.applied(ready, now)
        self.position = position
        self.has_advanced = True
        if self._services.receipts is not None:
            self._services.receipts.applied(position, now)

    def generation_began(self, generation: GenerationBegan) -> None:
        """Hear of a later generation or attempt."""
        self.began.put(generation)

    def is_at_work(self, *, value: bool) -> None:
        """Hear whether anything that came is still to be applied."""
        self.has_all = not value

    def has_read(self, lane_end: int | None, envelope_bytes: float | None, key_envelopes: int | None) -> None:
        """Hear that the lane answers."""
        self.lane_end, self.envelope_bytes = lane_end, envelope_bytes or self.envelope_bytes
        self.key_envelopes = key_envelopes or self.key_envelopes
        self.trouble = None
