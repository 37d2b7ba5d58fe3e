"""The beat of one register: its own connection, its own clock, its own back-off, and a look at the register.

Of several pulse processes one beats, the others wait for its lock in the register: two would let the clock row run at
twice the pace. What is wrong with the register is stored as a stop (rules in `sentry`).
"""

from __future__ import annotations

import datetime as dt
import random
import threading
import time
from pathlib import Path
from typing import Final

import psycopg

from data_embassy import log, metrics
from data_embassy.config import Register, Source
from data_embassy.errors import ConfigError, StreamError, TransportError
from data_embassy.postgres import Connection, connect
from pipelines.excluded import ExcludedRows, look_for_excluded
from pipelines.pulse.measuring import PulseGauges
from pipelines.pulse.sentry import AGAIN, Look, Memory, PulseRowLost, RegisterUnprepared, judge, learn
from pipelines.pulse.slot import Slot
from pipelines.stops import Stop, StopFiles

PERIOD_SECONDS: Final = 1.0
EXCLUDED_BEATS: Final = 30
"""How often it is looked whether what stays at home is still so made."""
STANDBY_SECONDS: Final = 0.5
"""How often a process that stands by asks for the lock."""
_BACKOFF_SECONDS_FIRST: Final = 0.5
_BACKOFF_SECONDS_MAX: Final = 4.0
_SESSION: Final = (
    b"SET statement_timeout = '10s'",
    # A beat that was told is on disk: it can only be gone when the register went back.
    b"SET synchronous_commit = on",
    # A frozen pulse process loses its session, and with it its lock, to another that waits for it.
    b"SET idle_session_timeout = '5s'",
    # So does one that is gone with its machine.
    b"SET tcp_keepalives_idle = 4",
    b"SET tcp_keepalives_interval = 2",
    b"SET tcp_keepalives_count = 2",
)
_LOCK: Final = b"SELECT pg_try_advisory_lock(hashtextextended('data_embassy pulse', 0))"
_BEAT: Final = b"SELECT new_beat, extract(epoch FROM beat_at)::float8 FROM data_embassy.beat()"
_LOOK: Final = """
SELECT data_embassy.watched()::text, s.slot_name IS NOT NULL, s.active,
       pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::bigint, s.safe_wal_size, s.wal_status,
       coalesce(to_jsonb(s) ->> 'invalidation_reason', CASE WHEN s.wal_status = 'lost' THEN 'WAL removed' END)
  FROM (SELECT) AS one LEFT JOIN pg_replication_slots s ON s.slot_name = %s
"""
_UNPREPARED: Final = (
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InsufficientPrivilege,
)


