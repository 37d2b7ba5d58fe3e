"""One register at the embassy: which of its standbys work, which becomes the live one, what stands still (DESIGN 5, 8).

A register has at most one live standby and one candidate: a later generation that loads beside it, or a rebuilt one.
Each has a worker of its own. The candidate becomes live once it is level with the live one, at once where there is
none. A stopped worker leaves the other alone, and a search goes on behind the stop for a later generation: the way out
that home has.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import psycopg

from consumers import failpoint, metering
from consumers.assemble import GenerationBegan
from consumers.control import Control, Standby
from consumers.lane import KafkaLane
from consumers.load import drop_generation
from consumers.position import StandbyPosition
from consumers.receipts import ReceiptWriter
from consumers.refusals import StandbyMissing
from consumers.scout import Scout
from consumers.standby import is_transient
from consumers.stops import Stop, StopFiles
from consumers.worker import Phase, Services, StandbyWorker
from data_embassy import log
from data_embassy.config import Postgres, Register
from data_embassy.envelope import LaneOpener
from data_embassy.errors import TransportError
from schemas.records import split_snapshot_run

STEP_SECONDS: Final = 0.25
SWITCH_SECONDS_MAX: Final = 15.0
SWITCH_RETRY_SECONDS: Final = 10.0
_BACKOFF_SECONDS_MAX: Final = 5.0
_log = log.get("receive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a register's supervisor needs of the world."""

    postgres: Postgres
    ensure_topics: Callable[[Register], None]
    open_lane: Callable[[Register], KafkaLane]
    new_opener: Callable[[Register], LaneOpener]
    receipts: Callable[[Register], ReceiptWriter]
    stops: StopFiles
    now: Callable[[], dt.datetime]
    keep_retired: bool = False


