"""What home says of its registers: source, capture, forward, and the embassy as its signed receipts tell it.

Everything is asked at home, and the receipts through the link. What cannot be reached is said, and the rest is shown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

import psycopg

from connectors.client import ConnectClient
from connectors.plan import connector_name
from connectors.watch import health_folder, read_health
from data_embassy import causes
from data_embassy.config import Register, Site, paused
from data_embassy.errors import DataEmbassyError
from data_embassy.kafka import client_settings
from data_embassy.keys import HomeKeys, load_home_keys
from data_embassy.postgres import connect
from data_embassy.status import Backlog, Part, RegisterStatus, faulty, meets
from operations.status.heard import age_of, data_key_of, is_recent, is_trusted, lag_of, position_of, runs_out
from pipelines.logs import LogReader
from pipelines.memory import Memory, Remembered
from pipelines.pulse.slot import SlotTold, read_slot
from pipelines.receipts import Heard, Receipt, ReceiptFollower
from pipelines.stops import StopFiles
from pipelines.telling import Told, read_told

SILENT_SECONDS: Final = 20.0
"""An embassy that has not said anything for so long is silent: it speaks every five seconds."""
FORWARDER_SECONDS: Final = 15.0
Clock = Callable[[], dt.datetime]
_ANSWER_SECONDS: Final = 3.0
_THREADS_MAX: Final = 8
_MICROSECONDS: Final = 1e6
_SLOT: Final = (
    "SELECT active, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()"
    " ELSE pg_current_wal_lsn() END, restart_lsn)::bigint FROM pg_replication_slots WHERE slot_name = %s"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What was found out about one register; None where it could not be."""

    heard: Heard | None = None
    position: Receipt | None = None
    has_gone_back: bool = False
    home_end: int | None = None
    slot: tuple[bool, int | None] | None = None
    notes: tuple[str, ...] = ()


def home_status(site: Site, *, clock: Clock) -> list[RegisterStatus]:
    """Status of all registers of a home site; raises KeyringError and ConfigError only."""
    keys, told = load_home_keys(site.keys, site=site.name), read_told(site.state)
    found = [faulty(name, error, site="home") for name, error in site.faults.items()]
    with ThreadPoolExecutor(_THREADS_MAX) as threads:
        found += threads.map(lambda one: _status(site, keys, one, clock, told), site.registers.values())
    return sorted(found, key=lambda one: (one.tier, one.register))


def _status(site: Site, keys: HomeKeys, register: Register, clock: Clock, told: Told | None) -> RegisterStatus:
    remembered = Memory(site.state).read(register.name)
    seen = _look(site, keys, register, remembered)
    now = clock()
    parts = [_source(site, register, seen), _capture(site, register), _forward(site, register, now, told)]
    parts.append(_embassy(register, seen, now, remembered))
    pause = paused(site, register.name)
    status = _shown(register, seen, now, remembered=remembered, told=told, slot=read_slot(site.state, register.name))
    worst = next((part for part in parts if part.cause is not None), None)
    state = worst.state if worst is not None else parts[-1].state
    if pause is not None and (worst is None or worst.state != "stopped"):
        state = "paused"
    if worst is not None:
        status = replace(status, cause=worst.cause, reason=worst.reason, remedy=worst.remedy)
    elif pause is not None:
        why = f": {pause.reason}" if pause.reason else ""
        remedy = f"embassy register resume {register.name}"
        status = replace(status, reason=f"paused by an operator since {pause.at}{why}", remedy=remedy)
    elif state == "paused":
        remedy = f"at the embassy: embassy register resume {register.name}"
        status = replace(status, reason="paused by an operator of the embassy", remedy=remedy)
    paused_here = None if pause is None else pause.reason or "by an operator"
    return replace(status, state=state, parts=tuple(parts), paused=paused_here)


