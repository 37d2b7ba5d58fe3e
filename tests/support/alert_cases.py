"""For each alert: the fault for which it fires, within how long, and what looks alike and must not."""

from __future__ import annotations

from deploy.monitoring.model import SiteName
from tests.support.alert_world import GIB, Case, Fault, Gone, Held, Rising, Values

HOUR = 3600
DAY = 24 * HOUR
LAND = 'register="land"'
BEATS: Values = Held(Rising(15))
"""A counter of one a second, every fifteen seconds, that stands still."""
ANY_LAG = {"embassy_lag_seconds{" + LAND: 31.0}


def of(metric: str, *labels: str) -> str:
    """The beginning of land's series of a metric."""
    return f"{metric}{{{','.join((LAND, *labels))}"


def _refused(site: str) -> str:
    return (
        f'embassy_envelopes_refused_total{{{LAND},reason="BadTag",site="{site}",job="receive",'
        'instance="127.0.0.1:receive"}'
    )


STOPPED = of("embassy_stopped", 'cause="Gapped"')

_STOPS = (
    Case(
        alert="RegisterStopped", site="home", fault={STOPPED: 1}, within=15,
        labels={"cause": "Gapped", "runbook": "missing-records"},
    ),
    Case(
        alert="RegisterStopped", site="embassy", fault={STOPPED: 1}, within=15,
        labels={"cause": "Gapped", "runbook": "missing-records"},
    ),
    Case(
        alert="RegisterStopped", site="embassy", within=15, labels={"cause": "OfTomorrow", "runbook": "README"},
        fault={f'embassy_stopped{{{LAND},cause="OfTomorrow",site="embassy",job="receive",instance="x"}}': 1},
    ),
    Case(
        alert="EnvelopeRefused", site="embassy", fault={_refused("embassy"): 1}, within=15,
        labels={"reason": "BadTag"}, harmless=({_refused("embassy"): 0},),
    ),
    Case(
        alert="StandbyDiffers", site="home", fault={of("embassy_last_verification_equal"): 0}, within=15,
        harmless=({of("embassy_last_verification_equal"): float("nan")},
                  {of("embassy_last_verification_equal"): 0, of("embassy_last_verification_timestamp_seconds"): 0}),
    ),
    Case(
        alert="RegisterPaused", site="embassy", fault={of("embassy_paused"): 1}, not_before=4 * HOUR - 600,
        within=4 * HOUR + 600, is_slow=True,
    ),
    Case(
        alert="RegisterLoading", site="embassy", within=6 * HOUR + 600, not_before=6 * HOUR - 600, is_slow=True,
        fault={of("embassy_state", 'state="live"'): 0, of("embassy_state", 'state="loading"'): 1},
    ),
    Case(
        alert="RegisterDown", site="home", within=150, not_before=105,
        fault={of("embassy_state", 'state="live"'): 0, of("embassy_state", 'state="down"'): 1},
    ),
)  # fmt: skip

