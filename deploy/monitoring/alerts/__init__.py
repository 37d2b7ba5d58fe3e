"""All alerts, by what they watch."""

from __future__ import annotations

from deploy.monitoring.alerts.headroom import headroom
from deploy.monitoring.alerts.lag import lag
from deploy.monitoring.alerts.parts import parts
from deploy.monitoring.alerts.stops import stops
from deploy.monitoring.alerts.trust import trust
from deploy.monitoring.model import Group, Settings


def groups(settings: Settings) -> tuple[Group, ...]:
    """Every group of alerts, for both sites."""
    return (stops(), lag(settings), headroom(), trust(), parts())
