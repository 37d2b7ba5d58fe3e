"""A site's series as Prometheus would have them, healthy or with a fault, and `promtool`'s test files made of them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.monitoring.model import SiteName

REGISTERS = ("land", "court")
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Level:
    """A gauge."""

    value: float

    def text(self, first: int, count: int) -> str:
        return f"{_number(self.value)}+0x{count - 1}"


@dataclass(frozen=True, slots=True)
class Rising:
    """A counter or a clock: `step` a second from `start` on, as of the first sample of all."""

    step: float
    start: float = 0

    def text(self, first: int, count: int) -> str:
        return f"{_number(self.start + self.step * first)}{'-' if self.step < 0 else '+'}{abs(self.step)}x{count - 1}"


@dataclass(frozen=True, slots=True)
class Gone:
    """The process does not serve it, or the process is down."""

    def text(self, first: int, count: int) -> str:
        return " ".join(["stale", f"_x{count - 1}"]) if count > 1 else "stale"


@dataclass(frozen=True, slots=True)
class Held:
    """A counter or clock that stands at what it was when the fault began."""

    former: Rising

    def text(self, first: int, count: int) -> str:
        return f"{_number(self.former.start + self.former.step * (first - 1))}+0x{count - 1}"


Values = Level | Rising | Gone | Held
Fault = Mapping[str, Values | float]
"""By the beginning of a series' text, `embassy_link_up` or `embassy_lag_seconds{register="land"`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An alert, the fault for which it has to fire, and what it must not fire for."""

    alert: str
    site: SiteName
    fault: Fault
    within: int
    """Seconds from the fault's beginning until it fires at the latest."""
    not_before: int = 0
    """Seconds for which the fault may last without an alert."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of the alert that fires, beside its name and severity; `register` is land for a register's."""
    harmless: tuple[Fault, ...] = ()
    """What looks like it and is none."""
    is_slow: bool = False
    """Takes hours or days: evaluated every five minutes."""


def _series(name: str, job: str, site: str, **labels: str) -> str:
    every = {**labels, "site": site, "job": job, "instance": f"127.0.0.1:{job}"}
    shown = ",".join(f'{key}="{value}"' for key, value in every.items())
    return f"{name}{{{shown}}}"


def healthy(site: SiteName, *, second: float) -> dict[str, Values]:
    """Every series of a healthy site; `second` is how much a clock goes on per sample."""
    roles = {"forward": "home", "pulse": "home", "receive": "embassy"}
    found: dict[str, Values] = {}
    for job in [role for role, where in roles.items() if where == site]:
        found[_series("up", job, site)] = Level(1)
        found[_series("embassy_build_info", job, site, version="1.0")] = Level(1)
    found[_series("up", "prometheus", site)] = Level(1)
    found |= _home(second) if site == "home" else _embassy()
    teller = "forward" if site == "home" else "receive"
    found[_series("embassy_broker_up", teller, site)] = Level(1)
    found[_series("embassy_clock_offset_seconds", teller, site)] = Level(-0.02)
    found[_series("embassy_key_age_seconds", teller, site)] = Level(86400 * 20)
    found[_series("embassy_disk_free_bytes", teller, site, disk="data")] = Level(80 * GIB)
    for name in REGISTERS:
        found |= _told(name, teller, site)
    return found


def _told(name: str, teller: str, site: str) -> dict[str, Values]:
    """What the teller of either site says of a register."""
    found: dict[str, Values] = {
        "embassy_tier": Level(1),
        "embassy_objective_seconds": Level(30),
        "embassy_paused": Level(0),
        "embassy_catchup_seconds": Level(0),
        "embassy_backlog_bytes": Level(2000),
        # A test's time begins at 0, so a verification of long ago lies before it.
        "embassy_last_verification_timestamp_seconds": Level(1),
        "embassy_last_verification_equal": Level(1),
        "embassy_last_drill_timestamp_seconds": Level(1),
    }
    found = {_series(metric, teller, site, register=name): values for metric, values in found.items()}
    for state in ("live", "loading", "empty", "paused", "stopped", "waiting", "down", "unknown"):
        found[_series("embassy_state", teller, site, register=name, state=state)] = Level(float(state == "live"))
    found[_series("embassy_stopped", teller, site, register=name, cause="Gapped")] = Level(0)
    topic = "home" if site == "home" else "lane"
    headroom = _series("embassy_retention_headroom_seconds", teller, site, register=name, topic=topic)
    return found | {headroom: Level(float("inf") if name == "court" else 86400 * 6)}


