"""The stops of one register while its supervisor runs: noticed, stored at both places, looked at again when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping

from consumers import metering
from consumers.control import Control
from consumers.stops import Stop, StopFiles
from consumers.worker import Phase, StandbyWorker
from data_embassy import causes, log

_log = log.get("receive")


class Standstills:
    """Which standbys of a register stand still, by database."""

    def __init__(self, register: str, files: StopFiles, now: Callable[[], str]) -> None:
        self._register, self._files, self._now = register, files, now
        self._stops: dict[str, Stop] = {}

    def judge(self, control: Control, workers: Iterable[StandbyWorker]) -> None:
        """Store new stops, forget those whose standby went on; raises what crashed a worker."""
        for worker in workers:
            database = worker.target.database
            if worker.crash is not None:
                raise worker.crash
            if worker.stopped is not None and database not in self._stops:
                self._store(control, worker)
            elif worker.stopped is None and worker.has_advanced and not worker.is_cleared:
                worker.is_cleared = True
                control.clear_stop(self._register, database)
                self._write()

    def heed(self, workers: MutableMapping[str, StandbyWorker], *, is_asked: bool) -> None:
        """Let stopped workers go when an operator asked, or removed the file: new ones are started for them."""
        if not self._stops or (not is_asked and self._files.exists(self._register)):
            return
        for database in list(self._stops):
            worker = workers.get(database)
            if worker is None or worker.phase is Phase.STOPPED:
                workers.pop(database, None)
                del self._stops[database]

    def forget(self, database: str) -> None:
        """This standby is no longer worked on."""
        if self._stops.pop(database, None) is not None:
            self._write()

    def put_aside(self) -> None:
        """Nothing works for the time being. What is stored stays until the register really goes on."""
        self._stops.clear()

    def _store(self, control: Control, worker: StandbyWorker) -> None:
        assert worker.stopped is not None
        error, database, name = worker.stopped.error, worker.target.database, self._register
        error.remedy = causes.remedy_for(error, register=name, site="embassy")
        control.stop(name, database, error, worker.stopped.position, worker.stopped.lane_offset)
        self._stops[database] = Stop(
            register=name,
            database=database,
            cause=error.cause_class,
            message=error.message,
            remedy=error.remedy,
            position=worker.stopped.position,
            stopped_at=self._now(),
        )
        self._write()
        _log.error("stopped", register=name, cause=error.cause_class, message=error.message)

    def _write(self) -> None:
        self._files.write(self._register, list(self._stops.values()))
        metering.show_stops(self._register, {stop.cause for stop in self._stops.values()})
