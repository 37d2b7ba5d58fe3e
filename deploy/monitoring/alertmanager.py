"""Alertmanager's configuration: who hears of what, and what is not told twice. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from deploy.monitoring.alerts import groups
from deploy.monitoring.model import Alert, Settings

BURNS = ("ObjectiveBurnsFast", "ObjectiveBurns", "ObjectiveBurnsSlowly")
SILENCES = ("PulseSilent", "ReceiptsSilent", "CaptureDown", "PulseDead", "RegisterDown")
GROWTHS = ("NotCatchingUp", "BacklogGrows")
DARKNESS = ("HomeDark", "EmbassyDark")


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While one of `sources` fires, none of `targets` is told, if the labels in `equal` are the same."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    equal: tuple[str, ...]


_REGISTER = ("site", "register")
_SITE = ("site",)
_WHOLE = (*BURNS, *SILENCES, *GROWTHS)
INHIBITIONS = (
    # A register that stands still for a known cause is behind and silent because of it.
    Inhibition(("RegisterStopped",), (*BURNS, "PulseSilent", "ReceiptsSilent", *GROWTHS, "RegisterDown"), _REGISTER),
    Inhibition(("RegisterDatabaseDown",), (*BURNS, "PulseSilent", "PulseDead", "CaptureDown"), _REGISTER),
    Inhibition(("CaptureDown", "PulseDead"), ("PulseSilent", *BURNS), _REGISTER),
    # A site that hears nothing at all need not hear it of each register.
    Inhibition(("LinkDown",), (*_WHOLE, *DARKNESS), _SITE),
    Inhibition(DARKNESS, ("PulseSilent", "ReceiptsSilent", *BURNS, *GROWTHS), _SITE),
    Inhibition(("ProcessDown", "BrokerDown", "ConnectDown", "StandbyServerDown"), (*_WHOLE, *DARKNESS), _SITE),
    # The worse one is told.
    Inhibition(BURNS[:1], BURNS[1:], _REGISTER),
    Inhibition(BURNS[1:2], BURNS[2:], _REGISTER),
    Inhibition(("SlotUnreserved",), ("SlotNearLoss", "SlotHeadroomLow", "SlotRetainsMuch"), _REGISTER),
    Inhibition(("SlotNearLoss",), ("SlotHeadroomLow", "SlotRetainsMuch"), _REGISTER),
    Inhibition(("RetentionNearLoss",), ("RetentionHeadroomLow",), (*_REGISTER, "topic")),
    Inhibition(("DiskAlmostFull",), ("DiskFills",), ("site", "disk")),
    Inhibition(("ClocksFarApart",), ("ClocksDiffer",), _SITE),
)


def alertmanager_file(*, pages: str | None = None, tickets: str | None = None) -> str:
    """`alertmanager.yml`; `pages` and `tickets` are addresses that alerts are posted to, None shows them only."""
    lines = [
        "route:",
        "  receiver: tickets",
        "  group_by: [site, register]",
        "  group_wait: 10s",
        "  group_interval: 1m",
        "  repeat_interval: 24h",
        "  routes:",
        "  - matchers: ['severity=\"page\"']",
        "    receiver: pages",
        "    group_wait: 1s",
        "    group_interval: 10s",
        "    repeat_interval: 2h",
        "receivers:",
        *_receiver("pages", pages),
        *_receiver("tickets", tickets),
        "inhibit_rules:",
    ]
    for one in INHIBITIONS:
        lines += [
            f"- source_matchers: ['{_matcher(one.sources)}']",
            f"  target_matchers: ['{_matcher(one.targets)}']",
            f"  equal: [{', '.join(one.equal)}]",
        ]
    return "\n".join(lines) + "\n"


def unknown_names() -> set[str]:
    """Names in inhibitions that no alert has."""
    named = {name for one in INHIBITIONS for name in (*one.sources, *one.targets)}
    return named - {rule.name for group in groups(Settings()) for rule in group.rules if isinstance(rule, Alert)}


def _receiver(name: str, address: str | None) -> Iterator[str]:
    yield f"- name: {name}"
    if address is not None:
        yield f"  webhook_configs: [{{url: {json.dumps(address)}, send_resolved: true}}]"


def _matcher(names: tuple[str, ...]) -> str:
    return f'alertname=~"{"|".join(names)}"'
