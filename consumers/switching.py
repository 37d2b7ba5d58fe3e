"""Which standbys of a register work, and how a loaded one takes the register's name (DESIGN 5)."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Final

import psycopg

from consumers.bases import base_database
from consumers.control import Control, Standby
from consumers.load import drop_generation
from consumers.refusals import StandbyMissing
from consumers.worker import StandbyWorker
from data_embassy import failpoint

SWITCH_SECONDS_MAX: Final = 15.0


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


def drop_superseded(control: Control, standby: Standby) -> None:
    """Forget a standby that nothing will come of, and the base that was built for it."""
    for database in (standby.database, base_database(standby.database)):
        drop_generation(control.connection, database)
    control.remove(standby.register, standby.database)
    control.note(standby.register, "superseded", f"{standby.generation}.{standby.attempt}")


def drop_retired(control: Control, register: str) -> None:
    """Drop what was live once, also what an earlier process did not come to drop."""
    for database in control.retired(register):
        drop_generation(control.connection, database)
        control.remove(register, database)


def is_missing(worker: StandbyWorker) -> bool:
    """True when the worker stopped because its database is gone."""
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
