"""Where the history looks: the site's receivers, pauses, and reports of verifications."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from consumers.figures import position_of
from consumers.history.coverage import Look
from consumers.history.keeper import HistoryKeeper
from consumers.history.notes import Watched
from consumers.history.store import Happening
from consumers.supervise import RegisterReceiver
from data_embassy.config import Site, paused
from data_embassy.drills import Drill, drills
from data_embassy.verifications import finished_at, reports

REPAIR: Final = "at home: embassy register repair {}"


def keeper_of(site: Site, receivers: Callable[[], Iterable[RegisterReceiver]]) -> HistoryKeeper:
    """The history of an embassy's registers."""
    assert site.postgres is not None

    def now() -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    return HistoryKeeper(site.postgres, look=looker(site, receivers, now=now), reports=recorded(site.state), now=now)


def recorded(state: Path) -> Callable[[str], list[Happening]]:
    """What is on this site's record of a register: verifications and drills."""
    verifications = Verifications(state)

    def of(register: str) -> list[Happening]:
        return verifications.of(register) + [_drilled(register, one) for one, _ in drills(state, register)]

    return of


def looker(
    site: Site, receivers: Callable[[], Iterable[RegisterReceiver]], *, now: Callable[[], dt.datetime]
) -> Callable[[], Mapping[str, Watched]]:
    """Looks at the registers of this process; those that another one receives are left out."""

    def look() -> Mapping[str, Watched]:
        found = ((one.register.name, _watched(site, one, now)) for one in receivers())
        return {name: watched for name, watched in found if watched is not None}

    return look


def _watched(site: Site, receiver: RegisterReceiver, now: Callable[[], dt.datetime]) -> Watched | None:
    if (said := receiver.condition) is None:
        return None
    figures, position = receiver.figures(), position_of(receiver)
    pause = paused(site, receiver.register.name)
    look = Look(
        at=now(),
        state=said[1].state,
        cause=said[1].cause,
        lag_seconds=figures.lag_seconds,
        is_lag_trusted=figures.is_lag_trusted,
        hops=figures.hops if receiver.live is None else receiver.live.beats.take_slowest().hops,
        transactions=None if position is None else position.transactions,
        backlog_envelopes=figures.backlog_envelopes,
        objective_seconds=receiver.register.terms.rpo_seconds,
    )
    return Watched(
        look=look,
        pause=None if pause is None else pause.reason or "no reason was given",
        mended_at=None if receiver.live is None else receiver.live.mended_at,
    )


class Verifications:
    """Reports of verifications that this site keeps, as events. Each file is read once."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._known: dict[str, dict[Path, Happening | None]] = {}

    def of(self, register: str) -> list[Happening]:
        """All of a register's."""
        known = self._known.setdefault(register, {})
        for path, document in reports(self._state, register, without=known):
            known[path] = _verified(register, document["report"])
        return [one for one in known.values() if one is not None]


def _drilled(register: str, one: Drill) -> Happening:
    note = f": {one.note}" if one.note else ""
    return Happening(
        register=register,
        kind="drill",
        at=one.at,
        text=f"{one.result}, by {one.by}{note}",
        cause=None if one.is_passed else "DrillFailed",
        facts={"is_passed": one.is_passed, "by": one.by, "registers": list(one.registers), "drill": one.id},
    )


def _verified(register: str, report: Mapping[str, Any]) -> Happening | None:
    try:
        at = finished_at(report)
        is_equal, tables = bool(report["equal"]), list(report["tables"])
        differing = sum(not table["equal"] for table in tables)
        where = f"at {report['position']}: {len(tables)} tables"
    except (KeyError, TypeError, ValueError):
        return None  # Of another version.
    text = f"equal {where}" if is_equal else f"NOT EQUAL {where}, {differing} of them differ"
    return Happening(
        register=register,
        kind="verification",
        at=at,
        text=text,
        cause=None if is_equal else "Differs",
        remedy=None if is_equal else REPAIR.format(register),
        facts={"is_equal": is_equal, "verification": str(report.get("verification", ""))},
    )