class RegisterReceiver(threading.Thread):
    """Receives one register until it is stopped."""

    def __init__(self, register: Register, surroundings: Surroundings) -> None:
        super().__init__(name=f"{register.name}-supervise", daemon=True)
        self.register = register
        self.crash: BaseException | None = None
        self.live: StandbyWorker | None = None
        self.last_position: StandbyPosition | None = None
        """Of the live standby, kept while nothing works: its age must go on growing."""
        self._around = surroundings
        self._workers: dict[str, StandbyWorker] = {}
        self._stops: dict[str, Stop] = {}
        self._scout: Scout | None = None
        self._is_switching = False
        self._switch_after = 0.0
        self._stopping = threading.Event()
        self._retry = threading.Event()

    def stop(self) -> None:
        """End soon, in good order."""
        self._stopping.set()

    def retry(self) -> None:
        """Look again at whatever stands still."""
        self._retry.set()

    def run(self) -> None:
        """Thread body."""
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                self._receive()
            except TransportError as error:
                _log.warning("waiting", register=self.register.name, cause=error.cause_class, why=error.message)
            except psycopg.Error as error:
                if not is_transient(error):
                    self.crash = error
                    return
                _log.warning("waiting", register=self.register.name, cause=type(error).__name__)
            except BaseException as error:  # noqa: BLE001 (the process ends with it)
                self.crash = error
                return
            failures = 0 if time.monotonic() - started > 2 * _BACKOFF_SECONDS_MAX else failures + 1
            self._stopping.wait(min(_BACKOFF_SECONDS_MAX, 0.2 * 2 ** min(failures, 5)))

    def _receive(self) -> None:
        metering.watch(self)
        self._around.ensure_topics(self.register)
        with closing(Control.open(self._around.postgres, role="receive")) as control:
            if not control.lock("receive", self.register.name, wait=self._stopping.wait):
                return
            try:
                self._clean(control)
                while not self._stopping.is_set():
                    self._step(control)
                    self._stopping.wait(STEP_SECONDS)
            finally:
                self._end_all()

    # -- one step ----------------------------------------------------------------------------------------------------

    def _step(self, control: Control) -> None:
        self._note_generations(control)
        standbys = control.standbys(self.register.name)
        live = next((one for one in standbys if one.state == "live"), None)
        candidates, superseded = sort_candidates(live, [one for one in standbys if one.state != "live"])
        for one in superseded:
            self._drop(control, one)
        wanted = [one for one in (live, *candidates) if one is not None]
        self._end_unwanted(wanted)
        self._heed_operator()
        self._give_up_switch(live, candidates)
        for one in wanted:
            if one.database not in self._workers and not (self._is_switching and one is live):
                self._start_worker(control, one)
        self.live = None if live is None else self._workers.get(live.database)
        if self.live is not None and self.live.position is not None:
            self.last_position = self.live.position
        self._judge(control)
        self._scout_if_needed(standbys)
        for candidate in reversed(candidates):
            if time.monotonic() >= self._switch_after and self._switch_if_level(control, live, candidate):
                break

    def _start_worker(self, control: Control, target: Standby) -> None:
        around = self._around
        is_live = target.state == "live"
        worker = StandbyWorker(
            register=self.register,
            target=target,
            services=Services(
                postgres=around.postgres,
                open_lane=lambda: around.open_lane(self.register),
                new_opener=lambda: around.new_opener(self.register),
                receipts=around.receipts(self.register) if is_live else None,
                now=around.now,
            ),
            latest_run=control.latest_run(self.register.name),
        )
        self._workers[target.database] = worker
        worker.start()

    def _end_unwanted(self, wanted: list[Standby]) -> None:
        runs = {one.database: (one.run, one.state) for one in wanted}
        for database, worker in list(self._workers.items()):
            if runs.get(database) != (worker.target.run, worker.target.state):
                self._end(database)

    def _end(self, database: str) -> None:
        worker = self._workers.pop(database, None)
        if worker is not None:
            worker.stop()
            worker.join()
        if self._stops.pop(database, None) is not None:
            self._write_stops()

    def _end_all(self) -> None:
        for worker in self._workers.values():
            worker.stop()
        for worker in self._workers.values():
            worker.join()
        self._workers.clear()
        self.live = None
        self._is_switching = False
        self._end_scout()

    # -- generations ---------------------------------------------------------------------------------------------------

    def _note_generations(self, control: Control) -> None:
        began = [worker.began.get() for worker in self._workers.values() for _ in range(worker.began.qsize())]
        if self._scout is not None and self._scout.has_seen_all:
            choice = self._scout.choice()
            if choice is not None:
                began.append(choice)
        latest = control.latest_run(self.register.name)
        news = max(began, key=lambda one: one.run, default=None)
        if news is not None and news.run > latest:
            self._end_scout()
            self._add(control, news)

    def _add(self, control: Control, began: GenerationBegan) -> None:
        generation, attempt = split_snapshot_run(began.run)
        control.add(self.register.name, f"{self.register.name}_g{generation}", began)
        _log.info("generation begins", register=self.register.name, generation=generation, attempt=attempt)

    def _scout_if_needed(self, standbys: list[Standby]) -> None:
        is_hopeful = any(
            one.database in self._workers and self._workers[one.database].phase is not Phase.STOPPED for one in standbys
        )
        if is_hopeful:
            self._end_scout()
            return
        if self._scout is not None:
            if self._scout.crash is not None:
                raise self._scout.crash
            return
        behind = max((one.begin_lane_offset + 1 for one in standbys), default=None)
        self._scout = Scout(
            name=f"{self.register.name}-scout",
            open_lane=lambda: self._around.open_lane(self.register),
            opener=self._around.new_opener(self.register),
            start_offset=behind,
        )
        self._scout.start()

    def _end_scout(self) -> None:
        if self._scout is not None:
            self._scout.stop()
            self._scout.join()
            self._scout = None

    def _drop(self, control: Control, superseded: Standby) -> None:
        self._end(superseded.database)
        drop_generation(control.connection, superseded.database)
        control.remove(self.register.name, superseded.database)
        control.note(self.register.name, "superseded", f"{superseded.generation}.{superseded.attempt}")

    def _clean(self, control: Control) -> None:
        """Drop what an earlier process retired and did not come to drop."""
        if not self._around.keep_retired:
            for database in control.retired(self.register.name):
                drop_generation(control.connection, database)
                control.remove(self.register.name, database)

    # -- stops ---------------------------------------------------------------------------------------------------

    def _heed_operator(self) -> None:
        has_removed_file = bool(self._stops) and not self._around.stops.exists(self.register.name)
        if not has_removed_file and not self._retry.is_set():
            return
        self._retry.clear()
        for database in list(self._stops):
            if self._workers[database].phase is Phase.STOPPED:
                del self._workers[database]
                del self._stops[database]

    def _judge(self, control: Control) -> None:
        name = self.register.name
        for database, worker in self._workers.items():
            if worker.crash is not None:
                raise worker.crash
            if worker.stopped is not None and database not in self._stops:
                error = worker.stopped.error
                control.stop(name, database, error, worker.stopped.position, worker.stopped.lane_offset)
                self._stops[database] = Stop(
                    register=name,
                    database=database,
                    cause=error.cause_class,
                    message=error.message,
                    remedy=error.remedy,
                    position=worker.stopped.position,
                    stopped_at=self._around.now().isoformat(),
                )
                self._write_stops()
                _log.error("stopped", register=name, cause=error.cause_class, message=error.message)
            elif worker.stopped is None and worker.has_advanced and not worker.is_cleared:
                worker.is_cleared = True
                control.clear_stop(name, database)
                self._write_stops()

    def _write_stops(self) -> None:
        self._around.stops.write(self.register.name, list(self._stops.values()))
        metering.show_stops(self.register.name, {stop.cause for stop in self._stops.values()})

    # -- switching ----------------------------------------------------------------------------------------------------

    def _switch_if_level(self, control: Control, live: Standby | None, candidate: Standby) -> bool:
        """True when names changed, or could not: what this step knows of the standbys is outdated then."""
        worker = self._workers[candidate.database]
        position = worker.position
        if position is None:
            return False
        other = None if live is None else self._workers.get(live.database)
        if other is not None and not _is_missing(other):
            if worker.phase is not Phase.APPLYING:
                return False
            if other.position is None or position.last_end < other.position.last_end:
                return False
            if other.phase is not Phase.STOPPED and not self._is_switching:
                # The live one must not run ahead while the databases change names.
                self._is_switching = True
                other.stop()
                other.join()
                if position.last_end < other.position.last_end:
                    return False
        self._switch(control, live, candidate)
        return True

    def _give_up_switch(self, live: Standby | None, candidates: list[Standby]) -> None:
        """The live one works again when the candidates for which it was ended stopped or went."""
        workers = [self._workers.get(one.database) for one in candidates]
        if self._is_switching and all(worker is None or worker.phase is Phase.STOPPED for worker in workers):
            self._is_switching = False
            if live is not None:
                self._end(live.database)

    def _switch(self, control: Control, live: Standby | None, candidate: Standby) -> None:
        for database in list(self._workers):
            self._end(database)
        try:
            make_live(control, live, candidate, now=self._around.now(), wait=self._stopping.wait)
        except psycopg.errors.ObjectInUse:
            _log.warning("switch waits for other sessions", register=self.register.name)
            self._switch_after = time.monotonic() + SWITCH_RETRY_SECONDS
            return
        finally:
            self._is_switching = False
        _log.info("live", register=self.register.name, generation=candidate.generation, attempt=candidate.attempt)
        self._clean(control)


