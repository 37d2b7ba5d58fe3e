"""Our own processes in a whole local system: kept alive, configured by their site's folder alone."""

from pathlib import Path

import pytest
import requests

from deploy.local.processes import ROLES, SITE_OF_ROLE
from deploy.local.system import LocalSystem


def pid_of(system: LocalSystem, name: str) -> int:
    pid = next(line.pid for line in system.status() if line.name == name)
    assert pid is not None
    return pid


@pytest.mark.parametrize("role", ROLES)
def test_a_killed_role_comes_back_and_serves_metrics(system, role):
    before = pid_of(system, role)
    system.kill(role)
    system.wait_running(role)
    assert pid_of(system, role) != before
    port = getattr(system.layout.ports, role)
    assert "embassy_" in requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_told_nothing_but_its_site(system, role):
    system.wait_running(role)
    process = Path("/proc") / str(pid_of(system, role))
    command = process.joinpath("cmdline").read_text().split("\0")
    assert command[-5:-1] == ["--site", str(system.layout.site(SITE_OF_ROLE[role])), "run", role]
    variables = {line.partition("=")[0] for line in process.joinpath("environ").read_text().split("\0")}
    assert not {name for name in variables if name.startswith("EMBASSY")} - {"EMBASSY_LOCAL_SYSTEM"}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_stops_in_time_when_asked(system, role):
    system.stop(role)
    log = system.log_file("supervisor").read_text()
    system.start(role)
    assert f"killing '{role}'" not in log
