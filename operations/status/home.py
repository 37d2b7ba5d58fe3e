"""What home says of its registers: source, capture, forward, and the embassy as its signed receipts tell it.

Everything is asked at home, and the receipts through the link. What cannot be reached is said, and the rest is shown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import psycopg

from connectors.client import ConnectClient
from connectors.plan import connector_name
from data_embassy import causes
from data_embassy.config import Register, Site, paused
from data_embassy.errors import DataEmbassyError
from data_embassy.keys import load_home_keys
from data_embassy.postgres import connect
from data_embassy.status import Backlog, Part, RegisterStatus, faulty, meets
from operations.status.ears import ANSWER_SECONDS, Ears, KafkaEars, Word
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
from pipelines.memory import Memory, Remembered
from pipelines.pulse.slot import SlotTold, read_slot
from pipelines.telling import Told, read_told

Clock = Callable[[], dt.datetime]
T = TypeVar("T")
_THREADS_MAX: Final = 8
_MICROSECONDS: Final = 1e6
_SLOT: Final = (
    "SELECT active, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()"
    " ELSE pg_current_wal_lsn() END, restart_lsn)::bigint FROM pg_replication_slots WHERE slot_name = %s"
)


def home_status(site: Site, *, clock: Clock, ears: Ears | None = None) -> list[RegisterStatus]:
    """Status of all registers of a home site; raises KeyringError and ConfigError only.

    Who looks again and again keeps `ears`; otherwise they are made for this look.
    """
    if ears is None:
        with closing(KafkaEars(site)) as made:
            return home_status(site, clock=clock, ears=made)
    keys, told, memory = load_home_keys(site.keys, site=site.name), read_told(site.state), Memory(site.state)
    registers = site.registers.values()
    remembered = {one.name: memory.read(one.name) for one in registers}
    found = [faulty(name, error, site="home") for name, error in site.faults.items()]
    with ThreadPoolExecutor(_THREADS_MAX) as threads:
        words = threads.submit(_unless_away, lambda: ears.words(registers, keys, remembered))
        ends = threads.submit(_unless_away, lambda: ears.ends(registers))
        others = list(threads.map(lambda one: _look(site, one), registers))
        brokers = _Brokers(words=words.result(), ends=ends.result())
    for register, other in zip(registers, others, strict=True):
        seen = _seen(register.name, brokers, remembered[register.name], other)
        found.append(_status(site, register, seen, clock(), told=told, remembered=remembered[register.name]))
    return sorted(found, key=lambda one: (one.tier, one.register))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Brokers:
    """What both brokers answered; None where one did not."""

    words: Mapping[str, Word | None] | None
    ends: Mapping[str, int] | None


def _status(
    site: Site, register: Register, seen: Seen, now: dt.datetime, *, told: Told | None, remembered: Remembered | None
) -> RegisterStatus:
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


def _look(site: Site, register: Register) -> tuple[dict[str, Any], list[str]]:
    """What the register's server and Kafka Connect say, and who of them does not answer."""
    found: dict[str, Any] = {}
    notes = []
    for words, look in ((SERVER_AWAY, lambda: _slot(register)), (CONNECT_AWAY, lambda: _connector(site, register))):
        answer = _unless_away(look)
        if answer is None:
            notes.append(words)
        else:
            found |= answer
    return found, notes


def _seen(name: str, brokers: _Brokers, remembered: Remembered | None, other: tuple[dict[str, Any], list[str]]) -> Seen:
    # What the forwarder heard last stands in for what cannot be asked now.
    seen, notes = Seen(), []
    if remembered is not None:
        seen = Seen(heard=remembered.heard, position=remembered.position, has_gone_back=remembered.has_gone_back)
    if brokers.words is None or (name in brokers.words and brokers.words[name] is None):
        notes.append(LINK_AWAY)
    elif (word := brokers.words.get(name)) is not None:
        has_lost = remembered is not None and remembered.has_lost_receipts
        seen = Seen(heard=word.heard, position=word.position, has_gone_back=word.has_gone_back or has_lost)
    if brokers.ends is None:
        notes.append(BROKER_AWAY)
    else:
        # Without one before the first snapshot; a topic that was deleted later is the forwarder's to tell.
        seen = replace(seen, home_end=brokers.ends.get(name))
    found, more = other
    return replace(seen, notes=(*notes, *more), **found)


def _unless_away(look: Callable[[], T]) -> T | None:
    try:
        return look()
    except (DataEmbassyError, psycopg.Error):
        return None


def _connector(site: Site, register: Register) -> dict[str, Any]:
    if site.connect is None:
        return {"connector": "UNKNOWN"}
    with ConnectClient(site.connect.url, answer_seconds=ANSWER_SECONDS) as client:
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