def _shown(
    register: Register,
    seen: _Seen,
    now: dt.datetime,
    *,
    remembered: Remembered | None,
    told: Told | None,
    slot: SlotTold | None,
) -> RegisterStatus:
    heard, position = seen.heard, seen.position
    lately = told if told is not None and is_recent(told, now) else None
    acknowledged = None if told is None else told.acknowledged.get(register.name)
    records = None if seen.home_end is None or acknowledged is None else max(0, seen.home_end - acknowledged)
    lag, age = lag_of(heard, position, remembered), age_of(heard, now, remembered)
    # The embassy speaks every few seconds: what it said is taken for the present until it is silent.
    behind = None if lag is None or age is None else lag if age <= SILENT_SECONDS else lag + age
    return RegisterStatus(
        register=register.name,
        lane=register.lane,
        tier=register.tier,
        terms=register.terms,
        objective_seconds=register.terms.rpo_seconds,
        is_objective_met=meets(register.terms.rpo_seconds, behind),
        state="unknown",
        lag_seconds=lag,
        hops={} if heard is None else {hop: took / _MICROSECONDS for hop, took in heard.hops.items()},
        is_lag_trusted=is_trusted(heard, remembered),
        clock_offset_seconds=None if remembered is None else remembered.offset_seconds,
        clock_uncertainty_seconds=None if remembered is None else remembered.uncertainty_seconds,
        age_seconds=age,
        position=None if position is None else position_of(position),
        backlog=Backlog(
            records=records,
            envelopes=None if heard is None else heard.backlog_envelopes,
            slot_bytes=None if seen.slot is None else seen.slot[1],
            bytes=None if lately is None else lately.waiting_bytes.get(register.name),
            transactions=None if heard is None else heard.backlog_transactions,
        ),
        runs_out_seconds=runs_out(register.name, now, told, slot),
        candidate=None if heard is None or not heard.candidate else _candidate(register.name, heard.candidate),
        notes=seen.notes,
        is_held=None if lately is None else register.name in lately.held,
        level_in_seconds=None if lately is None else lately.level_in_seconds.get(register.name),
        data_key=None if lately is None else data_key_of(register.name, lately),
    )


def _look(site: Site, keys: HomeKeys, register: Register, remembered: Remembered | None) -> _Seen:
    # What the forwarder heard last stands in for what cannot be asked now.
    seen, notes = _Seen(), []
    if remembered is not None:
        seen = _Seen(heard=remembered.heard, position=remembered.position, has_gone_back=remembered.has_gone_back)
    for words, look in (
        ("the embassy's broker does not answer through the link", lambda: _receipts(site, keys, register, remembered)),
        ("the home broker does not answer, or has no such topic yet", lambda: _home_end(site, register)),
        ("the register's server does not answer", lambda: _slot(register)),
    ):
        found = _try(look)
        if found is None:
            notes.append(words)
        else:
            seen = replace(seen, **found)
    return replace(seen, notes=tuple(notes))


