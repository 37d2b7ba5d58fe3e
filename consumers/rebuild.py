"""A base built anew from the lane, for a load whose base stands elsewhere by now: a replay within a load.

The base may rest on another one: its own load sees to that.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Final, Protocol

from consumers import standby
from consumers.beginnings import GenerationBegan
from consumers.control import Control, Standby
from consumers.cuts import Goal
from consumers.load import Base, drop_generation, drop_other
from consumers.position import StandbyPosition
from consumers.refusals import NEW_GENERATION, WAIT, BaseMissing, BaseMoved
from consumers.scout import search
from consumers.services import Services, Stopped
from data_embassy import log
from data_embassy.config import Register
from data_embassy.types import Lsn

_GONE: Final = "this generation rests on generation {0}.{1} at {2}, and the lane does not hold that any more"
_log = log.get("receive")


class Worker(Protocol):
    """What loads and applies (consumers.worker)."""

    position: StandbyPosition | None
    stopped: Stopped | None
    crash: BaseException | None

    def run(self) -> None: ...  # noqa: D102


BeginWorker = Callable[[Standby, Services, Goal], Worker]


def build_base(
    base: Base,
    database: str,
    *,
    register: Register,
    services: Services,
    begin_worker: BeginWorker,
    is_stopping: Callable[[], bool],
) -> None:
    """Load and apply the base's generation exactly up to its commit; goes on where a kill ended it.

    Raises BaseMissing, BaseMoved when it has to end, TransportError, and what stopped the worker.
    """

    def scanned(_done: int, _total: int) -> None:
        if is_stopping():
            raise BaseMoved("the receiver ends", remedy=WAIT)

    _log.info("base is built", register=register.name, generation=base.generation, attempt=base.attempt)
    _make_room(services, database, base)
    with closing(services.open_lane()) as lane:
        _, lane_end = lane.bounds()
        found = {one.began.run: one for one in search(lane, services.new_opener(), scanned)}
    at = found.get(base.run)
    if at is None or not at.is_complete:
        raise _missing(base)
    goal = Goal(commit_lsn=base.commit_lsn, lane_end=lane_end)
    alone = replace(services, receipts=None, answers=None, asker=None)
    worker = begin_worker(_target(register, database, base, at.began), alone, goal)
    worker.run()
    if worker.crash is not None:
        raise worker.crash
    if worker.position is not None and worker.position.last_end == base.commit_lsn:
        return  # Also where it then stopped: that is what ended the base's life.
    if worker.stopped is not None:
        raise worker.stopped.error
    if is_stopping():
        raise BaseMoved("the receiver ends", remedy=WAIT)
    raise _missing(base)


def _missing(base: Base) -> BaseMissing:
    return BaseMissing(_GONE.format(base.generation, base.attempt, Lsn(base.commit_lsn)), remedy=NEW_GENERATION)


def _target(register: Register, database: str, base: Base, began: GenerationBegan) -> Standby:
    return Standby(
        register=register.name,
        database=database,
        generation=base.generation,
        attempt=base.attempt,
        state="loading",
        incarnation=began.incarnation,
        begin_home_offset=began.home_offset,
        begin_lane_offset=began.lane_offset,
        begin_record=began.value,
    )


def _make_room(services: Services, database: str, base: Base) -> None:
    """Drop what an earlier load left, unless it is on the way to this base."""
    with closing(Control.open(services.postgres, role="receive")) as control:
        drop_other(control.connection, database, base.run)
        if not control.exists(database):
            return
        with closing(standby.open_session(services.postgres, database, role="look")) as connection:
            position = standby.read_position(connection) if standby.has_position_table(connection) else None
        if position is not None and position.last_end > base.commit_lsn:
            drop_generation(control.connection, database)
