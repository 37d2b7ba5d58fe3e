"""Every metric: name, type, unit, labels and help, in one typed list.

Labels are bounded: a register's name, a disk named in the site's settings, or a word of a fixed set (LABELS). Never a
key, a value, a table or a transaction id. Names follow the OpenMetrics rules (base units, `_total` for counters).

A number that is not known is NaN, never 0; what has no limit is +Inf.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.metrics import MetricWrapperBase

from data_embassy.status import HOPS, STATES

REGISTER: Final = ("register",)
WAL_STATUSES: Final = ("reserved", "extended", "unreserved", "lost")
"""Of `pg_replication_slots.wal_status`."""
TOPICS: Final = ("home", "lane")
OPERATIONS: Final = ("insert", "update", "delete")
LABELS: Final[Mapping[str, tuple[str, ...] | None]] = {
    "register": None,
    "disk": None,
    "version": None,
    "reason": None,
    "cause": None,
    "hop": HOPS,
    "state": STATES,
    "status": WAL_STATUSES,
    "topic": TOPICS,
    "op": OPERATIONS,
}
"""Values of each label. None: contracts, settings, the version, classes of refusals and causes bound them."""


def _site_gauge(name: str, meaning: str) -> Gauge:
    """A gauge without labels: nothing exports it before `of_site`, since it would show 0 where nobody sets it."""
    return Gauge(name, meaning, registry=None)


# Home: capture and pulse.
PULSE_BEATS: Final = Counter("embassy_pulse_beats_total", "Beats written into the register.", REGISTER)
PULSE_TIME: Final = Gauge("embassy_pulse_beat_timestamp_seconds", "Clock of the newest beat written.", REGISTER)
SLOT_RETAINED_BYTES: Final = Gauge("embassy_slot_retained_bytes", "WAL that the register's slot holds back.", REGISTER)
SLOT_SAFE_BYTES: Final = Gauge(
    "embassy_slot_safe_bytes",
    "WAL that may still be written before the slot loses data; +Inf without a limit.",
    REGISTER,
)
SLOT_LOST_SECONDS: Final = Gauge(
    "embassy_slot_lost_seconds",
    "Until the slot loses data if what it retains goes on growing as lately; +Inf while it does not grow.",
    REGISTER,
)
SLOT_WAL_STATUS: Final = Gauge(
    "embassy_slot_wal_status", "1 for the slot's present state, 0 for the others.", (*REGISTER, "status")
)
REGISTER_DATABASE_UP: Final = Gauge(
    "embassy_register_database_up", "1 while the register's database answers the pulse.", REGISTER
)
REGISTER_CLOCK_OFFSET: Final = Gauge(
    "embassy_register_clock_offset_seconds", "The register's clock minus that of the pulse's machine.", REGISTER
)
CONNECT_UP: Final = _site_gauge("embassy_connect_up", "1 while Kafka Connect answers.")
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
EPOCH_AGE: Final = Gauge("embassy_epoch_age_seconds", "Since the data key in use was made.", REGISTER)
EPOCH_USED: Final = Gauge("embassy_epoch_used_ratio", "Of what one data key may seal, how much it sealed.", REGISTER)
LINK_UP: Final = _site_gauge("embassy_link_up", "1 while the embassy's broker answers through the link.")
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
LAG_TRUSTED: Final = Gauge(
    "embassy_lag_trusted", "1 while the clocks differ by less than a second, 0 beyond it; NaN if unknown.", REGISTER
)
APPLIED_COMMIT_LSN: Final = Gauge("embassy_applied_commit_lsn", "Commit LSN of the position.", REGISTER)
APPLIED_HOME_OFFSET: Final = Gauge("embassy_applied_home_offset", "Home offset of the position.", REGISTER)
APPLIED_LANE_OFFSET: Final = Gauge("embassy_applied_lane_offset", "Lane offset of the position.", REGISTER)
BACKLOG_ENVELOPES: Final = Gauge("embassy_backlog_envelopes", "Envelopes on the lane behind the position.", REGISTER)
STANDBY_SERVER_UP: Final = _site_gauge("embassy_standby_server_up", "1 while the standbys' PostgreSQL server answers.")
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
CLOCK_OFFSET: Final = _site_gauge(
    "embassy_clock_offset_seconds", "The embassy's clock minus home's, as messages both ways show it; NaN if unknown."
)
STOPPED: Final = Gauge("embassy_stopped", "1 while the register is stopped, by cause.", (*REGISTER, "cause"))
STATE: Final = Gauge("embassy_state", "1 for the register's present state, 0 for the others.", (*REGISTER, "state"))
PAUSED: Final = Gauge("embassy_paused", "1 while an operator of this site pauses the register.", REGISTER)
TIER: Final = Gauge("embassy_tier", "The register's tier by its contract.", REGISTER)
OBJECTIVE: Final = Gauge(
    "embassy_objective_seconds",
    "How far behind the register may be by its contract; NaN where nothing was agreed.",
    REGISTER,
)
HOP: Final = Gauge(
    "embassy_hop_seconds",
    "Time that the newest applied pulse took on each hop; together its lag when it was applied; NaN if unknown.",
    (*REGISTER, "hop"),
)
BACKLOG_BYTES: Final = Gauge(
    "embassy_backlog_bytes", "Sealed bytes that wait: at home for the link, at the embassy to be applied.", REGISTER
)
BACKLOG_TRANSACTIONS: Final = Gauge(
    "embassy_backlog_transactions",
    "Source transactions on the lane that wait to be applied, an estimate; at home by receipts; NaN if unknown.",
    REGISTER,
)
CATCHUP: Final = Gauge(
    "embassy_catchup_seconds", "Estimate until level at this site; 0 when level, NaN if unknown.", REGISTER
)
RETENTION_HEADROOM: Final = Gauge(
    "embassy_retention_headroom_seconds",
    "Until retention may remove the oldest record that is still needed; +Inf without retention.",
    (*REGISTER, "topic"),
)
LAST_VERIFICATION_TIME: Final = Gauge(
    "embassy_last_verification_timestamp_seconds", "When the last verification ended; 0 before the first.", REGISTER
)
LAST_VERIFICATION_EQUAL: Final = Gauge(
    "embassy_last_verification_equal",
    "1 when the last verification found both alike, else 0; NaN before the first.",
    REGISTER,
)
LAST_DRILL_TIME: Final = Gauge(
    "embassy_last_drill_timestamp_seconds",
    "When the last drill ended that passed, by this site's record; 0 before the first.",
    REGISTER,
)
KEY_AGE: Final = _site_gauge("embassy_key_age_seconds", "Age of this site's signing key; NaN if unknown.")
DISK_FREE: Final = Gauge("embassy_disk_free_bytes", "Free bytes of a disk that the site's settings name.", ("disk",))
BROKER_UP: Final = _site_gauge("embassy_broker_up", "1 while this site's broker answers.")
BUILD: Final = Gauge("embassy_build_info", "1, by the version that runs.", ("version",))

_UNITS: Final = ("seconds", "bytes", "ratio")


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric of the list."""

    name: str
    kind: str
    unit: str
    """Base unit, empty for counts, numbers and states; it ends the name, before `_total`."""
    labels: tuple[str, ...]
    meaning: str


def serve(port: int, *, registry: CollectorRegistry = REGISTRY) -> None:
    """Serve `/metrics` on the loopback address; port 0 serves nothing."""
    BUILD.labels(version("data-embassy")).set(1)
    if port:
        start_http_server(port, addr="127.0.0.1", registry=registry)


def of_site(gauge: Gauge) -> Gauge:
    """A gauge without labels, which this process exports from now on."""
    with suppress(ValueError):  # It did already.
        REGISTRY.register(gauge)
    return gauge


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


def definitions() -> list[Definition]:
    """Every metric of this module, for the reference page, dashboards and tests."""
    return [_definition(metric) for metric in globals().values() if isinstance(metric, MetricWrapperBase)]


def _definition(metric: MetricWrapperBase) -> Definition:
    described = next(iter(metric.describe()))
    unit = next((unit for unit in _UNITS if described.name.endswith(f"_{unit}")), "")
    name = described.name + ("_total" if described.type == "counter" else "")
    return Definition(name, described.type, unit, tuple(metric._labelnames), described.documentation)  # noqa: SLF001
