"""Series computed once for alerts and dashboards: registers, lag as a site knows it, missed objectives.

A register stays known while a process that tells of it is down: what is absent counts as missed, never as met. Shares
of missed time are sums over a window divided by its whole length, so that a young Prometheus does not exaggerate.
"""

from __future__ import annotations

from deploy.monitoring.model import EMBASSY, HOME, Group, Record, Settings

ROLES = "forward|pulse|receive"
WINDOWS = {"5m": 300, "30m": 1800, "1h": 3600, "2h": 7200, "6h": 21600, "3d": 259200}
"""Windows in which missed objectives are counted, in seconds."""

_KNOWN = f"""\
max by (site, register) ({{source}})
or on (site, register)
(last_over_time({{record}}[10m]) and on (site) (up{{{{job=~"{ROLES}"}}}} == 0))"""

_RECEIPT_AGE = """\
time() - embassy_receipt_timestamp_seconds
  + on (job, instance) group_left ()
    ((embassy_clock_offset_seconds > -Inf) or (embassy_clock_offset_seconds * 0 < bool 0))"""
"""A receipt is signed by the embassy's clock. An offset that is not known counts as none."""

_LAG_AT_HOME = """\
clamp_min(
  (max by (site, register) (embassy_receipt_lag_seconds) + on (site, register) embassy:receipt_age_seconds) > -1, 0
)"""
"""As the newest receipt states it, and older by the receipt's age. A receipt of the future, before the clocks were
compared, shows no lag, and not 0."""

_MET = """\
(embassy:lag_seconds <= bool on (site, register) embassy:objective_seconds)
or on (site, register)
(embassy:objective_seconds * 0)"""
"""NaN is not less than anything; where there is no lag at all, the second line says 0."""


def recording(settings: Settings) -> Group:
    """All recorded series, in an order in which each reads only earlier ones."""
    rules = [
        Record(name="embassy:tier", expr=_KNOWN.format(source="embassy_tier", record="embassy:tier")),
        Record(
            name="embassy:objective_seconds",
            expr=_KNOWN.format(source="embassy_objective_seconds > 0", record="embassy:objective_seconds"),
        ),
        Record(name="embassy:receipt_age_seconds", expr=f"max by (site, register) ({_RECEIPT_AGE})", sites=HOME),
        Record(name="embassy:lag_seconds", expr=_LAG_AT_HOME, sites=HOME),
        Record(name="embassy:lag_seconds", expr="max by (site, register) (embassy_lag_seconds)", sites=EMBASSY),
        Record(name="embassy:objective_met", expr=_MET),
    ]
    for window, seconds in WINDOWS.items():
        counted = f"(count_over_time(embassy:objective_met[{window}]) - sum_over_time(embassy:objective_met[{window}]))"
        rules.append(
            Record(
                name=f"embassy:objective_missed:ratio_{window}",
                expr=f"{counted} * {settings.interval_seconds} / {seconds}",
            )
        )
    return Group(name="embassy-recording", rules=tuple(rules))
