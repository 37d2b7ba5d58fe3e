"""Looks at the site's broker and database server every few seconds, whatever the workers do: what they say of lanes.

A worker that stands still, or waits for its broker, knows nothing of what comes meanwhile. This thread does, and when
it cannot ask, its answers grow old and count no more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Final

from consumers.course import LaneLook
from data_embassy import metrics
from data_embassy.config import Postgres, Register, Site
from data_embassy.errors import TransportError
from data_embassy.gauges import Newest
from data_embassy.kafka import TopicAdmin
from data_embassy.postgres import connect
from data_embassy.retention import Retention

LOOK_SECONDS: Final = 5.0
SETTINGS_SECONDS: Final = 60.0
OUTDATED_SECONDS: Final = 20.0


class Survey(threading.Thread):
    """One per receiving process; `look` may be called by any thread."""

    def __init__(self, site: Site, registers: Callable[[], Iterable[Register]]) -> None:
        super().__init__(name="survey", daemon=True)
        assert site.postgres is not None
        self._admin, self._postgres, self._registers = TopicAdmin(site.kafka), site.postgres, registers
        self._ends: Newest[Mapping[str, int]] = Newest(OUTDATED_SECONDS)
        self._retentions: Newest[Mapping[str, Retention]] = Newest(3 * SETTINGS_SECONDS)
        self._broker: Newest[bool] = Newest(OUTDATED_SECONDS)
        self._server: Newest[bool] = Newest(OUTDATED_SECONDS)
        self._settings_due = 0.0
        self._ended = threading.Event()
        metrics.of_site(metrics.BROKER_UP).set_function(self._broker.number)
        metrics.of_site(metrics.STANDBY_SERVER_UP).set_function(self._server.number)

    def look(self, register: str) -> LaneLook | None:
        """What the broker last said of a register's lane; None when that is old."""
        end = (self._ends.get() or {}).get(register)
        return None if end is None else LaneLook(end=end, retention=(self._retentions.get() or {}).get(register))

    def stop(self) -> None:
        """End soon."""
        self._ended.set()

    def run(self) -> None:
        """Thread body."""
        while True:
            self._look_at_lanes()
            self._server.say(_answers(self._postgres))
            if self._ended.wait(LOOK_SECONDS):
                return

    def _look_at_lanes(self) -> None:
        topics = {register.lane_topic: register.name for register in self._registers()}
        try:
            self._ends.say({topics[topic]: end for topic, end in self._admin.ends(topics).items()})
            self._broker.say(value=True)
        except TransportError:
            self._broker.say(value=False)
            return
        known = self._retentions.get() or {}
        if time.monotonic() >= self._settings_due or not known.keys() >= set(topics.values()):
            self._settings_due = time.monotonic() + SETTINGS_SECONDS
            self._retentions.say({topics[topic]: one for topic, one in self._admin.retentions(topics).items()})


def _answers(postgres: Postgres) -> bool:
    try:
        with closing(connect(postgres, application_name="data-embassy survey", autocommit=True)):
            return True
    except TransportError:
        return False
