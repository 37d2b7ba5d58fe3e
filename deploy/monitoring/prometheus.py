"""Prometheus' configuration for one site. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from deploy.monitoring.model import Settings, SiteName

PORTS: dict[SiteName, dict[str, int]] = {
    "home": {"forward": 9101, "pulse": 9102, "kafka": 9104, "connect": 9105},
    "embassy": {"receive": 9103, "kafka": 9104},
}
"""Of the files for operators: what `[metrics]` of the site, and the agents of its Java processes, have to say."""
PROMETHEUS_PORT = 9090
ALERTMANAGER_PORT = 9093


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A process that is asked for its figures."""

    job: str
    address: str
    path: str = "/metrics"


def prometheus_file(
    site: SiteName, targets: Sequence[Target], *, rules: str, alertmanager: str | None, settings: Settings
) -> str:
    """`prometheus.yml`; `rules` is the rule file beside it, `alertmanager` an address."""
    seconds = settings.interval_seconds
    lines = [
        "global:",
        f"  scrape_interval: {seconds}s",
        f"  scrape_timeout: {min(10, seconds)}s",
        f"  evaluation_interval: {seconds}s",
        f"rule_files: [{json.dumps(rules)}]",
    ]
    if alertmanager is not None:
        lines += ["alerting:", "  alertmanagers:", f"  - static_configs: [{{targets: [{json.dumps(alertmanager)}]}}]"]
    lines.append("scrape_configs:")
    for target in targets:
        lines += [
            f"- job_name: {target.job}",
            f"  metrics_path: {target.path}",
            f"  static_configs: [{{targets: [{json.dumps(target.address)}], labels: {{site: {site}}}}}]",
        ]
    return "\n".join(lines) + "\n"


def usual_targets(site: SiteName) -> list[Target]:
    """A site's processes on one machine, with what watches them."""
    ports = PORTS[site] | {"prometheus": PROMETHEUS_PORT, "alertmanager": ALERTMANAGER_PORT}
    return [Target(job=job, address=f"127.0.0.1:{port}") for job, port in ports.items()]
