"""A harbour's database that nobody here has seen: people at work in it, and what its developers change meanwhile.

With schema changes (any_releases.sql) come actions (any_work.py) that use what is new, and those go that used what is
gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import psycopg

from deploy.local.machine import checkout
from tests.support.any_work import ACTIONS, FEES, LATER
from tests.support.odd_register import Action, Database, OddWorkload

NAME: Final = "harbour"
DATABASE: Final = "Sadam № 7"
_PATH: Final = f"harbour, {FEES}, public"
_LOCK_SECONDS_MAX: Final = 60.0


def create(dsn: str) -> None:
    """Make the register in an empty database."""
    with psycopg.connect(dsn) as connection:
        connection.execute((checkout() / "tests" / "support" / "any_register.sql").read_bytes())


def connect(dsn: str) -> Database:
    """A writer's session: it finds the tables, and prepares nothing, since their columns change."""
    options = "-c lock_timeout=3s -c idle_in_transaction_session_timeout=30s"
    connection = psycopg.connect(dsn, autocommit=True, application_name="harbour", options=options,
                                 prepare_threshold=None)  # fmt: skip
    connection.execute(f"SET search_path = {_PATH}".encode())
    return connection


@dataclass(frozen=True, slots=True)
class Step:
    """A client's string, and whose programs come and go with it."""

    string: str
    come: tuple[Action, ...] = ()
    go: tuple[Action, ...] = ()


def releases(part: str) -> tuple[Step, ...]:
    """The steps of a part of any_releases.sql: "first", or "later"."""
    text = (checkout() / "tests" / "support" / "any_releases.sql").read_text()
    found: dict[str, list[Step]] = {}
    for paragraph in text.split("\n\n")[1:]:
        said: dict[str, list[str]] = {"comes": [], "goes": [], "part": []}
        lines = paragraph.splitlines()
        while lines[0].startswith("--@ "):
            word, value = lines.pop(0).removeprefix("--@ ").split()
            said[word].append(value)
        if said["part"]:
            steps = found[said["part"][0]] = []
        come, go = (tuple(LATER[name] for name in said[word]) for word in ("comes", "goes"))
        steps.append(Step("\n".join(lines), come, go))
    return tuple(found[part])


@dataclass
class Harbour:
    """People at work, and developers."""

    dsn: str
    seed: int = 7
    writers: int = 3
    rate: float = 30.0
    actions: dict[Action, int] = field(default_factory=lambda: dict(ACTIONS))

    def workload(self) -> OddWorkload:
        """To be entered; its `done` counts transactions by action, those included that were thought better of."""
        return OddWorkload(self.dsn, seed=self.seed, writers=self.writers, rate=self.rate, actions=self.actions,
                           connect=connect)  # fmt: skip

    def release(self, steps: Iterable[Step], between: Callable[[], None] = lambda: None) -> None:
        """Run the steps one after the other, `between` after each; the programs that use them come and go."""
        with connect(self.dsn) as developer:
            for step in steps:
                _run(developer, step.string)
                for action in step.go:
                    del self.actions[action]
                self.actions.update(dict.fromkeys(step.come, 5))
                between()


def _run(developer: Database, string: str) -> None:
    """As a careful developer does: rather fail, and try again, than make the register's users queue."""
    deadline = time.monotonic() + _LOCK_SECONDS_MAX
    while True:
        try:
            developer.execute(string.encode())
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if developer.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                developer.execute("ROLLBACK")
            if time.monotonic() > deadline:
                raise
        else:
            return