def sort_candidates(live: Standby | None, others: list[Standby]) -> tuple[list[Standby], list[Standby]]:
    """Those that should work beside the live one, and those that nothing will come of. Oldest generation first.

    The newest works, for it takes over. Without a live one the oldest works too: the newest may never be complete.
    """
    rebuilt = [one for one in others if one.state == "replayed"]
    loading = [one for one in others if one.state == "loading"]
    outdated = [one for one in loading if live is not None and one.run <= live.run]
    loading = [one for one in loading if one not in outdated]
    kept = loading[-1:] if live is not None or rebuilt else [*loading[:1], *loading[1:][-1:]]
    return [*rebuilt, *kept], outdated + [one for one in loading if one not in kept]


def make_live(
    control: Control,
    live: Standby | None,
    candidate: Standby,
    *,
    now: dt.datetime,
    wait: Callable[[float], bool],
) -> None:
    """Let a loaded standby bear the register's name; the caller made sure that nobody writes. Raises ObjectInUse."""
    register = candidate.register
    retired = None
    if control.exists(register):
        if live is None:
            # A database of that name that the control database knows nothing of: kept, it is not ours to drop.
            retired = f"{register}_found_{now:%Y%m%d%H%M%S}"
        else:
            retired = f"{register}_g{live.generation}_{live.attempt}_retired"
            drop_generation(control.connection, retired)
    failpoint.hit("before_switch")
    _rename(control, candidate, retired, wait)
    failpoint.hit("after_switch")
    control.allow_readers(register, is_allowed=True)


def _is_missing(worker: StandbyWorker) -> bool:
    return worker.stopped is not None and isinstance(worker.stopped.error, StandbyMissing)


def _rename(control: Control, candidate: Standby, retired: str | None, wait: Callable[[float], bool]) -> None:
    deadline = time.monotonic() + SWITCH_SECONDS_MAX
    while True:
        for database in (candidate.register, candidate.database):
            control.disconnect_all(database)
        try:
            control.make_live(candidate, retired_name=retired)
        except psycopg.errors.ObjectInUse:
            if time.monotonic() > deadline or wait(0.1):
                raise
        else:
            return