_LAG = (
    # 14.4 times half a percent of an hour are 259 seconds.
    Case(alert="ObjectiveBurnsFast", site="embassy", fault=ANY_LAG, not_before=225, within=285),
    Case(
        alert="ObjectiveBurnsFast", site="embassy", fault={of("embassy_lag_seconds"): float("nan")}, not_before=225,
        within=285,
    ),
    Case(
        alert="ObjectiveBurnsFast", site="embassy", not_before=225, within=285,
        fault={'up{site="embassy",job="receive"': 0, of("embassy_lag_seconds"): Gone(),
               of("embassy_objective_seconds"): Gone()},
    ),
    Case(
        alert="ObjectiveBurnsFast", site="home", not_before=225 + 29, within=285 + 45,
        fault={of("embassy_receipt_timestamp_seconds"): BEATS},
        harmless=({of("embassy_objective_seconds"): float("nan"), of("embassy_receipt_lag_seconds"): 900},
                  {of("embassy_state", 'state="loading"'): 1, of("embassy_receipt_lag_seconds"): float("nan")}),
    ),
    # A receipt of the future shows no lag, and not 0, while nobody knows how far the clocks are apart.
    Case(
        alert="ObjectiveBurnsFast", site="home", not_before=225, within=285,
        fault={of("embassy_receipt_timestamp_seconds"): Rising(15, HOUR),
               "embassy_clock_offset_seconds": float("nan")},
    ),
    # Six times half a percent of six hours are 648 seconds; the clock of slow tests ticks every 300.
    Case(
        alert="ObjectiveBurns", site="embassy", fault=ANY_LAG, not_before=300, within=600, is_slow=True,
        harmless=({of("embassy_paused"): 1, of("embassy_state", 'state="paused"'): 1, **ANY_LAG},),
    ),
    # Half a percent of three days are 1296 seconds.
    Case(alert="ObjectiveBurnsSlowly", site="embassy", fault=ANY_LAG, not_before=900, within=1200, is_slow=True),
    Case(alert="PulseDead", site="home", fault={of("embassy_pulse_beats_total"): BEATS}, not_before=45, within=90),
    Case(
        alert="PulseDead", site="home", fault={of("embassy_pulse_beats_total"): Gone()}, within=30,
        # A process that is down is told as that, once for all registers.
        harmless=(
            {of("embassy_pulse_beats_total"): Gone(), of("embassy_state", 'state="empty"'): 1},
            {"embassy_pulse_beats_total": Gone(), 'up{site="home",job="pulse"': 0},
        ),
    ),
    Case(
        alert="PulseSilent", site="embassy", fault={of("embassy_pulse_age_seconds"): Rising(15, -300)},
        not_before=60, within=105,
        harmless=({of("embassy_pulse_age_seconds"): Rising(15, -300), of("embassy_state", 'state="paused"'): 1},),
    ),
    Case(
        alert="PulseSilent", site="embassy", fault={of("embassy_pulse_age_seconds"): float("nan")}, not_before=45,
        within=75,
        harmless=({of("embassy_pulse_age_seconds"): float("nan"), of("embassy_state", 'state="loading"'): 1},),
    ),
    Case(
        alert="PulseSilent", site="embassy", fault={of("embassy_pulse_age_seconds"): Gone()}, not_before=45, within=75
    ),
    Case(
        alert="HomeDark", site="embassy", fault={"embassy_pulse_age_seconds": Rising(15, -300)}, not_before=60,
        within=90, labels={"register": ""}, harmless=({of("embassy_pulse_age_seconds"): 900},),
    ),
    Case(
        alert="ReceiptsSilent", site="home", fault={of("embassy_receipt_timestamp_seconds"): BEATS}, not_before=105,
        within=165,
    ),
    Case(
        alert="EmbassyDark", site="home", fault={"embassy_receipt_timestamp_seconds": BEATS}, not_before=45, within=90,
        labels={"register": ""}, harmless=({of("embassy_receipt_timestamp_seconds"): BEATS},),
    ),
    # Clocks an hour apart make no receipt an hour old, as long as the offset is known.
    Case(
        alert="LinkDown", site="home", fault={"embassy_link_up": 0}, not_before=15, within=45, labels={"register": ""},
        harmless=({"embassy_receipt_timestamp_seconds": Rising(15, HOUR), "embassy_clock_offset_seconds": HOUR},),
    ),
    Case(
        alert="NotCatchingUp", site="embassy", fault={of("embassy_catchup_seconds"): Rising(1, 200)},
        not_before=1780, within=1920, harmless=({of("embassy_catchup_seconds"): Rising(-1, 4000)},),
    ),
    Case(
        alert="BacklogGrows", site="home", fault={of("embassy_backlog_bytes"): Rising(1e6, 1e8)}, not_before=1800,
        within=2200,
        harmless=({of("embassy_backlog_bytes"): Rising(-1e5, 2e8)}, {of("embassy_backlog_bytes"): Rising(10)}),
    ),
)  # fmt: skip


def _gauge(
    alert: str, metric: str, value: float, *, within: int, not_before: int = 0, near: float | None = None,
    site: SiteName = "home", is_slow: bool = False, register: str | None = None,
) -> Case:  # fmt: skip
    """A gauge that passes a threshold, of land or of the site, and one that comes near it."""
    name = metric if register == "" else of(metric)
    harmless: tuple[Fault, ...] = () if near is None else ({name: near},)
    labels = {} if register is None else {"register": register}
    return Case(
        alert=alert, site=site, fault={name: value}, within=within, not_before=not_before, harmless=harmless,
        is_slow=is_slow, labels=labels,
    )  # fmt: skip


