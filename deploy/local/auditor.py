"""Invariants of the reference registers, evaluated at their standbys all the time: at which commits they held.

An evaluation is one check's answer, read in one snapshot together with the standby's position: it speaks of the
register as it was after that one commit. A check that finds something there was broken by replication, for its register
never looked so to anybody. An auditor may read everything and write nothing; it outlives restarts of the server and
generations that take over the name.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Final, Self

import psycopg
from psycopg import sql

from data_embassy.errors import CheckFailed
from data_embassy.types import Lsn
from deploy.local.standbys import auditor_dsn
from deploy.local.system import LocalSystem
from deploy.registers.catalogue import REGISTERS
from deploy.registers.draws import Database
from deploy.registers.reference import Reference

_KEPT_MAX: Final = 20
_SHARE: Final = 0.1
_PAUSE_SECONDS_MIN: Final = 0.02
_UNMOVED_SECONDS: Final = 0.3
_RETRY_SECONDS: Final = 0.5
# Gives up before the server's deadlock_timeout, where this session and the receiver wait for each other.
_OPTIONS: Final = "-c lock_timeout=300ms -c statement_timeout=60s"
_TABLES: Final = (
    "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
    " AND relnamespace = to_regnamespace(%s) ORDER BY oid"
)
_POSITION: Final = "SELECT generation, last_end::text FROM embassy_local.position"
_HAS_POSITION: Final = "SELECT to_regclass('embassy_local.position') IS NOT NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A check that found something in a standby, and at which commit of the register."""

    register: str
    check: str
    rows: int
    generation: int
    commit: Lsn

    def __str__(self) -> str:
        """Where, what, and how often."""
        return f"{self.register}: {self.check} finds {self.rows} at {self.commit} of generation {self.generation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an auditor found so far.

    `positions`: different commits at which every check was evaluated. `interrupted`: rounds that ended without an
    answer, since the server was away, a newer generation took over, or the receiver held a lock for long. `broken`:
    evaluations that found something; `violations` holds the first of them. `generation`: of the newest evaluation.
    """

    register: str
    generation: int | None
    evaluations: int
    positions: int
    interrupted: int
    broken: int
    violations: tuple[Violation, ...]


@dataclass(slots=True)
class Auditor:
    """Evaluates all checks of one register in a standby until told to stop, using `share` of one processor at most."""

    reference: Reference
    dsn: str
    share: float = _SHARE
    _evaluations: int = 0
    _interrupted: int = 0
    _broken: int = 0
    _positions: set[tuple[int, Lsn]] = field(default_factory=set)
    _last: tuple[int, Lsn] | None = None
    _violations: list[Violation] = field(default_factory=list)
    _failure: BaseException | None = None
    _stopping: Event = field(default_factory=Event)
    _thread: Thread = field(init=False)

    def __post_init__(self) -> None:
        self._thread = Thread(target=self._guarded, name=f"auditor-{self.reference.name}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def audit(self) -> Audit:
        """What was found so far, also after the end. Raises what the auditor itself failed with, if it did."""
        if self._failure is not None:
            raise self._failure
        return Audit(
            register=self.reference.name,
            generation=None if self._last is None else self._last[0],
            evaluations=self._evaluations,
            positions=len(self._positions),
            interrupted=self._interrupted,
            broken=self._broken,
            violations=tuple(self._violations),
        )

    def _guarded(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    with psycopg.connect(
                        self.dsn, autocommit=True, application_name="auditor", connect_timeout=5, options=_OPTIONS
                    ) as standby:
                        self._watch(standby)
                except psycopg.OperationalError:
                    self._interrupted += 1
                    self._stopping.wait(_RETRY_SECONDS)
        except BaseException as failure:  # noqa: BLE001 - raised again by audit()
            self._failure = failure

    def _watch(self, standby: Database) -> None:
        while not self._stopping.is_set():
            before, began = self._last, time.monotonic()
            self._round(standby)
            took = time.monotonic() - began
            pause = _PAUSE_SECONDS_MIN if self._last != before else _UNMOVED_SECONDS
            self._stopping.wait(max(pause, took * (1 / self.share - 1)))

    def _round(self, standby: Database) -> None:
        if standby.execute(_HAS_POSITION).fetchone() != (True,):
            return
        tables = standby.execute(_TABLES, (self.reference.name,)).fetchall()
        names = [sql.Identifier(self.reference.name, str(table)) for (table,) in tables]
        with standby.transaction():
            standby.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # Before the snapshot: a table that is emptied or rewritten behind one looks empty to it.
            if names:
                standby.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.SQL(", ").join(names)))
            row = standby.execute(_POSITION).fetchone()
            if row is None:
                return
            position = (int(str(row[0])), Lsn.parse(str(row[1])))
            found = self.reference.violations(standby)
        self._note(position, found)

    def _note(self, position: tuple[int, Lsn], found: Mapping[str, int]) -> None:
        self._last = position
        self._positions.add(position)
        self._evaluations += len(self.reference.checks)
        self._broken += len(found)
        for check, rows in found.items():
            if len(self._violations) < _KEPT_MAX:
                generation, commit = position
                self._violations.append(
                    Violation(
                        register=self.reference.name, check=check, rows=rows, generation=generation, commit=commit
                    )
                )


@contextmanager
def auditing(system: LocalSystem, *names: str, share: float = _SHARE) -> Iterator[dict[str, Auditor]]:
    """Auditors at the standbys of these registers of the catalogue while the body runs."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Auditor(REGISTERS[name], auditor_dsn(system.layout, name), share))
            for name in names
        }


def held(auditors: Mapping[str, Auditor]) -> dict[str, Audit]:
    """What each found so far; raises CheckFailed as soon as an invariant was broken at any standby."""
    found = {name: auditor.audit() for name, auditor in auditors.items()}
    broken = [str(violation) for audit in found.values() for violation in audit.violations]
    if broken:
        raise CheckFailed("invariants are broken: " + "; ".join(broken), remedy="embassy register verify NAME")
    return found
