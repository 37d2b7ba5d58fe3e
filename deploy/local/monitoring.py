"""Prometheus and Alertmanager of both sites on this machine: Debian's packages, each site's own, on loopback only."""

from functools import partial
from pathlib import Path

import requests

from deploy.local.debian import MONITORING, how, missing
from deploy.local.exporter import exporters
from deploy.local.layout import Layout
from deploy.local.machine import LOOPBACK, LocalError, checkout
from deploy.local.supervise import Program
from deploy.monitoring.alertmanager import alertmanager_file
from deploy.monitoring.files import RULES, dashboard_files
from deploy.monitoring.model import BOTH, Settings, SiteName
from deploy.monitoring.prometheus import Target, prometheus_file
from deploy.monitoring.rules import rules_file

SETTINGS = Settings(interval_seconds=5, runbooks=str(checkout() / "docs" / "runbooks"))
"""A scrape costs each process about a millisecond; people who try things out want to see them soon."""
ROLES: dict[SiteName, tuple[str, ...]] = {"home": ("forward", "pulse"), "embassy": ("receive",)}
_KEPT = "15d"


def require() -> None:
    """Raises LocalError when Debian's packages are missing."""
    wanted = missing(MONITORING)
    if wanted:
        names = ", ".join(package.name for package in wanted)
        raise LocalError(f"monitoring needs Debian's packages {names}", remedy=how(wanted))


def write(layout: Layout) -> None:
    """Write each site's configuration, rules and dashboards below its own folder."""
    for site in BOTH:
        folder = layout.service(site, "monitoring")
        address = f"{LOOPBACK}:{_port(layout, site, 'alertmanager')}"
        files = {
            "prometheus.yml": prometheus_file(
                site, targets(layout, site), rules=RULES, alertmanager=address, settings=SETTINGS
            ),
            RULES: rules_file(site, SETTINGS),
            "alertmanager.yml": alertmanager_file(),
        }
        for name, text in (files | dashboard_files(site)).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def targets(layout: Layout, site: SiteName) -> list[Target]:
    """What a site's Prometheus asks: its own processes and what watches them, never the other site's."""
    ports = {role: getattr(layout.ports, role) for role in ROLES[site]}
    ports |= {job: exporter.port for job, exporter in exporters(layout, site).items()}
    ports |= {name: _port(layout, site, name) for name in ("prometheus", "alertmanager")}
    return [Target(job=job, address=f"{LOOPBACK}:{port}") for job, port in ports.items()]


def programs(layout: Layout) -> dict[str, tuple[Program, int]]:
    """Name -> what the supervisor runs and where it listens."""
    found = {}
    for site in BOTH:
        folder = layout.service(site, "monitoring")
        for name, command in (("alertmanager", alertmanager_command), ("prometheus", prometheus_command)):
            port = _port(layout, site, name)
            program = Program(name=f"{site}-{name}", command=command(folder, port), stop_seconds=10)
            found[program.name] = (program, port)
    return found


def prometheus_command(folder: Path, port: int) -> list[str]:
    """Runs it with `prometheus.yml` of the folder; its data lies beside."""
    return [
        "prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
        f"--storage.tsdb.retention.time={_KEPT}", f"--web.listen-address={LOOPBACK}:{port}", "--log.level=warn",
    ]  # fmt: skip


def alertmanager_command(folder: Path, port: int) -> list[str]:
    """Runs it with `alertmanager.yml` of the folder, alone."""
    return [
        "prometheus-alertmanager", f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alerts'}", f"--web.listen-address={LOOPBACK}:{port}",
        "--cluster.listen-address=", "--log.level=warn",
    ]  # fmt: skip


def is_ready(port: int) -> bool:
    """True when Prometheus or Alertmanager at this port is ready."""
    try:
        return requests.get(f"http://{LOOPBACK}:{port}/-/ready", timeout=2).ok
    except requests.RequestException:
        return False


def readiness(port: int) -> partial[bool]:
    """For the process table."""
    return partial(is_ready, port)


def _port(layout: Layout, site: SiteName, name: str) -> int:
    return int(getattr(layout.ports, f"{site}_{name}"))
