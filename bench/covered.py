"""Branch coverage of all packages by all tests, their processes included; writes a part of docs/reports/coverage.md.

    python -m bench.covered [OPTIONS OF PYTEST ...]

Runs both halves as `make test` does, with every Python process under coverage that descends from them: commands, and
what the supervisor keeps. What a killed process saw is lost.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import coverage

from deploy.local.machine import checkout
from tests.support.halves import main as run_halves

PACKAGES: Final = ("data_embassy", "schemas", "connectors", "pipelines", "consumers", "operations")
REPORT: Final = Path("docs/reports/coverage.md")
HEADING: Final = "## All packages by all tests"
VARIABLE: Final = "COVERAGE_PROCESS_START"
GOAL: Final = 95
_RC: Final = """\
[run]
branch = true
parallel = true
sigterm = true
patch = _exit, execv
data_file = {folder}/data
source_pkgs = {packages}
disable_warnings = no-data-collected, module-not-imported, module-not-measured, already-imported, couldnt-parse

[report]
exclude_also =
    if TYPE_CHECKING:
    class .*\\bProtocol\\b.*:
"""


@dataclass(frozen=True, slots=True)
class Part:
    """What of a module or package was run."""

    name: str
    statements: int
    missed: int
    branches: int
    missed_branches: int

    @property
    def percent(self) -> float:
        """Of statements and branches together, as coverage counts."""
        whole = self.statements + self.branches
        return 100 * (1 - (self.missed + self.missed_branches) / whole) if whole else 100.0


def main(options: Sequence[str]) -> int:
    """Run, combine, write."""
    folder = checkout() / "artefacts" / "coverage" / "all"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    configuration = folder / "rc"
    configuration.write_text(_RC.format(folder=folder, packages=", ".join(PACKAGES)), encoding="utf-8")
    began = time.monotonic()
    os.environ[VARIABLE] = str(configuration)
    code = run_halves(options)
    del os.environ[VARIABLE]
    parts = measure(configuration)
    write(parts, minutes=(time.monotonic() - began) / 60, failed=code != 0)
    print(f"all packages: {total(parts, 'all').percent:.1f} %; written: {REPORT}")
    return code


def measure(configuration: Path) -> list[Part]:
    """Every module of our packages, from all processes' data."""
    one = coverage.Coverage(config_file=str(configuration))
    one.combine(keep=True)
    report = configuration.with_name("report.json")
    one.json_report(outfile=str(report))
    found = []
    for name, entry in sorted(json.loads(report.read_text())["files"].items()):
        of = entry["summary"]
        numbers = (of["num_statements"], of["missing_lines"], of["num_branches"], of["missing_branches"])
        found.append(Part(str(Path(name).resolve().relative_to(checkout())), *numbers))
    return found


def total(parts: Sequence[Part], name: str) -> Part:
    """Their sum."""
    return Part(
        name, sum(one.statements for one in parts), sum(one.missed for one in parts),
        sum(one.branches for one in parts), sum(one.missed_branches for one in parts),
    )  # fmt: skip


def write(parts: Sequence[Part], *, minutes: float, failed: bool) -> None:
    """Replace the report's last part."""
    kept = REPORT.read_text(encoding="utf-8").partition(HEADING)[0].rstrip() if REPORT.exists() else "# Coverage"
    REPORT.write_text(kept + "\n\n" + "\n".join(page(parts, minutes, failed=failed)) + "\n", encoding="utf-8")


def page(parts: Sequence[Part], minutes: float, *, failed: bool) -> list[str]:
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    everything = total(parts, "all")
    packages = [total([one for one in parts if one.name.startswith(f"{name}/")], name) for name in PACKAGES]
    short = sorted((one for one in parts if one.percent < GOAL), key=lambda one: one.percent)
    return [
        HEADING,
        "",
        f"`make coverage-all`, {dt.datetime.now(dt.UTC):%Y-%m-%d}, revision {revision.stdout.strip() or 'unknown'},",
        f"Python {platform.python_version()}, coverage {coverage.__version__}, {minutes:.0f} minutes: everything that",
        "`make test` runs with pytest, every process that descends from it included. What a process saw that was",
        f"killed with `kill -9` is lost.{' Some tests failed.' if failed else ''}",
        "",
        f"**{everything.percent:.1f} % of statements and branches together:**",
        f"{everything.statements - everything.missed:,} of {everything.statements:,} statements,",
        f"{everything.branches - everything.missed_branches:,} of {everything.branches:,} branches.",
        "",
        "| package | statements | branches | covered |",
        "|---|---|---|---|",
        *(line(one) for one in packages),
        "",
        f"Below {GOAL} %:",
        "",
        "| module | statements | branches | covered |",
        "|---|---|---|---|",
        *(line(one) for one in short),
    ]  # fmt: skip


def line(part: Part) -> str:
    return f"| `{part.name}` | {part.statements:,} | {part.branches:,} | {part.percent:.1f} % |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
