"""What a dashboard is made of, without Grafana's own form. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deploy.monitoring.model import BOTH, SiteName

Kind = Literal["stat", "timeseries", "table", "state-timeline", "bargauge"]


@dataclass(frozen=True, slots=True)
class Query:
    """One expression. `$register` stands for the chosen registers, `$__rate_interval` for what Grafana chooses."""

    expr: str
    legend: str = "{{register}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture."""

    title: str
    description: str
    unit: str
    """Grafana's name of it: s, bytes, short, percentunit, ops, Bps, none, bool_on_off."""
    queries: tuple[Query, ...]
    kind: Kind = "timeseries"
    width: int = 12
    height: int = 8
    worse_above: tuple[float, float] | None = None
    """Yellow from the first on, red from the second."""
    worse_below: tuple[float, float] | None = None
    """Red below the second, yellow below the first."""
    is_stacked: bool = False
    sites: tuple[SiteName, ...] = BOTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Panels below one heading."""

    title: str
    panels: tuple[Panel, ...]
    is_of_java: bool = False
    """True for what only the agent of the JMX exporter tells; a site may do without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One page."""

    name: str
    title: str
    description: str
    rows: tuple[Row, ...]
    has_register: bool = False
    """True when the reader chooses registers."""

    def panels(self, site: SiteName, *, has_java: bool = True) -> list[Panel]:
        """What a site sees of it."""
        rows = [row for row in self.rows if has_java or not row.is_of_java]
        return [panel for row in rows for panel in row.panels if site in panel.sites]


def line(title: str, description: str, unit: str, expr: str, legend: str = "{{register}}", **rest: object) -> Panel:
    """A panel of one query over time."""
    return Panel(title=title, description=description, unit=unit, queries=(Query(expr, legend),), **rest)  # type: ignore[arg-type]


def number(title: str, description: str, unit: str, expr: str, legend: str = "", **rest: object) -> Panel:
    """A large number."""
    options: dict[str, object] = {"width": 4, "height": 4} | rest
    queries = (Query(expr, legend),)
    return Panel(title=title, description=description, unit=unit, queries=queries, kind="stat", **options)  # type: ignore[arg-type]
