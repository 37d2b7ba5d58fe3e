"""What home says of its registers: source, capture, forward, and the embassy as its signed receipts tell it.

Everything is asked at home, and the receipts through the link. What cannot be reached is said, and the rest is shown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

import psycopg

from connectors.client import ConnectClient
from connectors.plan import connector_name
from data_embassy import causes
from data_embassy.config import Register, Site, paused
from data_embassy.errors import DataEmbassyError
from data_embassy.kafka import client_settings
from data_embassy.keys import HomeKeys, load_home_keys
from data_embassy.postgres import connect
from data_embassy.status import Backlog, Part, RegisterStatus, faulty, meets
from operations.status.heard import age_of, data_key_of, is_recent, is_trusted, lag_of, position_of, runs_out
from operations.status.stations import (
    BROKER_AWAY,
    CONNECT_AWAY,
    LINK_AWAY,
    SERVER_AWAY,
    SILENT_SECONDS,
    Seen,
    stations,
)
from pipelines.logs import LogReader, TopicMissing
from pipelines.memory import Memory, Remembered
from pipelines.pulse.slot import SlotTold, read_slot
from pipelines.receipts import ReceiptFollower
from pipelines.telling import Told, read_told

Clock = Callable[[], dt.datetime]
_ANSWER_SECONDS: Final = 3.0
_THREADS_MAX: Final = 8
_MICROSECONDS: Final = 1e6
_SLOT: Final = (
    "SELECT active, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()"
    " ELSE pg_current_wal_lsn() END, restart_lsn)::bigint FROM pg_replication_slots WHERE slot_name = %s"
)


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
    slot = read_slot(site.state, register.name)
    parts = stations(site, register, seen, now, told=told, slot=slot, remembered=remembered)
    pause = paused(site, register.name)
    status = _shown(register, seen, now, remembered=remembered, told=told, slot=slot)
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
    seen: Seen,
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


def _look(site: Site, keys: HomeKeys, register: Register, remembered: Remembered | None) -> Seen:
    # What the forwarder heard last stands in for what cannot be asked now.
    seen, notes = Seen(), []
    if remembered is not None:
        seen = Seen(heard=remembered.heard, position=remembered.position, has_gone_back=remembered.has_gone_back)
    for words, look in (
        (LINK_AWAY, lambda: _receipts(site, keys, register, remembered)),
        (BROKER_AWAY, lambda: _home_end(site, register)),
        (SERVER_AWAY, lambda: _slot(register)),
        (CONNECT_AWAY, lambda: _connector(site, register)),
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
        try:
            return {"home_end": topic.bounds().end}
        except TopicMissing:
            return {}  # Before the first snapshot; a topic that was deleted later is the forwarder's to tell.


def _connector(site: Site, register: Register) -> dict[str, Any]:
    if site.connect is None:
        return {"connector": "UNKNOWN"}
    with ConnectClient(site.connect.url, answer_seconds=_ANSWER_SECONDS) as client:
        return {"connector": client.status(connector_name(register.name)).state}


def _slot(register: Register) -> dict[str, Any]:
    if register.source is None:
        return {}
    with connect(register.source.pulse, application_name="data-embassy status", autocommit=True) as connection:
        return {"slot": connection.execute(_SLOT, (register.source.slot,)).fetchone()}


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