class Beating:
    """The beat of one register; `state` is the site's folder for what outlives the process."""

    def __init__(self, register: Register, state: Path) -> None:
        assert register.source is not None
        self._register = register
        self._source: Source = register.source
        self._memory = Memory(state, register.name)
        self._stops = StopFiles(state, "source")
        self._log = log.get("pulse").bind(register=register.name)
        self._backoff = _BACKOFF_SECONDS_FIRST
        self._is_lost = self._is_standing_by = False
        self._beats = 0
        self._gauges = PulseGauges(register.name, state)

    def run(self, ended: threading.Event) -> None:
        """Beat; connect again whenever the register was away."""
        while not ended.is_set():
            try:
                with connect(self._source.pulse, application_name="data-embassy pulse", autocommit=True) as connection:
                    for setting in _SESSION:
                        connection.execute(setting)
                    if self._take_lock(connection, ended):
                        self._beat_on(connection, ended)
            except (psycopg.Error, TransportError, ConfigError) as error:
                self._tell_lost(error)
                ended.wait(self._backoff * random.uniform(0.8, 1.2))  # noqa: S311 (jitter)
                self._backoff = min(self._backoff * 2, _BACKOFF_SECONDS_MAX)

    def _take_lock(self, connection: Connection, ended: threading.Event) -> bool:
        """Wait for the right to beat; False when this process ends."""
        while not ended.is_set():
            row = connection.execute(_LOCK).fetchone()
            if row is not None and row[0]:
                if self._is_standing_by:
                    self._log.info("pulse_takes_over")
                self._is_standing_by = False
                return True
            if not self._is_standing_by:
                self._is_standing_by = True
                self._log.info("pulse_stands_by")
            ended.wait(STANDBY_SECONDS)
        return False

    def _beat_on(self, connection: Connection, ended: threading.Event) -> None:
        due = time.monotonic()
        while not ended.is_set():
            try:
                self._beat(connection)
            except psycopg.errors.NoDataFound:
                self._stop(PulseRowLost("the row of data_embassy.pulse is gone", remedy=AGAIN))
                raise
            except _UNPREPARED:
                self._stop(RegisterUnprepared("the schema data_embassy, or a right on it, is gone", remedy=AGAIN))
                raise
            # A late beat is not made up for: one beat a second at most.
            due = max(due + PERIOD_SECONDS, time.monotonic())
            ended.wait(due - time.monotonic())

    def _beat(self, connection: Connection) -> None:
        name = self._register.name
        row = connection.execute(_BEAT).fetchone()
        assert row is not None
        metrics.PULSE_BEATS.labels(name).inc()
        metrics.PULSE_TIME.labels(name).set(row[1])
        found = connection.execute(_LOOK, (self._source.slot,)).fetchone()
        assert found is not None
        watched, has_slot, is_active, retained, safe, status, lost_by = found
        if has_slot:
            self._gauges.saw_slot(Slot(is_active=is_active, retained=retained or 0, safe=safe, status=status or "lost"))
        self._gauges.answers(clock_at=row[1])
        self._judge(Look(beat=row[0], watched=watched, has_slot=has_slot, lost_by=lost_by))
        if (excluded := self._look_for_excluded(connection)) is not None:
            self._stop(excluded)
        self._backoff = _BACKOFF_SECONDS_FIRST
        if self._is_lost:
            self._is_lost = False
            self._log.info("pulse_is_back")

    # -- what is wrong with the register -------------------------------------------------------------------------

    def _judge(self, look: Look) -> None:
        known = self._memory.known()
        stop = self._stops.read(self._register.name)
        if stop is not None and known.is_fresh:
            # A new generation begins: what the former one stopped for is over, or is found again.
            self._stops.clear(self._register.name)
            metrics.STOPPED.labels(self._register.name, stop.cause).set(0)
        elif stop is not None:
            metrics.STOPPED.labels(self._register.name, stop.cause).set(1)  # Of an earlier process, perhaps.
        fault = judge(known, look)
        if fault is None:
            self._memory.keep(learn(known, look))
        else:
            self._memory.keep(known.with_fault(fault))
            self._stop(fault)

    def _look_for_excluded(self, connection: Connection) -> ExcludedRows | None:
        """Now and then: a contract that changed has its register beat anew, and is looked at with the first beat."""
        self._beats += 1
        return look_for_excluded(self._register, connection) if self._beats % EXCLUDED_BEATS == 1 else None

    def _stop(self, fault: StreamError) -> None:
        """Store it, unless a stop is stored: the first tells most. Before the first generation nothing can stop."""
        name = self._register.name
        if not self._memory.known().generation or self._stops.read(name) is not None:
            return
        fault.remedy = fault.remedy.replace("NAME", name)
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        stop = Stop.of(fault, register=name, home_offset=None, stopped_at=now)
        self._stops.write(stop)
        metrics.STOPPED.labels(name, stop.cause).set(1)
        self._log.error("register_stopped", cause=stop.cause, reason=stop.message, remedy=stop.remedy)

    def _tell_lost(self, error: Exception) -> None:
        self._gauges.is_away()
        if not self._is_lost:
            self._is_lost = True
            reason = error.message if isinstance(error, TransportError | ConfigError) else type(error).__name__
            self._log.warning("pulse_is_lost", reason=reason)
