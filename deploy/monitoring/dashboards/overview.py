"""All registers at a glance: who is behind, what runs out first, whether anybody could take over."""

from __future__ import annotations

from deploy.monitoring.dashboards.model import Dashboard, Panel, Query, Row, line, number
from deploy.monitoring.model import HOME

DAY = 86400.0
HOUR = 3600.0

_NOW = Row(
    title="Now",
    panels=(
        number("Registers", "Registers under contract at this site.", "short", "count(embassy:tier)"),
        number(
            "Within objective", "Share of the registers with an objective that meet it now.", "percentunit",
            "sum(embassy:objective_met) / count(embassy:objective_met)", worse_below=(1, 0.9),
        ),
        number(
            "Worst lag", "How far the register that is farthest behind is behind.", "s", "max(embassy:lag_seconds)",
            worse_above=(10, 60),
        ),
        number(
            "Stopped", "Registers that stand still until somebody clears the cause.", "short",
            "count(max by (register) (embassy_stopped) == 1) or vector(0)", worse_above=(1, 1),
        ),
        number(
            "Pages", "Alerts for which somebody gets up.", "short",
            'count(ALERTS{alertstate="firing", severity="page"}) or vector(0)', worse_above=(1, 1),
        ),
        number(
            "Tickets", "Alerts for the next working day.", "short",
            'count(ALERTS{alertstate="firing", severity="ticket"}) or vector(0)', worse_above=(1, 10),
        ),
    ),
)  # fmt: skip
_REGISTERS = Row(
    title="Registers",
    panels=(
        Panel(
            title="Registers by lag",
            description="Lag, objective, tier and the estimate until level. At home lag is as of the newest receipt.",
            unit="s", kind="table", width=12, height=10,
            queries=(
                Query("max by (register) (embassy:lag_seconds)", "lag"),
                Query("max by (register) (embassy:objective_seconds)", "objective"),
                Query("max by (register) (embassy_catchup_seconds)", "level in"),
            ),
        ),
        Panel(
            title="State", description="What each register does: live, loading, empty, paused, stopped, waiting, down.",
            unit="none", kind="state-timeline", height=10,
            queries=(Query("max by (register, state) (embassy_state) == 1", "{{register}} {{state}}"),),
        ),
        line("Lag", "How far each standby is behind. It grows while nothing is heard.", "s", "embassy:lag_seconds"),
        line(
            "Objective missed", "Share of the last hour in which it was farther behind than agreed, or nobody knew.",
            "percentunit", "embassy:objective_missed:ratio_1h",
        ),
    ),
)  # fmt: skip
_RUNS_OUT = Row(
    title="What runs out first",
    panels=(
        line(
            "Slots", "Until a slot loses data if it goes on growing as lately; infinite while it does not.", "s",
            "embassy_slot_lost_seconds", kind="bargauge", width=8, worse_below=(6 * HOUR, HOUR / 2), sites=HOME,
        ),
        line(
            "Topics", "Until retention may remove the oldest record that is still needed.", "s",
            "embassy_retention_headroom_seconds", "{{register}} {{topic}}", kind="bargauge", width=8,
            worse_below=(DAY, 4 * HOUR),
        ),
        line(
            "Disks", "Free bytes of the disks that the site's settings name.", "bytes", "embassy_disk_free_bytes",
            "{{disk}}", kind="bargauge", width=8, worse_below=(20 * 2**30, 2 * 2**30),
        ),
    ),
)  # fmt: skip
_PROOFS = Row(
    title="Could we take over",
    panels=(
        line(
            "Last verification", "Since the last proof that a standby is equal; decades when there was none.", "s",
            "time() - max by (register) (embassy_last_verification_timestamp_seconds)", kind="bargauge", width=6,
            worse_above=(8 * DAY, 30 * DAY),
        ),
        line(
            "Equal", "1 when the last verification found both alike.", "bool_on_off",
            "max by (register) (embassy_last_verification_equal)", kind="bargauge", width=6, worse_below=(1, 1),
        ),
        line(
            "Last drill", "Since the last take-over that was practised; decades when there was none.", "s",
            "time() - max by (register) (embassy_last_drill_timestamp_seconds)", kind="bargauge", width=6,
            worse_above=(30 * DAY, 90 * DAY),
        ),
        line(
            "Versions", "Processes by the version that they run.", "short",
            "count by (version, job) (embassy_build_info)", "processes", kind="table", width=6,
        ),
    ),
)  # fmt: skip

OVERVIEW = Dashboard(
    name="overview",
    title="Overview",
    description="All registers of this site: lag against objective, stops, what runs out first, proofs and drills.",
    rows=(_NOW, _REGISTERS, _RUNS_OUT, _PROOFS),
)