HEADROOM = "embassy_retention_headroom_seconds"
OFFSET = "embassy_clock_offset_seconds"
_HEADROOM = (
    _gauge("SlotNearLoss", "embassy_slot_lost_seconds", 1700, near=1900, not_before=45, within=75),
    _gauge("SlotHeadroomLow", "embassy_slot_lost_seconds", 20000, near=22000, not_before=585, within=615),
    Case(
        alert="SlotUnreserved", site="home", within=15, labels={"status": "unreserved"},
        fault={of("embassy_slot_wal_status", 'status="unreserved"'): 1},
        harmless=({of("embassy_slot_wal_status", 'status="extended"'): 1},),
    ),
    _gauge("SlotRetainsMuch", "embassy_slot_retained_bytes", 11 * GIB, near=9 * GIB, not_before=585, within=615),
    _gauge("RetentionNearLoss", HEADROOM, 4 * HOUR - 1, near=4 * HOUR + 1, not_before=45, within=75),
    _gauge("RetentionNearLoss", HEADROOM, -5, site="embassy", not_before=45, within=75),
    _gauge("RetentionHeadroomLow", HEADROOM, 20 * HOUR, near=25 * HOUR, not_before=585, within=615),
    _gauge("DiskAlmostFull", "embassy_disk_free_bytes", GIB, near=3 * GIB, not_before=45, within=75, register=""),
    Case(
        alert="DiskFills", site="embassy", fault={"embassy_disk_free_bytes": Rising(-1e7, 14e9)}, not_before=885,
        within=1500, labels={"register": ""}, harmless=({"embassy_disk_free_bytes": 30 * GIB},),
    ),
)  # fmt: skip
_TRUST = (
    Case(
        alert="NoRecentVerification", site="home", fault={of("embassy_last_verification_timestamp_seconds"): -8 * DAY},
        not_before=DAY - 600, within=DAY + 900, is_slow=True,
        harmless=({of("embassy_last_verification_timestamp_seconds"): -6 * DAY},),
    ),
    Case(
        alert="NoRecentDrill", site="home", fault={of("embassy_last_drill_timestamp_seconds"): -30 * DAY},
        not_before=DAY - 600, within=DAY + 900, is_slow=True,
        harmless=({of("embassy_last_drill_timestamp_seconds"): -28 * DAY},),
    ),
    _gauge("ClocksDiffer", OFFSET, -1.5, near=0.9, not_before=285, within=315, register=""),
    _gauge("ClocksFarApart", OFFSET, 3600, near=float("nan"), not_before=15, within=45, register=""),
    _gauge("RegisterClockDiffers", "embassy_register_clock_offset_seconds", -2, near=0.5, not_before=285, within=315),
    _gauge(
        "SigningKeyOld", "embassy_key_age_seconds", 366 * DAY, near=364 * DAY, not_before=HOUR - 600,
        within=HOUR + 600, is_slow=True, register="",
    ),
    Case(
        alert="DataKeyOld", site="home", fault={of("embassy_epoch_age_seconds"): 25 * HOUR + 1}, not_before=585,
        within=615,
        harmless=({of("embassy_epoch_age_seconds"): 24 * HOUR},
                  {of("embassy_epoch_age_seconds"): 30 * HOUR, of("embassy_forward_envelopes_total"): BEATS}),
    ),
    _gauge("DataKeyOverused", "embassy_epoch_used_ratio", 1.01, near=1, within=15),
    Case(
        alert="VersionsDiffer", site="home", labels={"register": ""}, not_before=HOUR - 600, within=HOUR + 600,
        fault={'embassy_build_info{version="1.1",site="home",job="pulse",instance="y"}': 1}, is_slow=True,
    ),
)  # fmt: skip
_PARTS = (
    Case(
        alert="ProcessDown", site="home", fault={'up{site="home",job="pulse"': 0}, not_before=15, within=45,
        labels={"register": "", "job": "pulse"}, harmless=({'up{site="home",job="prometheus"': 0},),
    ),
    Case(
        alert="TargetDown", site="home", fault={'up{site="home",job="prometheus"': 0}, not_before=285, within=315,
        labels={"register": "", "job": "prometheus"},
    ),
    _gauge("BrokerDown", "embassy_broker_up", 0, not_before=15, within=45, register=""),
    _gauge("BrokerDown", "embassy_broker_up", 0, site="embassy", not_before=15, within=45, register=""),
    _gauge("ConnectDown", "embassy_connect_up", 0, not_before=45, within=75, register=""),
    _gauge("CaptureDown", "embassy_connector_running", 0, not_before=45, within=75),
    Case(
        alert="CaptureDown", site="home", fault={of("embassy_slot_active"): 0}, not_before=45, within=75,
        harmless=({of("embassy_slot_active"): 0, of("embassy_state", 'state="loading"'): 1},),
    ),
    Case(
        alert="CaptureRestarts", site="home", fault={of("embassy_connector_restarts_total"): 7}, within=60,
        harmless=({of("embassy_connector_restarts_total"): 4},),
    ),
    _gauge("RegisterDatabaseDown", "embassy_register_database_up", 0, not_before=15, within=45),
    _gauge("StandbyServerDown", "embassy_standby_server_up", 0, site="embassy", not_before=15, within=45, register=""),
)  # fmt: skip

CASES: tuple[Case, ...] = (*_STOPS, *_LAG, *_HEADROOM, *_TRUST, *_PARTS)
