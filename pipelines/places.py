"""The search of `opening` on real brokers, and the schemas kept at home; blocking, for threads of their own."""

from __future__ import annotations

import time
from typing import Final

from data_embassy import log
from data_embassy.config import Register, Site
from data_embassy.envelope import HomeSealer, HomeVerifier
from data_embassy.kafka import client_settings
from data_embassy.keys import HomeKeys
from pipelines.logs import LogReader
from pipelines.opening import Opening, Recognition
from pipelines.tail import Start

_log: Final = log.get("forward")


def find_start_of(
    site: Site, keys: HomeKeys, register: Register, below: int | None, *, refused: int | None = None
) -> Start:
    """Where this register goes on, as Opening.find. Raises TransportError, HomeGap, LaneUnreadable, Unsealable."""
    assert site.link is not None
    recognition = Recognition(
        verify=HomeVerifier(lane=register.lane, keys=keys).verify,
        digest=HomeSealer(lane=register.lane, keys=keys, incarnation=0).digest,
    )
    with (
        LogReader(client_settings(site.link), register.lane_topic) as lane,
        LogReader(client_settings(site.kafka), register.changes_topic) as home,
    ):
        opening = Opening(
            lane=lane,
            home=home,
            recognition=recognition,
            # The clock tells incarnations apart that two forwarders begin without knowing of each other.
            new_incarnation=lambda former: max(former + 1, int(time.time())),
        )
        start = opening.find(below=below, refused=refused)
    if opening.unreadable:
        _log.warning("foreign_envelopes", register=register.name, count=opening.unreadable)
    return start


def load_schemas_of(site: Site, register: Register) -> list[bytes]:
    """The register's schema records, oldest first. Raises TransportError."""
    with LogReader(client_settings(site.kafka), register.schemas_topic) as topic:
        bounds = topic.bounds()
        if bounds.end == bounds.low:
            return []
        newest = {key: value for _, key, value in topic.read(bounds.low, bounds.end - 1) if value is not None}
    return list(newest.values())
