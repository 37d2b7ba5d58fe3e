"""Which metrics each process promises, in one list for tests of the parts and of a whole system."""

from __future__ import annotations

from typing import Final

from tests.support.scraped import Scraped

UP: Final = {
    "receive": ("embassy_broker_up", "embassy_standby_server_up"),
    "forward": ("embassy_broker_up", "embassy_link_up"),
    "pulse": ("embassy_connect_up",),
}
"""What each process says of who answers it."""
OF_REGISTER: Final = {
    "receive": (
        "embassy_lag_seconds", "embassy_pulse_age_seconds", "embassy_backlog_envelopes", "embassy_backlog_bytes",
        "embassy_backlog_transactions", "embassy_catchup_seconds", "embassy_tier", "embassy_paused",
        "embassy_last_verification_timestamp_seconds", "embassy_last_drill_timestamp_seconds",
    ),
    "forward": (
        "embassy_receipt_lag_seconds", "embassy_receipt_timestamp_seconds", "embassy_backlog_bytes",
        "embassy_catchup_seconds", "embassy_epoch_age_seconds", "embassy_epoch_used_ratio", "embassy_tier",
        "embassy_paused", "embassy_forward_backlog_records", "embassy_backlog_transactions",
        "embassy_last_verification_timestamp_seconds", "embassy_last_drill_timestamp_seconds",
    ),
    "pulse": (
        "embassy_slot_retained_bytes", "embassy_slot_safe_bytes", "embassy_slot_lost_seconds",
        "embassy_register_database_up", "embassy_register_clock_offset_seconds", "embassy_pulse_beat_timestamp_seconds",
    ),
}  # fmt: skip
"""What each process says of a register that it works on, known or NaN."""


def missing(found: Scraped, role: str, register: str) -> set[str]:
    """What this process promised and does not export at all."""
    return {name for name in OF_REGISTER[role] if found.value(name, register=register) is None}
