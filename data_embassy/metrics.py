"""Every metric: name, type, unit, labels and help, in one typed list.

Labels are bounded: a register's name, a reason from a fixed set, a stage of the way. Never a key, a value, a
table or a transaction id. Names follow the OpenMetrics rules (base units, `_total` for counters).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.metrics import MetricWrapperBase

REGISTER: Final = ("register",)

# Home: capture and pulse.
PULSE_BEATS: Final = Counter("embassy_pulse_beats_total", "Beats written into the register.", REGISTER)
PULSE_TIME: Final = Gauge("embassy_pulse_beat_timestamp_seconds", "Clock of the newest beat written.", REGISTER)
SLOT_RETAINED_BYTES: Final = Gauge("embassy_slot_retained_bytes", "WAL that the register's slot holds back.", REGISTER)
SLOT_ACTIVE: Final = Gauge("embassy_slot_active", "1 while a capture task holds the slot.", REGISTER)
CONNECTOR_RUNNING: Final = Gauge("embassy_connector_running", "1 while the register's capture task runs.", REGISTER)
CONNECTOR_RESTARTS: Final = Counter("embassy_connector_restarts_total", "Restarts of failed capture tasks.", REGISTER)

# Home: forward.
FORWARD_RECORDS: Final = Counter("embassy_forward_records_total", "Records sealed and acknowledged.", REGISTER)
FORWARD_ENVELOPES: Final = Counter("embassy_forward_envelopes_total", "Envelopes acknowledged.", REGISTER)
FORWARD_PLAIN_BYTES: Final = Counter("embassy_forward_plain_bytes_total", "Record bytes before sealing.", REGISTER)
FORWARD_SEALED_BYTES: Final = Counter("embassy_forward_sealed_bytes_total", "Envelope bytes after sealing.", REGISTER)
FORWARD_IN_FLIGHT: Final = Gauge("embassy_forward_in_flight_envelopes", "Envelopes not yet acknowledged.", REGISTER)
FORWARD_HOME_OFFSET: Final = Gauge("embassy_forward_home_offset", "Last home offset acknowledged.", REGISTER)
FORWARD_HOME_BACKLOG: Final = Gauge(
    "embassy_forward_backlog_records", "Home records not yet acknowledged by the embassy's broker.", REGISTER
)
FORWARD_EPOCHS: Final = Counter("embassy_forward_epochs_total", "Epochs begun.", REGISTER)
FORWARD_INCARNATION: Final = Gauge("embassy_forward_incarnation", "Incarnation of the home log.", REGISTER)
RECEIPT_LAG: Final = Gauge("embassy_receipt_lag_seconds", "Embassy's lag as its newest receipt states it.", REGISTER)
RECEIPT_TIME: Final = Gauge("embassy_receipt_timestamp_seconds", "When the newest receipt was signed.", REGISTER)
RECEIPT_HOME_OFFSET: Final = Gauge("embassy_receipt_home_offset", "Home offset of the newest receipt.", REGISTER)

# Embassy: receive and apply.
LAG: Final = Gauge(
    "embassy_lag_seconds", "Embassy's clock minus the newest applied pulse; NaN before the first.", REGISTER
)
PULSE_AGE: Final = Gauge(
    "embassy_pulse_age_seconds", "Age of the lag measurement: since a pulse was last applied.", REGISTER
)
APPLIED_COMMIT_LSN: Final = Gauge("embassy_applied_commit_lsn", "Commit LSN of the position.", REGISTER)
APPLIED_HOME_OFFSET: Final = Gauge("embassy_applied_home_offset", "Home offset of the position.", REGISTER)
APPLIED_LANE_OFFSET: Final = Gauge("embassy_applied_lane_offset", "Lane offset of the position.", REGISTER)
BACKLOG_ENVELOPES: Final = Gauge("embassy_backlog_envelopes", "Envelopes on the lane behind the position.", REGISTER)
APPLY_CHANGES: Final = Counter("embassy_apply_changes_total", "Changes applied.", REGISTER)
APPLY_TRANSACTIONS: Final = Counter("embassy_apply_transactions_total", "Source transactions applied.", REGISTER)
APPLY_ROWS: Final = Counter("embassy_apply_rows_total", "Rows written by net effect.", (*REGISTER, "op"))
APPLY_GROUP_SECONDS: Final = Histogram(
    "embassy_apply_group_seconds",
    "Time to apply and commit one group.",
    REGISTER,
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60),
)
REFUSED: Final = Counter("embassy_envelopes_refused_total", "Envelopes refused.", (*REGISTER, "reason"))
REPEATED: Final = Counter(
    "embassy_records_repeated_total", "Records seen before: dropped, the register goes on.", REGISTER
)
DISCARDED: Final = Counter(
    "embassy_transactions_discarded_total", "Open transactions discarded at a session marker.", REGISTER
)
LOAD_ROWS: Final = Counter("embassy_load_rows_total", "Snapshot rows loaded.", REGISTER)
GENERATION: Final = Gauge("embassy_generation", "Generation of the live standby.", REGISTER)

# Both sites.
CLOCK_OFFSET: Final = Gauge(
    "embassy_clock_offset_seconds", "The embassy's clock minus home's, as messages both ways show it; NaN if unknown."
)
STOPPED: Final = Gauge("embassy_stopped", "1 while the register is stopped, by cause.", (*REGISTER, "cause"))


def serve(port: int, *, registry: CollectorRegistry = REGISTRY) -> None:
    """Serve `/metrics` on the loopback address; port 0 serves nothing."""
    if port:
        start_http_server(port, addr="127.0.0.1", registry=registry)


def forget(register: str) -> None:
    """Show nothing of a register any more: its contract was removed."""
    for metric in globals().values():
        if isinstance(metric, MetricWrapperBase) and "register" in metric._labelnames:  # noqa: SLF001
            metric.remove_by_labels({"register": register})


def show_faults(faults: Collection[str], shown: set[str]) -> None:
    """Show registers whose contract cannot be used as stopped; `shown` keeps those of the last call."""
    for register in faults:
        STOPPED.labels(register, "ContractError").set(1)
    for register in shown - set(faults):
        STOPPED.labels(register, "ContractError").set(0)
    shown.clear()
    shown.update(faults)


def definitions() -> list[tuple[str, str, tuple[str, ...], str]]:
    """Name, type, labels and help of every metric of this module, for the reference page and its test."""
    found = []
    for metric in globals().values():
        if isinstance(metric, MetricWrapperBase):
            described = next(iter(metric.describe()))
            name = described.name + ("_total" if described.type == "counter" else "")
            found.append((name, described.type, tuple(metric._labelnames), described.documentation))  # noqa: SLF001
    return found
