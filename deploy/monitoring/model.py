"""What a site's rules are made of. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SiteName = Literal["home", "embassy"]
BOTH: tuple[SiteName, ...] = ("home", "embassy")
HOME: tuple[SiteName, ...] = ("home",)
EMBASSY: tuple[SiteName, ...] = ("embassy",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator may choose for a site's rules."""

    interval_seconds: int = 15
    """Between two scrapes, and between two evaluations."""
    met_share: float = 0.995
    """Share of the time in which a register's objective has to be met: 3.6 hours a month are the budget."""
    runbooks: str = "docs/runbooks"
    """Where the runbooks stand: a path, or the address of a web server that shows them."""

    @property
    def budget(self) -> float:
        """Share of the time that may be missed."""
        return round(1 - self.met_share, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A series that rules and dashboards read."""

    name: str
    expr: str
    sites: tuple[SiteName, ...] = BOTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert: when, how urgent, what it means in plain words, what to do."""

    name: str
    expr: str
    severity: Literal["page", "ticket"]
    """page: somebody gets up. ticket: on the next working day."""
    summary: str
    description: str
    command: str
    """The command that helps or shows more."""
    page: str
    """Runbook below docs/runbooks, without its ending."""
    holds: str = "0s"
    """How long it has to be so."""
    section: str | None = None
    """Heading of the runbook; the alert's own name when left out."""
    labels: Mapping[str, str] = field(default_factory=dict)
    sites: tuple[SiteName, ...] = BOTH

    @property
    def runbook(self) -> str:
        """Page and anchor, as Markdown renderers make it."""
        return f"{self.page}.md#{(self.section or self.name).lower().replace(' ', '-')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rules that are evaluated in their order."""

    name: str
    rules: tuple[Record | Alert, ...]

    def at(self, site: SiteName) -> Group:
        """What of it concerns a site."""
        return Group(name=self.name, rules=tuple(rule for rule in self.rules if site in rule.sites))
