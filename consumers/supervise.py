"""One register at the embassy: which of its standbys work, which becomes the live one, what stands still (DESIGN 5, 8).

A register has at most one live standby and one candidate: a later generation that loads beside it, or a rebuilt one.
Each has a worker of its own. The candidate becomes live once it is level with the live one, at once where there is
none. A stopped worker leaves the other alone, and a search goes on behind the stop for a later generation: the way out
that home has.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing
from functools import partial
from typing import Final

import psycopg

from consumers import metering
from consumers.beginnings import GenerationBegan
from consumers.control import Control, Standby
from consumers.course import Course
from consumers.figures import figures, position_of
from consumers.position import StandbyPosition
from consumers.receipts import Condition
from consumers.refusals import WAIT, LaneLost, Unreachable
from consumers.scout import Search
from consumers.standby import is_transient
from consumers.standstills import Standstills
from consumers.surroundings import Surroundings
from consumers.switching import drop_retired, drop_superseded, is_missing, make_live, sort_candidates
from consumers.telling import condition_of
from consumers.voice import Voice, stored_position
from consumers.worker import Phase, StandbyWorker
from data_embassy import log
from data_embassy.config import Register
from data_embassy.errors import DataEmbassyError, TransportError
from schemas.records import split_snapshot_run

__all__ = ["RegisterReceiver", "Surroundings"]

STEP_SECONDS: Final = 0.25
SWITCH_RETRY_SECONDS: Final = 10.0
_BACKOFF_SECONDS_MAX: Final = 5.0
_log = log.get("receive")


class RegisterReceiver(threading.Thread):
    """Receives one register until it is stopped."""

    def __init__(self, register: Register, surroundings: Surroundings) -> None:
        super().__init__(name=f"{register.name}-supervise", daemon=True)
        self.register = register
        self.crash: BaseException | None = None
        self.live: StandbyWorker | None = None
        self.last_position: StandbyPosition | None = None
        """Of the live standby, kept while nothing works: its age must go on growing."""
        self.course = Course()
        self.figures = partial(figures, register.name, self, surroundings.instruments)
        self._around = surroundings
        self._workers: dict[str, StandbyWorker] = {}
        self._standstills = Standstills(register.name, surroundings.stops, lambda: surroundings.now().isoformat())
        self._voice: Voice | None = None
        self._search = Search(
            name=f"{register.name}-scout",
            open_lane=lambda: surroundings.open_lane(register),
            new_opener=lambda: surroundings.new_opener(register),
        )
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

    @property
    def condition(self) -> tuple[float, Condition] | None:
        """What was said last of it and when, monotonic; None while another process has its lock."""
        return None if self._voice is None else self._voice.condition

    def run(self) -> None:
        """Thread body."""
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                self._receive()
            except TransportError as error:
                self._wait(error)
            except psycopg.Error as error:
                if not is_transient(error):
                    self.crash = error
                    return
                self._wait(Unreachable(f"the standbys' server failed: {type(error).__name__}", remedy=WAIT))
            except BaseException as error:  # noqa: BLE001 (the process ends with it)
                self.crash = error
                return
            failures = 0 if time.monotonic() - started > 2 * _BACKOFF_SECONDS_MAX else failures + 1
            self._stopping.wait(min(_BACKOFF_SECONDS_MAX, 0.2 * 2 ** min(failures, 5)))

    def _receive(self) -> None:
        metering.watch(self)
        self._around.ensure_topics(self.register)
        with closing(Control.open(self._around.postgres, role="receive")) as control:
            spoke = self._voice
            self._voice = None  # Whoever has the lock speaks.
            if not control.lock("receive", self.register.name, wait=self._stopping.wait):
                return
            self._voice = self._new_voice() if spoke is None else spoke
            try:
                self._clean(control)
                while not self._stopping.is_set():
                    if self._around.is_paused(self.register.name):
                        self._rest(control)
                    else:
                        self._step(control)
                    self._stopping.wait(STEP_SECONDS)
            finally:
                self._end_all()

    def _step(self, control: Control) -> None:
        self._note_generations(control)
        standbys = control.standbys(self.register.name)
        live = next((one for one in standbys if one.state == "live"), None)
        candidates, superseded = sort_candidates(live, [one for one in standbys if one.state != "live"])
        for one in superseded:
            self._end(one.database)
            drop_superseded(control, one)
        wanted = [one for one in (live, *candidates) if one is not None]
        self._end_unwanted(wanted)
        self._standstills.heed(self._workers, is_asked=self._retry.is_set())
        self._retry.clear()
        self._give_up_switch(live, candidates)
        for one in wanted:
            if one.database not in self._workers and not (self._is_switching and one is live):
                self._start_worker(control, one)
        self.live = None if live is None else self._workers.get(live.database)
        if self.live is not None and self.live.position is not None:
            self.last_position = self.live.position
        self._standstills.judge(control, self._workers.values())
        self._say(control, live, candidates)
        self._search_if_needed(standbys)
        for candidate in reversed(candidates):
            if time.monotonic() >= self._switch_after and self._switch_if_level(control, live, candidate):
                break

    def _rest(self, control: Control) -> None:
        """Paused: nothing works, the position stays, and home hears so."""
        self._end_all()
        standbys = control.standbys(self.register.name)
        live = next((one for one in standbys if one.state == "live"), None)
        self._say(control, live, [one for one in standbys if one.state != "live"], is_paused=True)

    def _new_voice(self) -> Voice:
        around, name = self._around, self.register.name
        return Voice(
            around.receipts(self.register),
            comparison=around.comparison,
            tell=lambda told: around.tell(name, told),
            now=around.now,
        )

    def _say(self, control: Control, live: Standby | None, others: list[Standby], *, is_paused: bool = False) -> None:
        assert self._voice is not None
        if live is not None and self.last_position is None and self.live is None:
            self.last_position = stored_position(control, live.database)
        self.course.see(time.monotonic(), position_of(self), None if self.live is None else self.live.lane_end)
        self._voice.settle(control, self.live, None if live is None else self.last_position)
        self._voice.say(
            condition_of(
                live=self.live,
                has_live=live is not None,
                others=[(one, self._workers.get(one.database)) for one in others],
                is_paused=is_paused,
                trouble=None,
                figures=self.figures(),
            )
        )

    def _wait(self, error: DataEmbassyError) -> None:
        _log.warning("waiting", register=self.register.name, cause=error.cause_class, why=error.message)
        if self._voice is not None:
            self._voice.say(Condition(state="waiting", cause=error.cause_class), trouble=error)

    def _start_worker(self, control: Control, target: Standby) -> None:
        around = self._around
        is_live = target.state == "live"
        worker = StandbyWorker(
            register=self.register,
            target=target,
            services=around.services(
                self.register,
                receipts=self._voice.receipts if is_live and self._voice is not None else None,
                is_live=is_live,
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
        self._standstills.forget(database)

    def _end_all(self) -> None:
        for worker in self._workers.values():
            worker.stop()
        for worker in self._workers.values():
            worker.join()
        self._workers.clear()
        self._standstills.put_aside()
        self.live = None
        self._is_switching = False
        self._search.end()

    def _note_generations(self, control: Control) -> None:
        began = [worker.began.get() for worker in self._workers.values() for _ in range(worker.began.qsize())]
        if (choice := self._search.choice()) is not None:
            began.append(choice)
        latest = control.latest_run(self.register.name)
        news = max(began, key=lambda one: one.run, default=None)
        if news is not None and news.run > latest:
            self._search.end()
            self._add(control, news)

    def _add(self, control: Control, began: GenerationBegan) -> None:
        generation, attempt = split_snapshot_run(began.run)
        control.add(self.register.name, f"{self.register.name}_g{generation}", began)
        _log.info("generation begins", register=self.register.name, generation=generation, attempt=attempt)

    def _search_if_needed(self, standbys: list[Standby]) -> None:
        workers = [worker for one in standbys if (worker := self._workers.get(one.database)) is not None]
        if any(worker.phase is not Phase.STOPPED for worker in workers):
            self._search.end()
        elif any(worker.stopped is not None and isinstance(worker.stopped.error, LaneLost) for worker in workers):
            self._search.go_on(behind=None)  # The lane may have been made anew: its offsets say nothing any more.
        else:
            self._search.go_on(behind=max((one.begin_lane_offset + 1 for one in standbys), default=None))

    def _clean(self, control: Control) -> None:
        if not self._around.keep_retired:
            drop_retired(control, self.register.name)

    def _switch_if_level(self, control: Control, live: Standby | None, candidate: Standby) -> bool:
        """True when names changed, or could not: what this step knows of the standbys is outdated then."""
        worker = self._workers[candidate.database]
        position = worker.position
        if position is None:
            return False
        other = None if live is None else self._workers.get(live.database)
        if other is not None and not is_missing(other):
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
