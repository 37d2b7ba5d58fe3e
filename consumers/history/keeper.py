"""Keeps the history while the receiver works: one thread looks each second, another one writes every few seconds.

Nothing waits for them. While the control database is away notes are kept in memory, the oldest are given up beyond a
bound, and what was not written is a gap, in which no objective counts as met.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final

import psycopg

from consumers.control import Control
from consumers.history.coverage import LOOK_SECONDS, Entry
from consumers.history.notes import Notes, Watched
from consumers.history.store import Happening, HistoryStore
from data_embassy import log
from data_embassy.config import Postgres
from data_embassy.errors import TransportError

WRITE_SECONDS: Final = 5.0
THIN_WRITES: Final = 120
REPORTS_WRITES: Final = 2
ENTRIES_MAX: Final = 50_000
"""Waiting to be written: more than an hour of 60 registers."""
LOOKS_MAX: Final = 3600
"""Of a register whose stored history cannot be read yet."""
_END_SECONDS: Final = 3.0
_log = log.get("receive")


class HistoryKeeper:
    """Keeps the history of a site's registers from `start` to `stop`."""

    def __init__(
        self,
        postgres: Postgres,
        *,
        look: Callable[[], Mapping[str, Watched]],
        reports: Callable[[str], Iterable[Happening]],
        now: Callable[[], dt.datetime],
    ) -> None:
        """`look` tells of the registers that this process receives, `reports` what is on record of each."""
        self._postgres, self._look, self._reports, self._now = postgres, look, reports, now
        self._control: Control | None = None
        self._lock = threading.Lock()
        self._notes: dict[str, Notes] = {}
        self._new: dict[str, deque[Watched]] = {}
        self._left: list[Notes] = []
        self._entries: list[Entry] = []
        self._happenings: list[Happening] = []
        self._heard: set[tuple[str, str, dt.datetime]] = set()
        """Reports that are stored."""
        self._writes = 0
        self._is_failing = False
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._each(LOOK_SECONDS, self._take), name="history-look", daemon=True),
            threading.Thread(target=self._each(WRITE_SECONDS, self._keep), name="history-write", daemon=True),
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Write what there is and end; a server that does not answer is not waited for."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(_END_SECONDS)

    def _each(self, seconds: float, step: Callable[[], None]) -> Callable[[], None]:
        def body() -> None:
            while not self._stopping.wait(seconds):
                self._guarded(step)
            self._guarded(step)

        return body

    def _guarded(self, step: Callable[[], None]) -> None:
        """History is no reason for a register to stop: what fails is said, and tried again."""
        try:
            step()
        except (TransportError, psycopg.Error) as error:
            if not self._is_failing:
                _log.warning("history waits", cause=type(error).__name__)
            self._is_failing = True
            self._close()
        except Exception:  # noqa: BLE001 (the registers go on)
            _log.exception("history fails")

    # -- looking --------------------------------------------------------------------------------------------------

    def _take(self) -> None:
        watched = self._look()
        with self._lock:
            # Removed, or received by another process: what comes later follows on what is stored then.
            self._left += [self._notes.pop(name) for name in list(self._notes) if name not in watched]
            for name, one in watched.items():
                if (notes := self._notes.get(name)) is None:
                    self._new.setdefault(name, deque(maxlen=LOOKS_MAX)).append(one)
                else:
                    notes.take(one)

    # -- writing --------------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        self._writes += 1
        self._collect()
        store = self._store()
        self._write(store)
        for name in list(self._new):
            self._resume(store, name)
        if self._writes % REPORTS_WRITES == 0:
            self._hear_reports(store)
        if self._writes % THIN_WRITES == 1:
            store.thin(self._now())
        if self._is_failing:
            _log.info("history goes on")
        self._is_failing = False
        if self._stopping.is_set():
            self._close()

    def _collect(self) -> None:
        with self._lock:
            torn = [notes.tear_off(is_last=self._stopping.is_set()) for notes in self._notes.values()]
            torn += [notes.tear_off(is_last=True) for notes in self._left]
            self._left = []
        for entries, happenings in torn:
            self._entries += entries
            self._happenings += happenings
        del self._entries[:-ENTRIES_MAX]
        del self._happenings[:-ENTRIES_MAX]

    def _resume(self, store: HistoryStore, name: str) -> None:
        notes = Notes(
            name, last=store.last(name), outage=store.lasting(name, "outage"), pause=store.lasting(name, "pause")
        )
        with self._lock:
            for one in self._new.pop(name, ()):
                notes.take(one)
            self._notes[name] = notes

    def _write(self, store: HistoryStore) -> None:
        store.write(self._entries, self._happenings)
        self._entries, self._happenings = [], []

    def _hear_reports(self, store: HistoryStore) -> None:
        for name in list(self._notes):
            new = [one for one in self._reports(name) if (name, one.kind, one.at) not in self._heard]
            store.write([], [one for one in new if not store.has(name, one.kind, one.at)])
            self._heard.update((name, one.kind, one.at) for one in new)

    def _store(self) -> HistoryStore:
        if self._control is None:
            self._control = Control.open(self._postgres, role="history")
        return HistoryStore(self._control.connection)

    def _close(self) -> None:
        control, self._control = self._control, None
        if control is not None:
            with suppress(psycopg.Error):
                control.close()
