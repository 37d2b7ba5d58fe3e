"""Several writers at once in a population register, until told to stop; they survive restarts of the database."""

import time
from collections import Counter
from dataclasses import dataclass
from random import Random
from threading import Event, Lock, Thread
from typing import Self

import psycopg

from deploy.registers.population.actions import ACTIONS
from deploy.registers.population.draws import Action, Database

_RETRY_SECONDS = 0.5
_SETTINGS = "-c lock_timeout=2s -c idle_in_transaction_session_timeout=30s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What the writers have done so far.

    `refused`: rolled back by a constraint, a lock or a deadlock, as happens in any busy register.
    """

    transactions: int
    rows: int
    refused: int
    disconnected: int
    actions: dict[str, int]


class Workload:
    """`writers` threads that together begin about `rate` transactions a second (0: as fast as they can)."""

    def __init__(self, dsn: str, seed: int, writers: int, rate: float) -> None:
        self._dsn = dsn
        self._interval_seconds = writers / rate if rate > 0 else 0.0
        self._stopping = Event()
        self._lock = Lock()
        self._counts: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self._failures: list[BaseException] = []
        self._threads = [
            Thread(target=self._write, args=(Random(f"{seed}/{number}"),), name=f"writer-{number}")
            for number in range(writers)
        ]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Let the writers begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> Counters:
        """Let every writer end its transaction, once or more often; return what was done.

        Raises what a writer failed with, if one did.
        """
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]
        return self.counters()

    def counters(self) -> Counters:
        """What was done so far."""
        with self._lock:
            counts = self._counts
            return Counters(
                transactions=counts["transactions"],
                rows=counts["rows"],
                refused=counts["refused"],
                disconnected=counts["disconnected"],
                actions=dict(self._done),
            )

    def _write(self, rng: Random) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    with psycopg.connect(
                        self._dsn, autocommit=True, application_name="population workload", options=_SETTINGS
                    ) as db:
                        self._act(db, rng)
                except psycopg.OperationalError:
                    self._count("disconnected")
                    self._stopping.wait(_RETRY_SECONDS)
        except BaseException as failure:  # noqa: BLE001 - raised again by stop()
            self._failures.append(failure)

    def _act(self, db: Database, rng: Random) -> None:
        actions, weights = list(ACTIONS), list(ACTIONS.values())
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            self._perform(db, rng, rng.choices(actions, weights)[0])
            due = max(due + self._interval_seconds, time.monotonic() - 1.0)

    def _perform(self, db: Database, rng: Random, action: Action) -> None:
        rows = 0
        try:
            with db.transaction():
                rows = action(db, rng)
        except (psycopg.errors.IntegrityError, psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable):
            self._count("refused")
        else:
            with self._lock:
                self._counts["transactions"] += 1
                self._counts["rows"] += rows
                self._done[action.__name__] += 1

    def _count(self, name: str) -> None:
        with self._lock:
            self._counts[name] += 1
