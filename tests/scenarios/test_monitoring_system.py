"""Prometheus beside a whole system: dashboards show something, no alert fires, and a stop is told with its runbook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deploy.local.machine import LOOPBACK
from deploy.local.monitoring import ROLES
from deploy.monitoring.model import BOTH, SiteName
from deploy.monitoring.prometheus import Target
from tests.support.monitored import (
    Prometheus,
    alertmanager,
    alertmanager_there,
    prometheus,
    prometheus_there,
    told,
    wait_answered,
)
from tests.support.scenario import POPULATION, Registers, wait_for

SECONDS = 60.0
EVALUATIONS = 8
OBJECTIVE = "\n[objectives]\nrpo_seconds = 600\n"
OF_FORMER_TESTS = {"EnvelopeRefused", "StandbyDiffers"}
"""True of registers that other tests damaged before."""
pytestmark = [prometheus_there, alertmanager_there]


@dataclass(frozen=True, slots=True)
class Watch:
    """Both sites' Prometheus, and what somebody at the embassy was told."""

    registers: Registers
    sites: dict[SiteName, Prometheus]
    came: list[dict[str, Any]]

    def of_stop(self) -> list[dict[str, Any]]:
        wanted = ("RegisterStopped", POPULATION)
        return [one for one in self.came if (one["labels"]["alertname"], one["labels"].get("register")) == wanted]


@pytest.fixture(scope="module")
def watch(registers: Registers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    """Both sites are watched, and the registers have an objective."""
    folder, ports = tmp_path_factory.mktemp("monitoring"), registers.system.layout.ports
    with ExitStack() as stack:
        for name in registers.names:
            for site in BOTH:
                stack.enter_context(rewritten(contract(registers, site, name), add=OBJECTIVE))
        address, came = stack.enter_context(told())
        manager = stack.enter_context(alertmanager(folder / "alertmanager", pages=address))
        sites = {}
        for site in BOTH:
            targets = [Target(job=role, address=f"{LOOPBACK}:{getattr(ports, role)}") for role in ROLES[site]]
            alerts_to = manager if site == "embassy" else None
            sites[site] = stack.enter_context(prometheus(folder / site, site, targets, alerts_to=alerts_to))
        yield Watch(registers, sites, came)


def contract(registers: Registers, site: SiteName, name: str) -> Path:
    return registers.system.layout.site(site) / "registers" / f"{name}.toml"


@contextmanager
def rewritten(path: Path, *, add: str = "", replace: tuple[str, str] = ("", "")) -> Iterator[None]:
    """A file that says something else while the body runs."""
    former = path.read_text()
    assert replace[0] in former
    path.write_text((former.replace(*replace) if replace[0] else former) + add)
    try:
        yield
    finally:
        path.write_text(former)


def has_watched(running: Prometheus) -> bool:
    """True when the rules have been evaluated some times."""
    return running.ask(f"min(count_over_time(up[5m])) >= {EVALUATIONS}") != []


def test_dashboards_show_a_healthy_system_and_no_alert_fires(watch):
    with watch.registers.writers():
        watch.registers.wait_level()
        for site, running in watch.sites.items():
            wait_answered(running, site, seconds=SECONDS, has_java=False)
            wait_for(partial(has_watched, running), f"{site} has watched for a while", seconds=SECONDS)
            assert running.broken() == []
            fired = {alert for alert, register in running.firing() if register in {"", *watch.registers.names}}
            assert fired <= OF_FORMER_TESTS, site


def test_a_stopped_register_is_told_with_its_runbook_and_so_is_its_end(watch):
    running, path = watch.sites["embassy"], contract(watch.registers, "embassy", POPULATION)
    with rewritten(path, replace=("lane = ", "lain = ")):
        wait_for(lambda: ("RegisterStopped", POPULATION) in running.firing(), "it fires", seconds=SECONDS)
        wait_for(lambda: bool(watch.of_stop()), "it is told", seconds=SECONDS)
    first = watch.of_stop()[0]
    assert first["labels"]["cause"] == "ContractError"
    assert first["annotations"]["runbook_url"] == "docs/runbooks/configuration.md#steps"
    assert first["annotations"]["summary"] == f"{POPULATION} is stopped: ContractError"
    wait_for(lambda: watch.of_stop()[-1]["status"] == "resolved", "its end is told", seconds=SECONDS)
    watch.registers.wait_level()
