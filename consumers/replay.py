"""Replay: rebuild a register from the lane alone, up to its end or up to a commit (DESIGN 5). Home may be dark.

The newest complete snapshot whose consistent point is not behind the goal is loaded into a database of its own by the
same worker that receives, and what follows it on the lane is applied. Up to a position, that database is the result.
Without one it becomes the live standby: here, if no receiver works on the register, otherwise by the receiver, which
takes a rebuilt standby over as a candidate.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from consumers.beginnings import GenerationBegan
from consumers.control import Control, Standby
from consumers.cuts import Goal
from consumers.generations import Found, newest
from consumers.load import drop_generation
from consumers.position import StandbyPosition
from consumers.refusals import NEW_GENERATION, remedy_for
from consumers.scout import search
from consumers.supervise import Surroundings
from consumers.switching import make_live
from consumers.worker import Services, StandbyWorker
from data_embassy.config import Register
from data_embassy.errors import CheckFailed, DataEmbassyError, TransportError
from data_embassy.types import Lsn
from schemas.records import split_snapshot_run

TAKE_OVER_SECONDS_MAX: Final = 120.0
_POLL_SECONDS: Final = 0.2


class NothingToReplay(DataEmbassyError):
    """The lane holds no complete snapshot that reaches the goal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a replay is."""

    step: str
    done: int
    total: int | None
    rows: int
    changes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a replay made."""

    database: str
    generation: int
    attempt: int
    commit_lsn: str
    transactions: int
    changes: int
    rows: int
    is_live: bool
    seconds: float


def replay(
    register: Register,
    surroundings: Surroundings,
    *,
    until: Lsn | None,
    tell: Callable[[Progress], None],
) -> Replayed:
    """Rebuild the register; raises NothingToReplay, CheckFailed, TransportError, or what stopped the worker."""
    started = time.monotonic()
    with closing(Control.open(surroundings.postgres, role="replay")) as control:
        if not control.lock("replay", register.name):
            raise CheckFailed(
                f"another replay of {register.name} runs", remedy="wait for it, or end it; then: embassy status"
            )
        found, lane_end = _choose(register, surroundings, until, tell)
        database = f"{register.name}_replay" if until is None else _database_at(register, until)
        _check_free(control, register, database)
        worker = _build(
            register,
            surroundings,
            found,
            goal=Goal(commit_lsn=until, lane_end=lane_end),
            database=database,
            tell=tell,
        )
        position = worker.position
        assert position is not None
        if until is None:
            _hand_over(control, register, worker.target, found, surroundings=surroundings, tell=tell)
        else:
            control.note(register.name, "replay", f"{database} at {Lsn(position.last_end)}")
            control.allow_readers(database, is_allowed=True)
        return Replayed(
            database=register.name if until is None else database,
            generation=position.generation,
            attempt=position.attempt,
            commit_lsn=str(Lsn(position.last_end)),
            transactions=position.transactions,
            changes=position.changes,
            rows=0 if worker.progress is None else worker.progress.rows,
            is_live=until is None,
            seconds=round(time.monotonic() - started, 3),
        )


def _choose(
    register: Register, surroundings: Surroundings, until: Lsn | None, tell: Callable[[Progress], None]
) -> tuple[GenerationBegan, int]:
    def scanned(done: int, total: int) -> None:
        tell(Progress(step="search", done=done, total=total, rows=0, changes=0))

    with closing(surroundings.open_lane(register)) as lane:
        _, end = lane.bounds()
        found: list[Found] = search(lane, surroundings.new_opener(register), scanned)
    best = newest(found, until=until)
    if best is None:
        goal = "" if until is None else f" at or before {until}"
        raise NothingToReplay(
            f"the lane holds no complete snapshot{goal} ({len(found)} begun)",
            remedy=remedy_for(NEW_GENERATION, register.name),
        )
    return best.began, end


def _database_at(register: Register, until: Lsn) -> str:
    return f"{register.name}_at_{until >> 32:x}_{until & 0xFFFFFFFF:x}"


def _check_free(control: Control, register: Register, database: str) -> None:
    if database == f"{register.name}_replay" and not any(
        one.database == database for one in control.standbys(register.name)
    ):
        return  # Left by a replay that was killed: it goes on there.
    if control.exists(database):
        raise CheckFailed(
            f"the database {database} exists already",
            remedy=f'use it, or drop it first: DROP DATABASE "{database}"',
        )


def _build(
    register: Register,
    surroundings: Surroundings,
    began: GenerationBegan,
    *,
    goal: Goal,
    database: str,
    tell: Callable[[Progress], None],
) -> StandbyWorker:
    generation, attempt = split_snapshot_run(began.run)
    worker = StandbyWorker(
        register=register,
        target=Standby(
            register=register.name,
            database=database,
            generation=generation,
            attempt=attempt,
            state="loading",
            incarnation=began.incarnation,
            begin_home_offset=began.home_offset,
            begin_lane_offset=began.lane_offset,
            begin_record=began.value,
        ),
        services=Services(
            postgres=surroundings.postgres,
            open_lane=lambda: surroundings.open_lane(register),
            new_opener=lambda: surroundings.new_opener(register),
            receipts=None,
            now=surroundings.now,
            decide=surroundings.decide(register),
        ),
        goal=goal,
        latest_run=began.run,
    )
    worker.start()
    try:
        while worker.is_alive():
            worker.join(_POLL_SECONDS)
            tell(_progress(worker, began, goal))
    except BaseException:
        worker.stop()
        worker.join()
        raise
    if worker.crash is not None:
        raise worker.crash
    if worker.stopped is not None:
        raise worker.stopped.error
    return worker


def _progress(worker: StandbyWorker, began: GenerationBegan, goal: Goal) -> Progress:
    position: StandbyPosition | None = worker.position
    total = None if goal.lane_end is None else goal.lane_end - began.lane_offset
    return Progress(
        step="load" if position is None else "apply",
        done=0 if position is None else position.lane_offset - began.lane_offset + 1,
        total=total,
        rows=0 if worker.progress is None else worker.progress.rows,
        changes=0 if position is None else position.changes,
    )


def _hand_over(
    control: Control,
    register: Register,
    built: Standby,
    began: GenerationBegan,
    *,
    surroundings: Surroundings,
    tell: Callable[[Progress], None],
) -> None:
    """Make the rebuilt database the live one, or let the running receiver do it."""
    control.add(register.name, built.database, began, state="replayed")
    deadline = time.monotonic() + TAKE_OVER_SECONDS_MAX
    while time.monotonic() < deadline:
        tell(Progress(step="take over", done=0, total=None, rows=0, changes=0))
        if control.lock("receive", register.name):
            mine = next((one for one in control.standbys(register.name) if one.database == built.database), None)
            if mine is not None:
                live = next((one for one in control.standbys(register.name) if one.state == "live"), None)
                make_live(control, live, mine, now=surroundings.now(), wait=_sleep)
                for other in control.standbys(register.name):
                    if other.state == "loading" and other.run <= mine.run:
                        drop_generation(control.connection, other.database)
                        control.remove(register.name, other.database)
            return
        if not any(one.database == built.database for one in control.standbys(register.name)):
            return  # The receiver took it.
        _sleep(_POLL_SECONDS)
    raise TransportError(
        f"the running receiver did not take {built.database} over in {TAKE_OVER_SECONDS_MAX:g} s",
        remedy="see embassy status; the rebuilt database stays, and the receiver takes it when it can",
    )


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False
