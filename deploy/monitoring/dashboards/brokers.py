"""The brokers as their users see them: whether they answer, what waits in their topics, and for how long it may."""

from __future__ import annotations

from deploy.monitoring.dashboards.model import Dashboard, Panel, Query, Row, line, number
from deploy.monitoring.model import EMBASSY, HOME

_RATE = "[$__rate_interval]"

_UP = Row(
    title="Answers",
    panels=(
        number("Broker", "1 while this site's broker answers.", "bool_on_off", "max(embassy_broker_up)",
               worse_below=(1, 1)),
        number("Through the link", "1 while the embassy's broker answers home.", "bool_on_off",
               "max(embassy_link_up)", worse_below=(1, 1), sites=HOME),
        number("Kafka Connect", "1 while it answers.", "bool_on_off", "max(embassy_connect_up)",
               worse_below=(1, 1), sites=HOME),
        number("Least headroom", "Until retention may remove a record that is needed; infinite without retention.", "s",
               "min(embassy_retention_headroom_seconds)", worse_below=(86400, 14400)),
        line("Broker over time", "1 while it answers.", "bool_on_off", "max(embassy_broker_up)", "broker", width=24,
             height=5),
    ),
)  # fmt: skip
_TOPICS = Row(
    title="Topics",
    panels=(
        line("Home topics: appended", "Records per second that the forwarder took over from each home topic.", "ops",
             f"deriv(embassy_forward_home_offset{_RATE})", sites=HOME),
        line("Home topics: waiting", "Records that the embassy's broker has not acknowledged.", "short",
             "embassy_forward_backlog_records", sites=HOME),
        line("Lanes: appended", "Envelopes per second.", "ops", f"rate(embassy_forward_envelopes_total{_RATE})",
             sites=HOME),
        line("Lanes: read", "Envelopes per second that were applied.", "ops",
             f"deriv(embassy_applied_lane_offset{_RATE})", sites=EMBASSY),
        line("Lanes: waiting", "Envelopes behind the positions.", "short", "embassy_backlog_envelopes", sites=EMBASSY),
        line("Bytes that wait", "Sealed bytes.", "bytes", "max by (register) (embassy_backlog_bytes)"),
        line("Headroom", "Until retention may remove the oldest record that is still needed.", "s",
             "embassy_retention_headroom_seconds", "{{register}} {{topic}}"),
        line("Disks", "Free bytes.", "bytes", "embassy_disk_free_bytes", "{{disk}}"),
    ),
)  # fmt: skip

_INSIDE = Row(
    title="Inside the broker (agent of the JMX exporter)",
    is_of_java=True,
    panels=(
        line("Bytes in", "Appended by producers.", "Bps", f"rate(kafka_broker_bytes_in_total{_RATE})", "in", width=8),
        line("Bytes out", "Read by consumers.", "Bps", f"rate(kafka_broker_bytes_out_total{_RATE})", "out", width=8),
        line("Records in", "Appended by producers.", "ops", f"rate(kafka_broker_messages_in_total{_RATE})", "records",
             width=8),
        Panel(
            title="Partitions in trouble", description="0 when all is well.", unit="short", width=8,
            queries=(
                Query("kafka_broker_under_replicated_partitions", "under-replicated"),
                Query("kafka_broker_offline_replicas", "offline replicas"),
                Query("kafka_broker_offline_partitions", "offline"),
                Query("kafka_broker_offline_log_folders", "offline folders"),
            ),
        ),
        line("Idle request handlers", "Near 0 the broker is at its limit.", "percentunit",
             "kafka_broker_request_handlers_idle_ratio", "idle", width=8, worse_below=(0.3, 0.1)),
        line("Topics", "Bytes on disk.", "bytes", "sum by (topic) (kafka_broker_topic_bytes)", "{{topic}}", width=8),
    ),
)  # fmt: skip

BROKERS = Dashboard(
    name="brokers",
    title="Brokers",
    description="This site's broker: whether it answers, what waits in its topics, and how long it may wait.",
    rows=(_UP, _TOPICS, _INSIDE),
)
