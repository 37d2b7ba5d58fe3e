"""What the embassy says of its registers: state, lag, position, backlog, and what stands still with its remedy."""

from __future__ import annotations

import datetime as dt
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import psycopg

from consumers import standby
from consumers.control import Control, Standby
from consumers.lane import KafkaLane
from consumers.position import StandbyPosition
from consumers.stops import Stop
from data_embassy.config import Register, Site
from data_embassy.errors import ConfigError, TransportError
from data_embassy.types import Lsn

_TRIES_MAX: Final = 5
_RETRY_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterStatus:
    """One register as the embassy sees it."""

    register: str
    lane: str
    state: str
    """empty, loading, live or stopped."""
    generation: int | None = None
    lag_seconds: float | None = None
    """Now minus the newest applied pulse, by this site's clock."""
    commit_lsn: str | None = None
    committed_at: str | None = None
    lane_offset: int | None = None
    backlog_envelopes: int | None = None
    transactions: int | None = None
    changes: int | None = None
    candidate: str | None = None
    """A generation that loads beside the live one."""
    cause: str | None = None
    message: str | None = None
    remedy: str | None = None


def embassy_status(site: Site, *, now: dt.datetime) -> list[RegisterStatus]:
    """Status of all registers of an embassy site; raises TransportError when the standbys' server is away."""
    if site.postgres is None:
        raise ConfigError(f"site {site.name} holds no standbys", remedy="give --site the embassy's folder")
    with closing(Control.open(site.postgres, role="status")) as control:
        return [_status_despite_switch(site, register, control, now) for register in site.registers.values()]


def _status_despite_switch(site: Site, register: Register, control: Control, now: dt.datetime) -> RegisterStatus:
    """A switch renames databases and ends their sessions, also between two looks of ours: look again."""
    for _ in range(_TRIES_MAX - 1):
        try:
            return _status(site, register, control, now)
        except (TransportError, psycopg.OperationalError):
            time.sleep(_RETRY_SECONDS)
    return _status(site, register, control, now)


def _status(site: Site, register: Register, control: Control, now: dt.datetime) -> RegisterStatus:
    standbys = control.standbys(register.name)
    live = next((one for one in standbys if one.state == "live"), None)
    candidate = next((one for one in reversed(standbys) if one.state != "live"), None)
    stops = {stop.database: stop for stop in control.stops(register.name)}
    shown = live or candidate
    position = None if shown is None else _position(site, control, shown)
    stop = stops.get(shown.database) if shown is not None else None
    end = _lane_end(site, register)
    return RegisterStatus(
        register=register.name,
        lane=register.lane,
        state=_state(shown, stop),
        generation=None if shown is None else shown.generation,
        lag_seconds=_lag(position, now),
        commit_lsn=None if position is None else str(Lsn(position.last_end)),
        committed_at=None if position is None or position.committed_at is None else _time(position.committed_at),
        lane_offset=None if position is None else position.lane_offset,
        backlog_envelopes=None if position is None or end is None else max(0, end - position.lane_offset - 1),
        transactions=None if position is None else position.transactions,
        changes=None if position is None else position.changes,
        candidate=None if live is None or candidate is None else candidate.database,
        cause=None if stop is None else stop.cause,
        message=None if stop is None else stop.message,
        remedy=None if stop is None else stop.remedy,
    )


def _state(shown: Standby | None, stop: Stop | None) -> str:
    if shown is None:
        return "empty"
    if stop is not None:
        return "stopped"
    return "live" if shown.state == "live" else "loading"


def _position(site: Site, control: Control, shown: Standby) -> StandbyPosition | None:
    if site.postgres is None or not control.exists(shown.database):
        return None
    with closing(standby.open_session(site.postgres, shown.database, role="status")) as connection:
        if not standby.has_position_table(connection):
            return None
        return standby.read_position(connection)


def _lag(position: StandbyPosition | None, now: dt.datetime) -> float | None:
    if position is None or position.pulse_at is None:
        return None
    return round(max(0.0, now.timestamp() - position.pulse_at / 1e6), 3)


def _time(microseconds: int) -> str:
    return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=microseconds)).isoformat()


def _lane_end(site: Site, register: Register) -> int | None:
    try:
        with closing(KafkaLane(site.kafka, register.lane_topic)) as lane:
            return lane.bounds()[1]
    except TransportError:
        return None
