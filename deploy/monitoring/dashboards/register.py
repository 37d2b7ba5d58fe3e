"""One register: lag by hop, backlog, speed, headroom, keys, proofs."""

from __future__ import annotations

from deploy.monitoring.dashboards.model import Dashboard, Panel, Query, Row, line, number
from deploy.monitoring.model import EMBASSY, HOME

ONE = 'register=~"$register"'
HOUR = 3600.0
DAY = 24 * HOUR

_NOW = Row(
    title="$register",
    panels=(
        number("Lag", "How far behind.", "s", f"embassy:lag_seconds{{{ONE}}}", "{{register}}", worse_above=(10, 60)),
        number("Objective", "How far behind it may be.", "s", f"embassy:objective_seconds{{{ONE}}}", "{{register}}"),
        number(
            "Level in", "Estimate until it is level; 0 when it is.", "s",
            f"max by (register) (embassy_catchup_seconds{{{ONE}}})", "{{register}}", worse_above=(60, 600),
        ),
        number("Tier", "Lower numbers go first.", "none", f"embassy:tier{{{ONE}}}", "{{register}}"),
        number(
            "Age of the measurement", "Since a pulse was last applied: how old the lag itself is.", "s",
            f"embassy_pulse_age_seconds{{{ONE}}}", "{{register}}", worse_above=(3, 60), sites=EMBASSY,
        ),
        number(
            "Age of the receipt", "Since the embassy signed what home knows of it.", "s",
            f"embassy:receipt_age_seconds{{{ONE}}}", "{{register}}", worse_above=(10, 60), sites=HOME,
        ),
        number(
            "Stopped", "1 while it stands still until somebody clears the cause.", "bool_on_off",
            f"max(embassy_stopped{{{ONE}}}) or vector(0)", "stopped", worse_above=(1, 1),
        ),
    ),
)  # fmt: skip
_LAG = Row(
    title="Lag",
    panels=(
        Panel(
            title="Lag and objective", description="Lag over time, with what was agreed.", unit="s",
            queries=(
                Query(f"embassy:lag_seconds{{{ONE}}}"),
                Query(f"embassy:objective_seconds{{{ONE}}}", "{{register}} objective"),
            ),
        ),
        line(
            "Lag by hop", "Where the newest applied pulse spent its time; together its lag when it was applied.", "s",
            f"avg by (hop) (embassy_hop_seconds{{{ONE}}})", "{{hop}}", is_stacked=True,
        ),
        line(
            "State", "What it does.", "none", f"max by (register, state) (embassy_state{{{ONE}}}) == 1",
            "{{register}} {{state}}", kind="state-timeline",
        ),
        Panel(
            title="Objective missed", description="Share of the time that was missed, by window.", unit="percentunit",
            queries=tuple(
                Query(f"embassy:objective_missed:ratio_{window}{{{ONE}}}", f"{{{{register}}}} {window}")
                for window in ("5m", "1h", "6h", "3d")
            ),
        ),
    ),
)  # fmt: skip
_BACKLOG = Row(
    title="What waits",
    panels=(
        line(
            "Records at home", "Home records that the embassy's broker has not acknowledged.", "short",
            f"embassy_forward_backlog_records{{{ONE}}}", width=8, sites=HOME,
        ),
        line(
            "Envelopes on the lane", "Envelopes behind the position.", "short", f"embassy_backlog_envelopes{{{ONE}}}",
            width=8, sites=EMBASSY,
        ),
        line(
            "Bytes", "Sealed bytes that wait.", "bytes", f"max by (register) (embassy_backlog_bytes{{{ONE}}})", width=8
        ),
        line(
            "Transactions", "Source transactions that wait, an estimate.", "short",
            f"max by (register) (embassy_backlog_transactions{{{ONE}}})", width=8, sites=EMBASSY,
        ),
        line(
            "Log kept for the slot", "WAL that the register's server keeps.", "bytes",
            f"embassy_slot_retained_bytes{{{ONE}}}", sites=HOME,
        ),
        line(
            "Until the slot loses data", "At the growth of the last minutes; infinite while it does not grow.", "s",
            f"embassy_slot_lost_seconds{{{ONE}}}", sites=HOME,
        ),
    ),
)  # fmt: skip
_SPEED = Row(
    title="Speed",
    panels=(
        line(
            "Records sealed", "Records that were sealed and acknowledged.", "ops",
            f"rate(embassy_forward_records_total{{{ONE}}}[$__rate_interval])", sites=HOME,
        ),
        line(
            "Sealed bytes", "What goes over the link.", "Bps",
            f"rate(embassy_forward_sealed_bytes_total{{{ONE}}}[$__rate_interval])", sites=HOME,
        ),
        line(
            "Transactions applied", "Source transactions per second.", "ops",
            f"rate(embassy_apply_transactions_total{{{ONE}}}[$__rate_interval])", sites=EMBASSY,
        ),
        line(
            "Changes applied", "Row changes of the source per second.", "ops",
            f"rate(embassy_apply_changes_total{{{ONE}}}[$__rate_interval])", sites=EMBASSY,
        ),
    ),
)  # fmt: skip
_TRUST = Row(
    title="Trust",
    panels=(
        line(
            "Refused envelopes", "By reason, within the last hour; 0 when none was.", "short",
            f"sum by (register, reason) (increase(embassy_envelopes_refused_total{{{ONE}}}[1h])) or vector(0)",
            "{{register}} {{reason}}", width=8, sites=EMBASSY,
        ),
        line(
            "Age of the data key", "The forwarder retires it after a day.", "s", f"embassy_epoch_age_seconds{{{ONE}}}",
            width=8, sites=HOME,
        ),
        line(
            "Use of the data key", "Of what one key may seal.", "percentunit", f"embassy_epoch_used_ratio{{{ONE}}}",
            width=8, sites=HOME,
        ),
        line(
            "Last verification", "Since the last proof; decades when there was none.", "s",
            f"time() - max by (register) (embassy_last_verification_timestamp_seconds{{{ONE}}})", kind="bargauge",
            width=8, worse_above=(8 * DAY, 30 * DAY),
        ),
    ),
)  # fmt: skip

REGISTER = Dashboard(
    name="register",
    title="Register",
    description="One register, or some: lag by hop, what waits, speed, headroom, keys, proofs.",
    rows=(_NOW, _LAG, _BACKLOG, _SPEED, _TRUST),
    has_register=True,
)
