"""Commands at home that may fail, as its operator runs them: a scenario looks at their answers."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from deploy.local.apart import enter_command
from deploy.local.processes import embassy_script
from tests.support.scenario import Registers


def at_home(registers: Registers, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command at home that may fail."""
    layout = registers.system.layout
    command = [*enter_command(layout, "home"), str(embassy_script()), "--site", str(layout.site("home")), *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300)


def ask(registers: Registers, *arguments: str) -> tuple[int, Any]:
    """Run a command at home that prints JSON; its exit code, and what it printed."""
    done = at_home(registers, *arguments, "--json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def verify_again_and_again(registers: Registers, number: int) -> list[dict[str, Any]]:
    """So many verifications, the registers in turn, while people work in them; each must find everything equal."""
    found: list[dict[str, Any]] = []
    with registers.writers() as writers:
        for one in range(number):
            writers.wait_done(3)
            code, report = ask(registers, "register", "verify", registers.names[one % len(registers.names)])
            assert (code, report["equal"]) == (0, True), report
            found.append(report)
    return found
