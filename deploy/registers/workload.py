"""Several writers at once in a register, until told to stop; they survive restarts of the database."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from threading import Event, Lock, Thread
from typing import Self

import psycopg

from deploy.registers.draws import Action, Database

_RETRY_SECONDS = 0.5
_SETTINGS = "-c lock_timeout=2s -c idle_in_transaction_session_timeout=30s"
_REFUSALS = (
    psycopg.errors.IntegrityError,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.LockNotAvailable,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What the writers have done so far.

    `actions`: by name, how often each changed something, or was rolled back by its own choice; those that found nothing
    to do count as transactions only. `refused`: rolled back by a constraint, a lock or a deadlock, as happens in any
    busy register.
    """

    transactions: int
    rows: int
    refused: int
    disconnected: int
    actions: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spells:
    """When people work: `busy_seconds` together, then nobody at all for `idle_seconds`."""

    busy_seconds: float
    idle_seconds: float

    def next(self, seconds: float) -> float:
        """The first moment of work from this one on; both in seconds since the beginning."""
        cycle = self.busy_seconds + self.idle_seconds
        within = seconds % cycle
        return seconds if within < self.busy_seconds else seconds - within + cycle


class Workload:
    """`writers` threads that together begin about `rate` transactions a second (0: as fast as they can).

    With `spells` they do so in spells, and rest all at once between them; at rate 0 nobody rests.
    """

    def __init__(
        self,
        dsn: str,
        *,
        name: str,
        actions: Mapping[Action, int],
        seed: int,
        writers: int,
        rate: float,
        spells: Spells | None = None,
    ) -> None:
        self._dsn = dsn
        self._application = f"{name} workload"
        self._actions = actions
        self._interval_seconds = writers / rate if rate > 0 else 0.0
        self._spells = spells if rate > 0 else None
        self._began = 0.0
        self._stopping = Event()
        self._lock = Lock()
        self._counts: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self._failures: list[BaseException] = []
        self._threads = [
            Thread(target=self._write, args=(Random(f"{seed}/{number}"), number == 0), name=f"writer-{number}")
            for number in range(writers)
        ]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Let the writers begin."""
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> Counters:
        """Let every writer end its transaction, once or more often; return what was done.

        Raises what a writer failed with, if one did.
        """
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        return self.counters()

    def counters(self) -> Counters:
        """What was done so far. Raises what a writer failed with, if one did."""
        if self._failures:
            raise self._failures[0]
        with self._lock:
            counts = self._counts
            return Counters(
                transactions=counts["transactions"],
                rows=counts["rows"],
                refused=counts["refused"],
                disconnected=counts["disconnected"],
                actions=dict(self._done),
            )

    def _write(self, rng: Random, is_first: bool) -> None:  # noqa: FBT001 - a thread's argument
        # One writer begins with each kind once, so that a short run has seen all of them.
        remaining = rng.sample(list(self._actions), len(self._actions)) if is_first else []
        try:
            while not self._stopping.is_set():
                try:
                    with psycopg.connect(
                        self._dsn, autocommit=True, application_name=self._application, options=_SETTINGS
                    ) as db:
                        self._act(db, rng, remaining)
                except (psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout):
                    self._count("disconnected")
                    self._stopping.wait(_RETRY_SECONDS)
        except BaseException as failure:  # noqa: BLE001 - raised again by stop()
            self._failures.append(failure)

    def _act(self, db: Database, rng: Random, remaining: list[Action]) -> None:
        actions, weights = list(self._actions), list(self._actions.values())
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            self._perform(db, rng, remaining.pop() if remaining else rng.choices(actions, weights)[0])
            due = self._working(max(due + self._interval_seconds, time.monotonic() - 1.0))

    def _working(self, moment: float) -> float:
        """This moment, or when people are at work again."""
        return moment if self._spells is None else self._began + self._spells.next(moment - self._began)

    def _perform(self, db: Database, rng: Random, action: Action) -> None:
        rows: int | None = None
        try:
            with db.transaction():
                rows = action(db, rng)
        except _REFUSALS:
            self._count("refused")
        else:
            with self._lock:
                self._counts["transactions"] += 1
                self._counts["rows"] += rows or 0
                if rows != 0:
                    self._done[action.__name__] += 1

    def _count(self, name: str) -> None:
        with self._lock:
            self._counts[name] += 1
