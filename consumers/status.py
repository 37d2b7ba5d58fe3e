"""What the embassy says of its registers, from its own databases, files and broker: `embassy status` there."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Final

import psycopg

from consumers.control import Control, Standby
from consumers.position import StandbyPosition
from consumers.stops import Stop, StopFiles
from consumers.telling import Told, ToldFiles
from consumers.voice import stored_position
from data_embassy import causes
from data_embassy.clock import behind
from data_embassy.config import Postgres, Register, Site, paused
from data_embassy.errors import ConfigError, TransportError
from data_embassy.kafka import TopicAdmin
from data_embassy.status import Backlog, DataKey, Part, Position, RegisterStatus, faulty, meets, utc
from data_embassy.types import Lsn

__all__ = ["RegisterStatus", "embassy_status"]

SILENT_SECONDS: Final = 10.0
"""A receiver that has not said anything for so long does not run."""
PULSE_SECONDS: Final = 20.0
"""A register whose newest pulse is older than this, while nothing waits here, is silent: it beats every second."""
Clock = Callable[[], dt.datetime]
ANSWER_SECONDS: Final = 3.0
"""Whoever looks at the page waits for an answer of the broker no longer."""
Ends = Mapping[str, int]
"""End of each lane that the broker knows, by topic."""
_TRIES_MAX: Final = 5
_RETRY_SECONDS: Final = 0.2
_MICROSECONDS: Final = 1e6


def embassy_status(site: Site, *, clock: Clock) -> list[RegisterStatus]:
    """Status of all registers of an embassy site. What cannot be reached is said in it."""
    if site.postgres is None:
        raise ConfigError(f"site {site.name} holds no standbys", remedy="give --site the embassy's folder")
    found = [faulty(name, error, site="embassy") for name, error in site.faults.items()]
    ends = _ends(site)
    try:
        with closing(Control.open(site.postgres, role="status")) as control:
            found += [_status_despite_switch(site, one, control, clock, ends) for one in site.registers.values()]
    except (TransportError, psycopg.OperationalError):
        found += [_without_server(site, site.postgres, one, clock, ends) for one in site.registers.values()]
    return sorted(found, key=lambda one: (one.tier, one.register))


def _ends(site: Site) -> Ends | None:
    """None while the broker does not answer: it is asked once for all lanes."""
    if not site.registers:
        return {}
    try:
        admin = TopicAdmin(site.kafka, answer_seconds=ANSWER_SECONDS)
        return admin.ends(register.lane_topic for register in site.registers.values())
    except TransportError:
        return None


def _status_despite_switch(
    site: Site, register: Register, control: Control, clock: Clock, ends: Ends | None
) -> RegisterStatus:
    """A switch renames databases and ends their sessions, also between two looks of ours: look again."""
    for _ in range(_TRIES_MAX - 1):
        try:
            return _status(site, register, control, clock, ends)
        except (TransportError, psycopg.OperationalError):
            time.sleep(_RETRY_SECONDS)
    return _status(site, register, control, clock, ends)


def _status(site: Site, register: Register, control: Control, clock: Clock, ends: Ends | None) -> RegisterStatus:
    standbys = control.standbys(register.name)
    live = next((one for one in standbys if one.state == "live"), None)
    other = next((one for one in reversed(standbys) if one.state != "live"), None)
    stops = {stop.database: stop for stop in control.stops(register.name)}
    shown = live or other
    stop = None if shown is None else stops.get(shown.database)
    position = None if shown is None else stored_position(control, shown.database)
    told = ToldFiles(site.state).read(register.name)
    stopped_other = None if other is None else stops.get(other.database)
    return _assemble(
        site,
        register,
        clock(),  # Read after the position: a pulse that was applied meanwhile does not come from the future.
        told=told,
        position=position,
        stop=stop,
        state="empty" if shown is None else "live" if live is not None else "loading",
        candidate=None if other is None else _candidate(other, stopped_other, told),
        ends=ends,
    )


def _without_server(
    site: Site, postgres: Postgres, register: Register, clock: Clock, ends: Ends | None
) -> RegisterStatus:
    stops = StopFiles(site.state).read(register.name)
    told = ToldFiles(site.state).read(register.name)
    status = _assemble(
        site,
        register,
        clock(),
        told=told,
        position=None,
        stop=stops[0] if stops else None,
        state="waiting",
        candidate=None,
        ends=ends,
    )
    reason = f"the standbys' server {postgres.host}:{postgres.port} does not answer"
    if status.cause is not None and status.state != "waiting":
        return replace(status, notes=(*status.notes, reason))
    remedy = "check that the server runs; the receiver tries again by itself"
    return replace(status, state="waiting", cause="Unreachable", reason=reason, remedy=remedy)


def _assemble(
    site: Site,
    register: Register,
    now: dt.datetime,
    *,
    told: Told | None,
    position: StandbyPosition | None,
    stop: Stop | None,
    state: str,
    candidate: Part | None,
    ends: Ends | None,
) -> RegisterStatus:
    pause, age = paused(site, register.name), None if told is None else max(0.0, now.timestamp() - told.at)
    is_down = age is None or age > SILENT_SECONDS
    lag, is_trusted = _lag(now.timestamp(), position, told)
    envelopes, notes = _backlog(register, position, ends)
    cause = reason = remedy = None
    if stop is not None:
        state, cause, reason, remedy = "stopped", stop.cause, stop.message, stop.remedy
    elif is_down:
        state, cause = "empty" if state == "empty" else "down", "ReceiverDown"
    elif told is not None and told.state == "waiting":
        state, cause, reason = "waiting", told.cause, told.trouble
    elif ends is None:
        state, cause = "waiting" if state == "live" else state, "EmbassyBrokerDown"
    elif state == "live" and is_trusted is not False and _is_silent(lag, envelopes, told):
        state, cause = "waiting", "PulseSilent"
    if is_down and cause != "ReceiverDown":
        notes = (*notes, "no receiver works here: embassy run receive")
    if pause is not None:
        state = "paused"
        reason = reason or f"paused by an operator since {pause.at}" + (f": {pause.reason}" if pause.reason else "")
        remedy = remedy or f"embassy register resume {register.name}"
    if cause is not None:
        reason = reason or causes.what_of(cause)
        remedy = remedy or causes.remedy_of(cause, register=register.name, site="embassy")
    return RegisterStatus(
        register=register.name,
        lane=register.lane,
        tier=register.tier,
        terms=register.terms,
        objective_seconds=register.terms.rpo_seconds,
        is_objective_met=meets(register.terms.rpo_seconds, lag),
        state=state,
        lag_seconds=None if lag is None else round(lag, 3),
        hops={} if told is None else told.hops,
        is_lag_trusted=is_trusted,
        clock_offset_seconds=None if told is None else told.offset_seconds,
        clock_uncertainty_seconds=None if told is None else told.uncertainty_seconds,
        age_seconds=None if age is None else round(age, 1),
        position=None if position is None else _position(position),
        backlog=Backlog(
            envelopes=envelopes,
            bytes=None if told is None or is_down else told.backlog_bytes,
            transactions=None if told is None or is_down else told.backlog_transactions,
        ),
        cause=cause,
        reason=reason,
        remedy=remedy,
        candidate=candidate,
        paused=None if pause is None else pause.reason or "by an operator",
        notes=notes,
        transactions=None if position is None else position.transactions,
        changes=None if position is None else position.changes,
        level_in_seconds=None if told is None or is_down else told.level_in_seconds,
        data_key=None
        if told is None or is_down or told.key_envelopes is None
        else DataKey(envelopes=told.key_envelopes),
        runs_out_seconds={}
        if told is None or told.lane_headroom_seconds is None
        else {"lane": told.lane_headroom_seconds},
    )


def _is_silent(lag: float | None, envelopes: int | None, told: Told | None) -> bool:
    """Whether the pulse is late although nothing of it waits here.

    Envelopes that are left may be the beginning of a transaction whose end never came.
    """
    has_all = envelopes == 0 or (told is not None and told.has_all)
    return has_all and lag is not None and lag > PULSE_SECONDS


def _lag(now: float, position: StandbyPosition | None, told: Told | None) -> tuple[float | None, bool | None]:
    """Lag, as the receiver knows the clocks, and whether it may be trusted.

    A pulse from the future shows by itself that they differ.
    """
    if position is None or position.pulse_at is None:
        return None, None
    correction, ahead = (0.0, 0.0) if told is None else (told.correction_seconds, told.ahead_seconds)
    lag = behind(now, position.pulse_at / _MICROSECONDS, correction=correction, ahead=ahead)
    return lag, False if lag is None else None if told is None else told.is_offset_small


def _candidate(standby: Standby, stop: Stop | None, told: Told | None) -> Part:
    said = {} if told is None else dict(told.candidate)
    is_same = (said.get("generation"), said.get("attempt")) == (standby.generation, standby.attempt)
    detail = {key: said[key] for key in ("rows", "bytes", "tables_done") if is_same and key in said}
    return Part(
        name=f"generation {standby.generation}.{standby.attempt}",
        state="stopped" if stop is not None else str(said.get("state", "loading")) if is_same else "loading",
        cause=None if stop is None else stop.cause,
        reason=None if stop is None else stop.message,
        remedy=None if stop is None else stop.remedy,
        since=None if stop is None else stop.stopped_at,
        detail={"generation": standby.generation, "attempt": standby.attempt, "database": standby.database} | detail,
    )


def _backlog(
    register: Register, position: StandbyPosition | None, ends: Ends | None
) -> tuple[int | None, tuple[str, ...]]:
    if ends is None:
        return None, ("the lane cannot be read: this site's broker does not answer",)
    end = ends.get(register.lane_topic)
    if end is None:
        return None, ("the lane cannot be read: this site's broker has no such topic yet",)
    return None if position is None else max(0, end - position.lane_offset - 1), ()


def _position(position: StandbyPosition) -> Position:
    return Position(
        commit_lsn=str(Lsn(position.last_end)),
        source_committed_at=utc(position.committed_at),
        home_offset=position.home_offset,
        generation=position.generation,
        attempt=position.attempt,
        lane_offset=position.lane_offset,
    )
