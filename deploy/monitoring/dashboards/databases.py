"""The databases: registers and their slots at home, standbys and the work of applying at the embassy."""

from __future__ import annotations

from deploy.monitoring.dashboards.model import Dashboard, Panel, Query, Row, line, number
from deploy.monitoring.model import EMBASSY, HOME

_RATE = "[$__rate_interval]"

_HOME = Row(
    title="Registers",
    panels=(
        number("Registers that answer", "Databases that answer the pulse.", "short",
               "sum(embassy_register_database_up)", sites=HOME),
        number("Slots that are read", "Slots that a capture task holds.", "short", "sum(embassy_slot_active)",
               sites=HOME),
        number("Most log kept", "By one register for its slot.", "bytes", "max(embassy_slot_retained_bytes)",
               worse_above=(2**30, 10 * 2**30), sites=HOME),
        number("First slot to lose data", "At the growth of the last minutes; infinite while none grows.", "s",
               "min(embassy_slot_lost_seconds)", worse_below=(6 * 3600, 1800), sites=HOME),
        line("Log kept", "WAL that each register keeps for its slot.", "bytes", "embassy_slot_retained_bytes",
             sites=HOME),
        line("Log that may still be written", "Before the slot loses data; infinite without a limit.", "bytes",
             "embassy_slot_safe_bytes", sites=HOME),
        line("Slots", "reserved and extended are well; unreserved may lose data at the next checkpoint.", "none",
             "max by (register, status) (embassy_slot_wal_status) == 1", "{{register}} {{status}}",
             kind="state-timeline", sites=HOME),
        line("Clocks", "Each register's clock minus that of the pulse's machine.", "s",
             "embassy_register_clock_offset_seconds", sites=HOME),
        line("Beats", "Pulses written; a server that is busy writes them late.", "ops",
             f"rate(embassy_pulse_beats_total{_RATE})", sites=HOME),
    ),
)  # fmt: skip
_EMBASSY = Row(
    title="Standbys",
    panels=(
        number("Server", "1 while the standbys' server answers.", "bool_on_off", "max(embassy_standby_server_up)",
               worse_below=(1, 1), sites=EMBASSY),
        number("Standbys", "Generations that are live.", "short", "count(embassy_generation > 0)", sites=EMBASSY),
        line("Rows written", "By net effect.", "ops", f"sum by (op) (rate(embassy_apply_rows_total{_RATE}))",
             "{{op}}", sites=EMBASSY),
        line("Commits", "Groups of transactions that were committed.", "ops",
             f"rate(embassy_apply_group_seconds_count{_RATE})", sites=EMBASSY),
        Panel(
            title="Time of a group", description="To apply and commit it; what the server's disk and locks cost.",
            unit="s", sites=EMBASSY,
            queries=(
                Query(
                    "histogram_quantile(0.99, sum by (register, le) "
                    f"(rate(embassy_apply_group_seconds_bucket{_RATE})))",
                ),
            ),
        ),
        line("Transactions in a group", "Source transactions that share a commit, on average.", "short",
             f"rate(embassy_apply_transactions_total{_RATE})\n/ rate(embassy_apply_group_seconds_count{_RATE})",
             sites=EMBASSY),
        line("Generations", "A new one begins with each snapshot.", "none", "embassy_generation", sites=EMBASSY),
    ),
)  # fmt: skip
_DISKS = Row(
    title="Disks",
    panels=(line("Free", "Of the disks that the site's settings name.", "bytes", "embassy_disk_free_bytes", "{{disk}}",
                 width=24),),
)  # fmt: skip

DATABASES = Dashboard(
    name="databases",
    title="Databases",
    description="The registers' servers and slots at home; the standbys' server and its work at the embassy.",
    rows=(_HOME, _EMBASSY, _DISKS),
)
