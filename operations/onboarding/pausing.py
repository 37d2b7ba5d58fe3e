"""Pause and resume a register at this site, and have its stops looked at again."""

from __future__ import annotations

from connectors.apply import connect_client
from connectors.plan import connector_name
from consumers.stops import StopFiles as EmbassyStops
from data_embassy.config import Pause, Site, pause, unpause
from data_embassy.errors import TransportError
from pipelines.stops import StopFiles as HomeStops


def pause_register(site: Site, name: str, *, at: str, reason: str | None) -> Pause:
    """Pause it; raises ConfigError for a register without a contract."""
    site.require(name)  # A broken contract counts as well.
    return pause(site, name, at=at, reason=reason)


def resume_register(site: Site, name: str) -> tuple[bool, list[str]]:
    """End its pause and ask for every stored stop to be looked at again: whether it was paused, and those stops."""
    site.require(name)  # A broken contract counts as well.
    asked = _ask_home(site, name) if site.role == "home" else _ask_embassy(site, name)
    return unpause(site, name), asked


def _ask_home(site: Site, name: str) -> list[str]:
    asked = []
    for stops in (HomeStops(site.state, "forward"), HomeStops(site.state, "source")):
        found = stops.read(name)
        if found is not None:
            stops.clear(name)
            asked.append(found.cause)
    try:
        with connect_client(site) as client:
            if client.status(connector_name(name)).state == "FAILED":
                client.restart_failed(connector_name(name))
                asked.append("capture")
    except TransportError:
        pass  # The watcher tries again by itself once Kafka Connect is back.
    return asked


def _ask_embassy(site: Site, name: str) -> list[str]:
    stops = EmbassyStops(site.state)
    found = [stop.cause for stop in stops.read(name)]
    stops.clear(name)
    return found