def _home(second: float) -> dict[str, Values]:
    found: dict[str, Values] = {
        _series("embassy_link_up", "forward", "home"): Level(1),
        _series("embassy_connect_up", "pulse", "home"): Level(1),
    }
    for name in REGISTERS:
        forward: dict[str, Values] = {
            "embassy_receipt_timestamp_seconds": Rising(second),
            "embassy_receipt_lag_seconds": Level(0.8),
            "embassy_forward_envelopes_total": Rising(second),
            "embassy_epoch_age_seconds": Level(40000),
            "embassy_epoch_used_ratio": Level(0.9),
            "embassy_connector_running": Level(1),
            "embassy_connector_restarts_total": Level(2),
        }
        pulse: dict[str, Values] = {
            "embassy_pulse_beats_total": Rising(second),
            "embassy_register_database_up": Level(1),
            "embassy_register_clock_offset_seconds": Level(0.01),
            "embassy_slot_active": Level(1),
            "embassy_slot_retained_bytes": Level(4000),
            "embassy_slot_lost_seconds": Level(float("inf") if name == "court" else 90000),
        }
        for job, values in (("forward", forward), ("pulse", pulse)):
            found |= {_series(metric, job, "home", register=name): value for metric, value in values.items()}
        for status in ("reserved", "extended", "unreserved", "lost"):
            series = _series("embassy_slot_wal_status", "pulse", "home", register=name, status=status)
            found[series] = Level(float(status == "reserved"))
    return found


def _embassy() -> dict[str, Values]:
    found: dict[str, Values] = {_series("embassy_standby_server_up", "receive", "embassy"): Level(1)}
    for name in REGISTERS:
        found[_series("embassy_lag_seconds", "receive", "embassy", register=name)] = Level(0.7)
        found[_series("embassy_pulse_age_seconds", "receive", "embassy", register=name)] = Level(0.6)
    return found


def fault_group(
    world: Mapping[str, Values], fault: Fault, *, name: str, interval: int, before: int, lasting: int, after: int
) -> dict[str, Any]:
    """One group of promtool's tests: `before` healthy samples, `lasting` ones with the fault, `after` healthy ones."""
    series = dict(world)
    for start in fault:
        if not any(each.startswith(start) for each in world):
            series[start] = Gone()
    lines = []
    for each, values in series.items():
        chosen = next((value for start, value in fault.items() if each.startswith(start)), None)
        during = values if chosen is None else Level(chosen) if isinstance(chosen, int | float) else chosen
        parts = [(values, 0, before), (during, before, lasting), (values, before + lasting, after)]
        text = " ".join(part.text(first, count) for part, first, count in parts if count)
        lines.append({"series": each, "values": text})
    return {"name": name, "interval": f"{interval}s", "input_series": lines, "promql_expr_test": []}


def expect(group: dict[str, Any], expr: str, *, at: int, labels: list[str]) -> None:
    """That at a second of the test the expression gives 1 for each of these label sets, and nothing else."""
    samples = [{"labels": each, "value": 1} for each in labels]
    group["promql_expr_test"].append({"expr": expr, "eval_time": f"{at}s", "exp_samples": samples})


def promtool_file(rules: str, order: list[str], groups: list[dict[str, Any]], *, interval: int) -> str:
    """The test file, with its groups of rules in their order; JSON is YAML."""
    return json.dumps(
        {
            "rule_files": [rules],
            "evaluation_interval": f"{interval}s",
            "group_eval_order": order,
            "tests": groups,
        }
    )


def _number(value: float) -> str:
    return {float("inf"): "Inf"}.get(value, "NaN" if math.isnan(value) else f"{value:.12g}")
