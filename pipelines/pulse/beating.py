"""The beat of one register: its own connection, its own clock, its own back-off."""

from __future__ import annotations

import random
import threading
import time
from typing import Final

import psycopg

from data_embassy import log, metrics
from data_embassy.config import Register, Source
from data_embassy.errors import ConfigError, TransportError
from data_embassy.postgres import Connection, connect

PERIOD_SECONDS: Final = 1.0
_BACKOFF_SECONDS_FIRST: Final = 0.5
_BACKOFF_SECONDS_MAX: Final = 15.0
_STATEMENT_TIMEOUT: Final = b"SET statement_timeout = '10s'"
_BEAT: Final = b"SELECT new_beat, extract(epoch FROM beat_at)::float8 FROM data_embassy.beat()"
_SLOT: Final = """
SELECT active, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint
  FROM pg_replication_slots WHERE slot_name = %s
"""


class Beating:
    """The beat of one register."""

    def __init__(self, register: Register) -> None:
        assert register.source is not None
        self._register = register
        self._source: Source = register.source
        self._log = log.get("pulse").bind(register=register.name)
        self._backoff = _BACKOFF_SECONDS_FIRST
        self._is_lost = False

    def run(self, ended: threading.Event) -> None:
        """Beat; connect again whenever the register was away."""
        while not ended.is_set():
            try:
                with connect(self._source.pulse, application_name="data-embassy pulse", autocommit=True) as connection:
                    connection.execute(_STATEMENT_TIMEOUT)
                    self._beat_on(connection, ended)
            except (psycopg.Error, TransportError, ConfigError) as error:
                self._tell_lost(error)
                ended.wait(self._backoff * random.uniform(0.8, 1.2))  # noqa: S311 (jitter)
                self._backoff = min(self._backoff * 2, _BACKOFF_SECONDS_MAX)

    def _beat_on(self, connection: Connection, ended: threading.Event) -> None:
        due = time.monotonic()
        while not ended.is_set():
            self._beat(connection)
            # A late beat is not made up for: one beat a second at most.
            due = max(due + PERIOD_SECONDS, time.monotonic())
            ended.wait(due - time.monotonic())

    def _beat(self, connection: Connection) -> None:
        name = self._register.name
        row = connection.execute(_BEAT).fetchone()
        assert row is not None
        metrics.PULSE_BEATS.labels(name).inc()
        metrics.PULSE_TIME.labels(name).set(row[1])
        slot = connection.execute(_SLOT, (self._source.slot,)).fetchone()
        if slot is not None:
            metrics.SLOT_ACTIVE.labels(name).set(1 if slot[0] else 0)
            # An invalidated slot holds nothing back any more.
            metrics.SLOT_RETAINED_BYTES.labels(name).set(slot[1] or 0)
        self._backoff = _BACKOFF_SECONDS_FIRST
        if self._is_lost:
            self._is_lost = False
            self._log.info("pulse_is_back")

    def _tell_lost(self, error: Exception) -> None:
        if not self._is_lost:
            self._is_lost = True
            reason = error.message if isinstance(error, TransportError | ConfigError) else type(error).__name__
            self._log.warning("pulse_is_lost", reason=reason)
