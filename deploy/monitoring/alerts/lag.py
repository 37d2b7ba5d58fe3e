"""Objectives missed, pulses and receipts that fall silent, a cut link, backlogs that grow."""

from __future__ import annotations

from typing import Literal

from deploy.monitoring.alerts.stops import STATUS
from deploy.monitoring.model import EMBASSY, HOME, Alert, Group, Settings

RECEIPT_SECONDS_MAX = 60
PULSE_SECONDS_MAX = 3
"""Three beats of one second."""
BACKLOG_BYTES_MIN = 16 << 20
CATCHUP_SECONDS_MIN = 60

_WHILE = 'unless on (site, register) (max_over_time(embassy_state{{state=~"{states}"}}[{window}]) == 1)'
NO_STANDBY_YET = _WHILE.format(states="loading|empty", window="2m")
_EXCUSED = "loading|empty|paused"
"""While a register has no standby yet, or an operator paused it, others tell; the share counts it all the same."""
_EXCUSED_NOW = _WHILE.format(states=_EXCUSED, window="2m")


def lag(settings: Settings) -> Group:
    """How far behind, and whether anybody can say so."""
    seconds = max(30, 4 * settings.interval_seconds)
    return Group(
        name="embassy-lag",
        rules=(
            _burn("ObjectiveBurnsFast", ("1h", "5m"), 14.4, settings, severity="page"),
            _burn("ObjectiveBurns", ("6h", "30m"), 6, settings, severity="page"),
            _burn("ObjectiveBurnsSlowly", ("3d", "2h"), 1, settings, severity="ticket"),
            _pulse_dead(seconds),
            _PULSE_SILENT,
            _HOME_DARK,
            _RECEIPTS_SILENT,
            _EMBASSY_DARK,
            _LINK_DOWN,
            _NOT_CATCHING_UP,
            _BACKLOG_GROWS,
        ),
    )


def _burn(
    name: str, windows: tuple[str, str], rate: float, settings: Settings, *, severity: Literal["page", "ticket"]
) -> Alert:
    share = round(rate * settings.budget, 6)
    expr = "\nand on (site, register)\n".join(
        f"(embassy:objective_missed:ratio_{window} > {share:g})" for window in windows
    )
    return Alert(
        name=name,
        expr=f"({expr})\n{_WHILE.format(states=_EXCUSED, window=windows[1])}",
        severity=severity,
        summary="{{ $labels.register }} misses its objective too often",
        description=(
            f"During the last {windows[0]} and the last {windows[1]} it was farther behind than agreed, or nobody "
            f"could say how far, for more than {share * 100:g} % of the time. The budget of 30 days is then spent "
            f"in {30 / rate:.0f} days. Missed now: {{{{ $value | humanizePercentage }}}}."
        ),
        command=STATUS,
        page="lag",
    )


def _pulse_dead(seconds: int) -> Alert:
    return Alert(
        name="PulseDead",
        expr=(
            f"(sum by (site, register) (increase(embassy_pulse_beats_total[{seconds}s])) == 0)\n"
            "or on (site, register) (embassy:tier unless on (site, register) embassy_pulse_beats_total\n"
            'unless on (site) (max by (site) (up{job="pulse"}) == 0)\n'  # Then ProcessDown says it, once.
            f"{NO_STANDBY_YET})"
        ),
        holds="15s",
        severity="page",
        summary="No pulse is written into {{ $labels.register }}",
        description=(
            "The pulse shows how old a standby is and lets the slot move on. Without it nobody can say how far behind "
            "the standby is, and an idle register keeps log for ever."
        ),
        command="embassy run pulse",
        page="silence",
        sites=HOME,
    )


_PULSE_SILENT = Alert(
    name="PulseSilent",
    expr=(
        f"((max by (site, register) (embassy_pulse_age_seconds) > {PULSE_SECONDS_MAX})\n"
        f"or on (site, register) (embassy:tier unless on (site, register) (embassy_pulse_age_seconds <= Inf)))\n"
        f"{_EXCUSED_NOW}"
    ),
    holds="1m",
    severity="page",
    summary="No pulse of {{ $labels.register }} arrives",
    description=(
        "For a minute no pulse was applied in time, so the lag that is shown is not measured any more: the standby is "
        "at least so much older. Capture, forwarder, link, broker or receiver stands still."
    ),
    command=STATUS,
    page="silence",
    sites=EMBASSY,
)
_HOME_DARK = Alert(
    name="HomeDark",
    expr="min by (site) (embassy_pulse_age_seconds) > 60",
    severity="page",
    summary="No register's pulse comes from home any more",
    description=(
        "For a minute no pulse of any register was applied: the link is cut, home is gone, or nobody beats, captures "
        "or forwards there. The standbys hold what they have."
    ),
    command=STATUS,
    page="link",
    sites=EMBASSY,
)
_RECEIPTS_SILENT = Alert(
    name="ReceiptsSilent",
    expr=(
        f"((embassy:receipt_age_seconds > {RECEIPT_SECONDS_MAX})\n"
        "or on (site, register) (embassy:tier unless on (site, register) embassy:receipt_age_seconds))\n"
        f"{_EXCUSED_NOW}"
    ),
    holds="1m",
    severity="page",
    summary="The embassy says nothing of {{ $labels.register }}",
    description="No receipt came for over a minute. Home does not know whether the standby still follows.",
    command=STATUS,
    page="silence",
    sites=HOME,
)
_EMBASSY_DARK = Alert(
    name="EmbassyDark",
    expr=f"min by (site) (embassy:receipt_age_seconds) > {RECEIPT_SECONDS_MAX}",
    severity="page",
    summary="The embassy says nothing at all",
    description="No register's receipt came for a minute: a cut link, no receiver, or no embassy.",
    command=STATUS,
    page="link",
    sites=HOME,
)
_LINK_DOWN = Alert(
    name="LinkDown",
    expr="max by (site) (embassy_link_up) == 0",
    holds="30s",
    severity="page",
    summary="The embassy's broker does not answer through the link",
    description="Home keeps everything and goes on by itself when the link is mended; until then every standby ages.",
    command=STATUS,
    page="link",
    sites=HOME,
)
_NOT_CATCHING_UP = Alert(
    name="NotCatchingUp",
    expr=(
        f"(min_over_time(embassy_catchup_seconds[30m]) > {CATCHUP_SECONDS_MIN})\n"
        "and (embassy_catchup_seconds >= embassy_catchup_seconds offset 30m)\n"
        f"{_EXCUSED_NOW}"
    ),
    holds="1m",
    severity="page",
    summary="{{ $labels.register }} does not catch up",
    description=(
        "For half an hour the estimate until it is level did not fall; now it is "
        "{{ $value | humanizeDuration }}. More comes than is carried or applied."
    ),
    command=STATUS,
    page="lag",
)
_BACKLOG_GROWS = Alert(
    name="BacklogGrows",
    expr=(
        f"(min_over_time(embassy_backlog_bytes[30m]) > {BACKLOG_BYTES_MIN})\n"
        "and (deriv(embassy_backlog_bytes[30m]) > 0)\n"
        f"{_EXCUSED_NOW}"
    ),
    holds="5m",
    severity="ticket",
    summary="The backlog of {{ $labels.register }} has grown for half an hour",
    description="{{ $value | humanize1024 }}B wait, and it gets more.",
    command=STATUS,
    page="lag",
)
