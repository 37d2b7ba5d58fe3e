"""Make a register's home topics and its connector as planned; may be repeated."""

from __future__ import annotations

from connectors.client import ConnectClient
from connectors.plan import plan
from data_embassy.config import Site
from data_embassy.errors import ConfigError
from data_embassy.kafka import ensure_topics


def connect_client(site: Site) -> ConnectClient:
    """The site's Kafka Connect; raises ConfigError at the embassy."""
    if site.connect is None:
        raise ConfigError("only home has connectors", remedy="run the command at home: embassy --site HOME connector")
    return ConnectClient(site.connect.url)


def apply_connector(site: Site, name: str) -> list[str]:
    """Apply the plan, and let it run; the topics that were created. Raises ConfigError, TransportError."""
    wanted = plan(site, name)
    created = ensure_topics(site.kafka, wanted.topics)
    with connect_client(site) as client:
        client.put(wanted.name, wanted.config)
        client.resume(wanted.name)
        client.restart_failed(wanted.name)
    return created
