"""Registers that stand still, envelopes that were refused, standbys that differ."""

from __future__ import annotations

from collections import defaultdict

from data_embassy.causes import CAUSES
from deploy.monitoring.model import EMBASSY, Alert, Group

STATUS = "embassy status"


def stops() -> Group:
    """What never passes by itself."""
    return Group(name="embassy-stops", rules=(*_stopped(), _REFUSED, _DIFFERS, _PAUSED, _LOADING, _DOWN))


def _stopped() -> list[Alert]:
    """One rule for each runbook, so that the alert links to the page of its cause; one for causes not known here."""
    pages: dict[str, list[str]] = defaultdict(list)
    for name, cause in CAUSES.items():
        pages[cause.runbook].append(name)
    alerts = [_stop(f'cause=~"{"|".join(sorted(names))}"', page, "Steps") for page, names in sorted(pages.items())]
    everything = "|".join(sorted(CAUSES))
    return [*alerts, _stop(f'cause!~"{everything}"', "README", "Causes")]


def _stop(matcher: str, page: str, section: str) -> Alert:
    return Alert(
        name="RegisterStopped",
        expr=f"max by (site, register, cause) (embassy_stopped{{{matcher}}}) == 1",
        severity="page",
        labels={"runbook": page},
        summary="{{ $labels.register }} is stopped: {{ $labels.cause }}",
        description=(
            "The register stands at its position and loses nothing, but it does not go on until somebody clears the "
            "cause. `embassy status` shows the command that ends this stop."
        ),
        command=STATUS,
        page=page,
        section=section,
    )


_REFUSED = Alert(
    name="EnvelopeRefused",
    expr=(
        "(embassy_envelopes_refused_total > 0 unless embassy_envelopes_refused_total offset 10m)\n"
        "or (increase(embassy_envelopes_refused_total[10m]) > 0)"
    ),
    severity="page",
    summary="An envelope of {{ $labels.register }} was refused: {{ $labels.reason }}",
    description=(
        "The embassy does not accept what stands on the lane. Somebody may be changing it, or keys or versions do not "
        "fit. Nothing of the envelope reached the standby, and its bytes are kept as evidence."
    ),
    command=STATUS,
    page="altered-lane",
    sites=EMBASSY,
)
_DIFFERS = Alert(
    name="StandbyDiffers",
    expr=(
        "max by (site, register) (embassy_last_verification_equal) == 0\n"
        "and on (site, register) max by (site, register) (embassy_last_verification_timestamp_seconds) > 0"
    ),
    severity="page",
    summary="The standby of {{ $labels.register }} is not equal to its register",
    description="The last verification compared both at one exact position and found rows that differ.",
    command="embassy register verifications {{ $labels.register }}",
    page="standby-differs",
)
_PAUSED = Alert(
    name="RegisterPaused",
    expr="max by (site, register) (embassy_paused) == 1",
    holds="4h",
    severity="ticket",
    summary="{{ $labels.register }} has been paused for more than four hours",
    description="An operator of this site paused it. Its standby falls behind, and the register keeps log meanwhile.",
    command="embassy register resume {{ $labels.register }}",
    page="states",
)
_LOADING = Alert(
    name="RegisterLoading",
    expr='max by (site, register) (embassy_state{state=~"loading|empty"}) == 1',
    holds="6h",
    severity="ticket",
    summary="{{ $labels.register }} has had no standby for more than six hours",
    description="A generation is being loaded, or nothing came yet. Until it is live nobody could take over.",
    command=STATUS,
    page="states",
)
_DOWN = Alert(
    name="RegisterDown",
    expr='max by (site, register) (embassy_state{state="down"}) == 1',
    holds="2m",
    severity="page",
    summary="Nobody works on {{ $labels.register }}",
    description="The process of this site that should move the register's changes does not run, or forgot about it.",
    command=STATUS,
    page="states",
)
