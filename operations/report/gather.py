"""Asks an embassy's history for a report."""

from __future__ import annotations

from contextlib import closing

import psycopg

from consumers.control import Control
from consumers.history import read
from data_embassy.config import Register, Site
from data_embassy.errors import ConfigError, TransportError
from operations.report.model import RegisterReport, Report, register_report
from operations.report.period import Period

_EVENTS_MAX = 10_000


def report_of(site: Site, period: Period, *, register: str | None) -> Report:
    """The report of all registers, or one; raises ConfigError, TransportError.

    All are those under contract, also one that cannot be used, and those that the history knows beside them.
    """
    if site.role != "embassy" or site.postgres is None:
        raise ConfigError(
            "home keeps no history: what home knows comes from receipts",
            remedy="ask at the embassy: embassy report",
        )
    try:
        with closing(Control.open(site.postgres, role="report")) as control:
            if register is not None:
                names = {site.register(register).name}
            else:
                names = {*site.registers, *site.faults, *read.registers(control)}
            found = [_register(control, name, site.registers.get(name), period) for name in names]
    except psycopg.Error as error:
        raise TransportError(
            f"the control database failed: {type(error).__name__}", remedy="check that the standbys' server runs"
        ) from error
    found.sort(key=lambda one: (one.tier or 0, one.register))
    return Report(site=site.name, period=period, registers=tuple(found))


def _register(control: Control, name: str, contract: Register | None, period: Period) -> RegisterReport:
    since, until = period.since, period.until
    return register_report(
        name,
        tier=None if contract is None else contract.tier,
        objective_seconds=None if contract is None else contract.terms.rpo_seconds,
        period=period,
        totals=read.totals(control, name, since=since, until=until),
        events=read.events(control, name, since=since, until=until, limit=_EVENTS_MAX),
    )