def _try(look: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    try:
        return look()
    except (DataEmbassyError, psycopg.Error):
        return None


def _receipts(site: Site, keys: HomeKeys, register: Register, remembered: Remembered | None) -> dict[str, Any]:
    assert site.link is not None
    with LogReader(client_settings(site.link), register.receipts_topic, answer_seconds=_ANSWER_SECONDS) as topic:
        highest = None if remembered is None else remembered.highest
        follower = ReceiptFollower(register, keys, topic, highest=highest)
        position = follower.follow()
    has_gone_back = follower.has_gone_back or (remembered is not None and remembered.has_lost_receipts)
    return {"heard": follower.heard, "position": position, "has_gone_back": has_gone_back}


def _home_end(site: Site, register: Register) -> dict[str, Any]:
    with LogReader(client_settings(site.kafka), register.changes_topic, answer_seconds=_ANSWER_SECONDS) as topic:
        return {"home_end": topic.bounds().end}


def _slot(register: Register) -> dict[str, Any]:
    if register.source is None:
        return {}
    with connect(register.source.pulse, application_name="data-embassy status", autocommit=True) as connection:
        return {"slot": connection.execute(_SLOT, (register.source.slot,)).fetchone()}


# -- the stations of the way ------------------------------------------------------------------


def _source(site: Site, register: Register, seen: _Seen) -> Part:
    stop = StopFiles(site.state, "source").read(register.name)
    if stop is None:
        detail = {} if seen.slot is None else {"slot_active": seen.slot[0]}
        return Part(name="source", state="unknown" if seen.slot is None else "live", detail=detail)
    return _stopped("source", register, stop.cause, stop.message, remedy=stop.remedy, since=stop.stopped_at)


def _capture(site: Site, register: Register) -> Part:
    health = read_health(health_folder(site), register.name)
    state, cause = _connector(site, register), None
    if health is not None and health.cause_class is not None:
        reason = health.reason or causes.what_of(health.cause_class)
        return _stopped("capture", register, health.cause_class, reason, remedy=health.remedy)
    if state == "FAILED":
        cause = "CaptureFailed"
        return _stopped("capture", register, cause, causes.what_of(cause))
    return Part(name="capture", state="live" if state == "RUNNING" else "unknown", detail={"connector": state})


def _connector(site: Site, register: Register) -> str:
    if site.connect is None:
        return "UNKNOWN"
    try:
        with ConnectClient(site.connect.url) as client:
            return client.status(connector_name(register.name)).state
    except DataEmbassyError:
        return "UNREACHABLE"


def _forward(site: Site, register: Register, now: dt.datetime, told: Told | None) -> Part:
    stop = StopFiles(site.state).read(register.name)
    if stop is not None:
        return _stopped("forward", register, stop.cause, stop.message, remedy=stop.remedy, since=stop.stopped_at)
    if paused(site, register.name) is not None:
        return Part(name="forward", state="paused")
    age = None if told is None else now.timestamp() - told.at
    if told is None or age is None or age > FORWARDER_SECONDS:
        cause = "ForwarderDown"
        return Part(
            name="forward",
            state="down",
            cause=cause,
            reason=causes.what_of(cause),
            remedy=causes.remedy_of(cause, register=register.name, site="home"),
        )
    return Part(name="forward", state="live", detail={"session": told.states.get(register.name)})


def _embassy(register: Register, seen: _Seen, now: dt.datetime, remembered: Remembered | None) -> Part:
    heard, name = seen.heard, register.name
    age = age_of(heard, now, remembered)
    if seen.has_gone_back:
        return _stopped("embassy", register, "ReceiptWentBack", causes.what_of("ReceiptWentBack"))
    if heard is None and "link" in " ".join(seen.notes):
        return _silent(name, "nothing can be heard: the link, or the embassy's broker, is away")
    if heard is None or age is None:
        return Part(name="embassy", state="unknown", reason="the embassy has not said anything of it yet")
    if age > SILENT_SECONDS:
        return _silent(name, f"the embassy last said something {age:.0f} s ago: it was {heard.state} then")
    if heard.cause is None:
        return Part(name="embassy", state=heard.state)
    return Part(
        name="embassy",
        state=heard.state,
        cause=heard.cause,
        reason=causes.what_of(heard.cause),
        remedy=causes.remedy_of(heard.cause, register=name, site="home", otherwise="at the embassy: embassy status"),
    )


def _silent(name: str, reason: str) -> Part:
    remedy = causes.remedy_of("EmbassySilent", register=name, site="home")
    return Part(name="embassy", state="unknown", cause="EmbassySilent", reason=reason, remedy=remedy)


def _stopped(
    part: str, register: Register, cause: str, reason: str, *, remedy: str | None = None, since: str | None = None
) -> Part:
    words = causes.remedy_of(cause, register=register.name, site="home", otherwise=remedy or "embassy status")
    return Part(name=part, state="stopped", cause=cause, reason=reason, remedy=words, since=since)


def _candidate(register: str, told: Any) -> Part:
    cause = told.get("cause")
    return Part(
        name=f"generation {told.get('generation')}.{told.get('attempt')}",
        state=told["state"],
        cause=cause,
        reason=None if cause is None else causes.what_of(cause),
        remedy=None if cause is None else causes.remedy_of(cause, register=register, site="home"),
        detail={key: told[key] for key in ("generation", "attempt", "rows", "bytes", "tables_done") if key in told},
    )
