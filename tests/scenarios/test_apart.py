"""Each site in a network namespace of its own: the link is the only way between them, and every command works there."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from deploy.local.apart import enter_command
from deploy.local.layout import Ports
from deploy.local.processes import embassy_script, extras
from tests.support.scenario import POPULATION

_PROBE = """
import json, socket, sys
def is_open(port):
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
print(json.dumps([name for name, port in json.loads(sys.argv[1]).items() if is_open(port)]))
"""
_HOME = {"home_postgres", "home_kafka", "connect", "forward", "pulse"}
_EMBASSY = {"embassy_postgres", "embassy_kafka", "receive"}


@pytest.fixture
def apart(registers):
    if not registers.system.layout.is_apart:
        pytest.skip("network namespaces need root")
    return registers


def reachable(layout, site: str) -> set[str]:
    """What a process at this site can connect to."""
    ports = {name: getattr(layout.ports, name) for name in Ports.__dataclass_fields__}
    command = [*enter_command(layout, site), sys.executable, "-c", _PROBE, json.dumps(ports)]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return set(json.loads(found)) - {"home_controller", "embassy_controller"}


def run(registers, site: str, *arguments: str) -> tuple[int, str, str]:
    layout = registers.system.layout
    command = [*enter_command(layout, site), str(embassy_script()), "--site", str(layout.site(site)), *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def test_a_site_reaches_its_own_services_and_home_the_link(apart):
    layout = apart.system.layout
    pages = {name.replace("-", "_") for name in extras(layout)}
    # The passage behind the link's proxy carries only what the embassy's broker asks a certificate for.
    assert reachable(layout, "home") == _HOME | {"link", "embassy_link"} | (pages & {"home_page"})
    assert reachable(layout, "embassy") == _EMBASSY | {"embassy_link"} | (pages & {"embassy_page"})


@pytest.mark.parametrize("site", ["home", "embassy"])
@pytest.mark.parametrize(
    "command", [("status", "--json"), ("register", "list", "--json"), ("config", "check"), ("keys", "list")]
)
def test_commands_work_at_a_site_that_sees_nothing_of_the_other(apart, site, command):
    code, out, err = run(apart, site, *command)
    assert code == 0, err
    assert POPULATION in out or command[0] in ("config", "keys")


@pytest.mark.parametrize(
    ("site", "command"),
    [
        ("embassy", ("register", "verify", POPULATION)),
        ("embassy", ("register", "check", POPULATION)),
        ("embassy", ("register", "snapshot", POPULATION)),
        ("embassy", ("connector", "status", POPULATION)),
        ("home", ("register", "replay", POPULATION)),
        ("home", ("register", "decide", POPULATION)),
    ],
)
def test_what_only_the_other_site_can_do_is_said(apart, site, command):
    code, out, err = run(apart, site, *command)
    assert code in (1, 2), out
    assert "remedy" in err
