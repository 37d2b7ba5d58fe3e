"""`embassy report` of one register of the whole system."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from typing import Any

from deploy.local.apart import enter_command
from deploy.local.processes import embassy_script
from tests.support.scenario import POPULATION, Registers


def report(registers: Registers, since: dt.datetime) -> tuple[int, dict[str, Any]]:
    """Exit code and answer about the population register since then."""
    layout = registers.system.layout
    done = subprocess.run(
        [
            *enter_command(layout, "embassy"), str(embassy_script()), "--site", str(layout.site("embassy")),
            "report", "--from", since.isoformat(), "--register", POPULATION, "--json",
        ],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    (found,) = json.loads(done.stdout)["registers"]
    return done.returncode, found
