"""What everything else rests on: proofs, drills, clocks, keys, versions."""

from __future__ import annotations

from deploy.monitoring.model import BOTH, HOME, Alert, Group

DAY = 86400
VERIFICATION_DAYS_MAX = 8
DRILL_DAYS_MAX = 30
KEY_DAYS_MAX = 365


def trust() -> Group:
    """Nothing stands still yet, but less is certain than should be."""
    return Group(
        name="embassy-trust",
        rules=(
            _UNVERIFIED,
            _UNDRILLED,
            _CLOCKS,
            _CLOCKS_FAR,
            _REGISTER_CLOCK,
            _KEY_OLD,
            _EPOCH_OLD,
            _EPOCH_USED,
            _VERSIONS,
        ),
    )


_UNVERIFIED = Alert(
    name="NoRecentVerification",
    expr=(
        "time() - max by (site, register) (embassy_last_verification_timestamp_seconds) "
        f"> {VERIFICATION_DAYS_MAX * DAY}"
    ),
    holds="1d",
    severity="ticket",
    summary="{{ $labels.register }} has not been verified for more than a week",
    description="Equality of the standby is presumed, but nobody proved it lately.",
    command="embassy register verify {{ $labels.register }}",
    page="proofs",
)
_UNDRILLED = Alert(
    name="NoRecentDrill",
    expr=f"time() - max by (site, register) (embassy_last_drill_timestamp_seconds) > {DRILL_DAYS_MAX * DAY}",
    holds="1d",
    severity="ticket",
    summary="Nobody drilled a take-over of {{ $labels.register }} for a month",
    description="What is not practised does not work on the day on which it is needed.",
    command="embassy register drills {{ $labels.register }}",
    page="proofs",
)
_CLOCKS = Alert(
    name="ClocksDiffer",
    expr="abs(embassy_clock_offset_seconds) > 1",
    holds="5m",
    severity="ticket",
    summary="The sites' clocks differ by {{ $value | humanizeDuration }}",
    description="Lag is a difference of both clocks, so it is wrong by as much. Order and content are not touched.",
    command="chronyc tracking",
    page="clock",
)
_CLOCKS_FAR = Alert(
    name="ClocksFarApart",
    expr="abs(embassy_clock_offset_seconds) > 60",
    holds="30s",
    severity="page",
    summary="The sites' clocks differ by {{ $value | humanizeDuration }}: no lag can be trusted",
    description="Somebody set a clock, or time synchronisation failed. Order and content are not touched.",
    command="chronyc tracking",
    page="clock",
)
_REGISTER_CLOCK = Alert(
    name="RegisterClockDiffers",
    expr="abs(embassy_register_clock_offset_seconds) > 1",
    holds="5m",
    severity="ticket",
    summary="The clock of {{ $labels.register }}'s server is wrong by {{ $value | humanizeDuration }}",
    description="The pulse carries that clock, so the register's lag is wrong by as much.",
    command="embassy register check {{ $labels.register }}",
    page="clock",
    sites=HOME,
)
_KEY_OLD = Alert(
    name="SigningKeyOld",
    expr=f"max by (site) (embassy_key_age_seconds) > {KEY_DAYS_MAX * DAY}",
    holds="1h",
    severity="ticket",
    summary="This site's signing key is older than a year",
    description="A key that is used for long may have been copied meanwhile.",
    command="embassy keys list",
    page="keys",
)
_EPOCH_OLD = Alert(
    name="DataKeyOld",
    expr=(
        f"(embassy_epoch_age_seconds > {25 * 3600})\n"
        "and on (site, register) (increase(embassy_forward_envelopes_total[10m]) > 0)"
    ),
    holds="10m",
    severity="ticket",
    summary="The data key of {{ $labels.register }} was not replaced after a day",
    description="The forwarder retires a data key after a day. It seals, but does not retire it.",
    command="embassy status",
    page="keys",
    sites=HOME,
)
_EPOCH_USED = Alert(
    name="DataKeyOverused",
    expr="embassy_epoch_used_ratio > 1",
    severity="page",
    summary="The data key of {{ $labels.register }} sealed more than it may",
    description="The forwarder retires a data key before this. The cipher's own bound is still far away.",
    command="embassy status",
    page="keys",
    sites=HOME,
)
_VERSIONS = Alert(
    name="VersionsDiffer",
    expr="count by (site) (count by (site, version) (embassy_build_info)) > 1",
    holds="1h",
    severity="ticket",
    summary="Processes of this site run different versions",
    description="An upgrade was begun and not finished: some processes were not started again.",
    command="pip show data-embassy",
    page="versions",
    sites=BOTH,
)
