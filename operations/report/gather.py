"""Asks an embassy's history for a report."""

from __future__ import annotations

from contextlib import closing

from consumers.control import Control
from consumers.history import read
from data_embassy.config import Register, Site
from data_embassy.errors import ConfigError
from operations.report.model import RegisterReport, Report, register_report
from operations.report.period import Period

_EVENTS_MAX = 10_000


def report_of(site: Site, period: Period, *, register: str | None) -> Report:
    """The report of all registers, or one; raises ConfigError, TransportError."""
    if site.role != "embassy" or site.postgres is None:
        raise ConfigError(
            "home keeps no history: what home knows comes from receipts",
            remedy="ask at the embassy: embassy report",
        )
    wanted = site.registers if register is None else {register: site.register(register)}
    with closing(Control.open(site.postgres, role="report")) as control:
        found = [_register(control, one, period) for one in wanted.values()]
    found.sort(key=lambda one: (one.tier or 0, one.register))
    return Report(site=site.name, period=period, registers=tuple(found))


def _register(control: Control, register: Register, period: Period) -> RegisterReport:
    since, until = period.since, period.until
    return register_report(
        register.name,
        tier=register.tier,
        objective_seconds=register.terms.rpo_seconds,
        period=period,
        totals=read.totals(control, register.name, since=since, until=until),
        events=read.events(control, register.name, since=since, until=until, limit=_EVENTS_MAX),
    )
