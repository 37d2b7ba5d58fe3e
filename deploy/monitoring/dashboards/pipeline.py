"""The way of the changes, station by station: beats, records, envelopes, transactions; the processes that move them."""

from __future__ import annotations

from deploy.monitoring.dashboards.model import Dashboard, Panel, Query, Row, line, number
from deploy.monitoring.model import EMBASSY, HOME

_RATE = "[$__rate_interval]"

_PARTS = Row(
    title="Parts",
    panels=(
        number(
            "Processes", "Processes of this site that answer.", "short", 'sum(up{job=~"forward|pulse|receive"})',
            worse_below=(1, 1),
        ),
        number("Link", "1 while the embassy's broker answers through the link.", "bool_on_off",
               "max(embassy_link_up)", worse_below=(1, 1), sites=HOME),
        number("Connect", "1 while Kafka Connect answers.", "bool_on_off", "max(embassy_connect_up)",
               worse_below=(1, 1), sites=HOME),
        number("Captured", "Capture tasks that run.", "short", "sum(embassy_connector_running)", sites=HOME),
        number("Clocks", "The embassy's clock minus home's.", "s",
               'max(embassy_clock_offset_seconds{job=~"forward|receive"})'),
        number("Paused", "Registers that an operator of this site paused.", "short", "sum(embassy_paused)",
               worse_above=(1, 100)),
    ),
)  # fmt: skip
_HOME = Row(
    title="Home: capture, seal, send",
    panels=(
        line("Beats", "Pulses written into each register; one a second.", "ops",
             f"rate(embassy_pulse_beats_total{_RATE})", sites=HOME),
        line("Records sealed", "Sealed and acknowledged by the embassy's broker.", "ops",
             f"rate(embassy_forward_records_total{_RATE})", sites=HOME),
        line("Envelopes", "Envelopes acknowledged.", "ops", f"rate(embassy_forward_envelopes_total{_RATE})",
             sites=HOME),
        Panel(
            title="Bytes", description="Before and after compressing and sealing.", unit="Bps", sites=HOME,
            queries=(
                Query(f"sum(rate(embassy_forward_plain_bytes_total{_RATE}))", "plain"),
                Query(f"sum(rate(embassy_forward_sealed_bytes_total{_RATE}))", "sealed"),
            ),
        ),
        line("In flight", "Envelopes that are on the link.", "short", "embassy_forward_in_flight_envelopes",
             width=8, sites=HOME),
        line("Not acknowledged", "Home records that wait.", "short", "embassy_forward_backlog_records",
             width=8, sites=HOME),
        line("Restarts of capture", "Failed capture tasks that were started again, within an hour; 0 when none was.",
             "short", "increase(embassy_connector_restarts_total[1h]) or vector(0)", width=8, sites=HOME),
        line("Age of receipts", "Since the embassy signed what home knows.", "s", "embassy:receipt_age_seconds",
             sites=HOME),
        line("Lag in receipts", "As the newest receipt states it.", "s", "embassy_receipt_lag_seconds", sites=HOME),
    ),
)  # fmt: skip
_EMBASSY = Row(
    title="Embassy: open, verify, apply",
    panels=(
        line("Transactions", "Source transactions applied.", "ops",
             f"rate(embassy_apply_transactions_total{_RATE})", sites=EMBASSY),
        line("Changes", "Row changes of the source.", "ops", f"rate(embassy_apply_changes_total{_RATE})",
             sites=EMBASSY),
        line("Rows written", "By net effect, after changes of one row were folded.", "ops",
             f"sum by (op) (rate(embassy_apply_rows_total{_RATE}))", "{{op}}", sites=EMBASSY),
        Panel(
            title="Time of a group", description="To apply and commit one group of transactions.", unit="s",
            sites=EMBASSY,
            queries=tuple(
                Query(
                    f"histogram_quantile({share}, sum by (le) (rate(embassy_apply_group_seconds_bucket{_RATE})))",
                    name,
                )
                for share, name in ((0.5, "half"), (0.99, "99 of 100"))
            ),
        ),
        line("Hops", "Where newest pulses spent their time, on average over all registers.", "s",
             "avg by (hop) (embassy_hop_seconds)", "{{hop}}", is_stacked=True, sites=EMBASSY),
        line("Envelopes that wait", "On the lanes, behind the positions.", "short", "embassy_backlog_envelopes",
             sites=EMBASSY),
        line("Repeated records", "Seen before and dropped, within an hour; 0 when none was.", "short",
             "increase(embassy_records_repeated_total[1h]) or vector(0)", width=8, sites=EMBASSY),
        line("Discarded transactions", "Open at a session marker, within an hour; 0 when none was.", "short",
             "increase(embassy_transactions_discarded_total[1h]) or vector(0)", width=8, sites=EMBASSY),
        line("Age of pulses", "How old the measurement of lag is.", "s", "embassy_pulse_age_seconds", width=8,
             sites=EMBASSY),
    ),
)  # fmt: skip
_DEBEZIUM = Row(
    title="Debezium's own figures (agent of the JMX exporter)",
    is_of_java=True,
    panels=(
        line("Behind the source", "By Debezium; it includes the difference of clocks and stands still while a task "
             "is dead. Shown beside our own lag, and decides nothing.", "s", "debezium_behind_source_seconds", width=8,
             sites=HOME),
        line("Events", "Seen by each task.", "ops", f"rate(debezium_events_total{_RATE})", width=8,
             sites=HOME),
        line("Queue", "Share of each task's queue that is full.", "percentunit",
             "1 - debezium_queue_remaining_events / debezium_queue_capacity_events", width=8, sites=HOME),
    ),
)  # fmt: skip
_PROCESSES = Row(
    title="Processes",
    panels=(
        line("CPU", "Cores used.", "none", 'rate(process_cpu_seconds_total{job=~"forward|pulse|receive"}'
             f"{_RATE})", "{{job}}"),
        line("Memory", "Resident memory.", "bytes",
             'process_resident_memory_bytes{job=~"forward|pulse|receive"}', "{{job}}"),
    ),
)  # fmt: skip

PIPELINE = Dashboard(
    name="pipeline",
    title="Pipeline",
    description="The way of the changes at this site, station by station, and the processes that move them.",
    rows=(_PARTS, _HOME, _EMBASSY, _DEBEZIUM, _PROCESSES),
)
