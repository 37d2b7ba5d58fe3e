"""What runs out: a slot's log, a topic's retention, disks."""

from __future__ import annotations

from deploy.monitoring.model import HOME, Alert, Group

GIB = 1 << 30
HOUR = 3600


def headroom() -> Group:
    """What loses data when nobody acts."""
    return Group(
        name="embassy-headroom",
        rules=(_SLOT_SOON, _SLOT_LATER, _SLOT_UNRESERVED, _SLOT_RETAINS, *_RETENTION, _DISK_FULL, _DISK_FILLS),
    )


_LOSES = (
    "The register's server will throw away log that the standby still needs; then the register has to be sent anew "
    "(`embassy register snapshot {{ $labels.register }} --differing`)."
)
_CONNECTOR = "embassy connector status {{ $labels.register }}"
_SLOT_SOON = Alert(
    name="SlotNearLoss",
    expr=f"embassy_slot_lost_seconds < {HOUR // 2}",
    holds="1m",
    severity="page",
    summary="The slot of {{ $labels.register }} loses data in {{ $value | humanizeDuration }}",
    description=_LOSES,
    command=_CONNECTOR,
    page="slot",
    sites=HOME,
)
_SLOT_LATER = Alert(
    name="SlotHeadroomLow",
    expr=f"embassy_slot_lost_seconds < {6 * HOUR}",
    holds="10m",
    severity="ticket",
    summary="The slot of {{ $labels.register }} loses data in {{ $value | humanizeDuration }} at the present pace",
    description=_LOSES,
    command=_CONNECTOR,
    page="slot",
    sites=HOME,
)
_SLOT_UNRESERVED = Alert(
    name="SlotUnreserved",
    expr='max by (site, register, status) (embassy_slot_wal_status{status=~"unreserved|lost"}) == 1',
    severity="page",
    summary="The log that the slot of {{ $labels.register }} needs is {{ $labels.status }}",
    description=(
        "unreserved: the next checkpoint of the register's server may remove it. lost: it is gone, and the register "
        "has to be sent anew."
    ),
    command=_CONNECTOR,
    page="slot",
    sites=HOME,
)
_SLOT_RETAINS = Alert(
    name="SlotRetainsMuch",
    expr=f"embassy_slot_retained_bytes > {10 * GIB}",
    holds="10m",
    severity="ticket",
    summary="{{ $labels.register }} keeps {{ $value | humanize1024 }}B of log for its slot",
    description="Capture reads more slowly than the register writes, or not at all. The log fills the register's disk.",
    command=_CONNECTOR,
    page="slot",
    sites=HOME,
)
_RETENTION = tuple(
    Alert(
        name=name,
        expr=f"embassy_retention_headroom_seconds < {hours * HOUR}",
        holds=holds,
        severity="page" if name == "RetentionNearLoss" else "ticket",
        summary="{{ $labels.register }}: topic {{ $labels.topic }} loses records in {{ $value | humanizeDuration }}",
        description=(
            "The broker removes records by their age, and the oldest one that is still needed comes near to it. home: "
            "records that were not forwarded. lane: envelopes that were not applied."
        ),
        command="embassy status",
        page="retention",
    )
    for name, hours, holds in (("RetentionNearLoss", 4, "1m"), ("RetentionHeadroomLow", 24, "10m"))
)
_DISK_FULL = Alert(
    name="DiskAlmostFull",
    expr=f"embassy_disk_free_bytes < {2 * GIB}",
    holds="1m",
    severity="page",
    summary="The disk {{ $labels.disk }} is almost full: {{ $value | humanize1024 }}B are free",
    description="A server or broker on it stops when it is full. Nothing is lost, but nothing goes on.",
    command="df -h",
    page="disks",
)
_DISK_FILLS = Alert(
    name="DiskFills",
    expr=(
        f"(embassy_disk_free_bytes < {20 * GIB})\n"
        f"and (predict_linear(embassy_disk_free_bytes[1h], {6 * HOUR}) < {2 * GIB})"
    ),
    holds="15m",
    severity="ticket",
    summary="The disk {{ $labels.disk }} will be full within six hours",
    description="{{ $value | humanize1024 }}B are free, and it fills as it did during the last hour.",
    command="df -h",
    page="disks",
)
