"""Plants defects in the core's rules, one at a time, and asks the tests to catch each.

    python -m bench.mutations [--only NAME] [--report docs/reports/mutations.md]

Every defect is a small change of the source in a copy of this tree; the tests that guard the rule run there and must
fail. A defect that no test sees, or a patch that no longer fits the source, makes the command fail.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.mutants import MUTANTS, Mutant

_ROOT: Final = Path(__file__).parents[1]
_LEFT_OUT: Final = shutil.ignore_patterns(
    ".*", "__pycache__", "target", "artefacts", "node_modules", "*.jar", "*.log"
)  # fmt: skip
_SECONDS_MAX: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the tests said to one defect."""

    mutant: Mutant
    caught_by: str | None
    seconds: float


def main() -> int:
    """0 when every defect was caught."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", help="only defects whose name contains this")
    arguments.add_argument("--report", type=Path, help="write a page here")
    chosen = arguments.parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="embassy-mutations-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL's own user passes through.
        copy = Path(folder) / "tree"
        shutil.copytree(_ROOT, copy, ignore=_LEFT_OUT)
        for mutant in MUTANTS:
            if chosen.only is None or chosen.only in mutant.name:
                outcome = _try(copy, mutant)
                outcomes.append(outcome)
                print(f"{outcome.seconds:6.1f} s  {mutant.name}: {outcome.caught_by or 'NOT CAUGHT'}", flush=True)
    if chosen.report is not None:
        chosen.report.write_text(_page(outcomes), encoding="utf-8")
    return int(any(outcome.caught_by is None for outcome in outcomes))


def _try(copy: Path, mutant: Mutant) -> Outcome:
    path = copy / mutant.path
    source = path.read_text(encoding="utf-8")
    if source.count(mutant.old) != 1:
        raise SystemExit(f"{mutant.name}: the text to replace stands {source.count(mutant.old)} times in {mutant.path}")
    path.write_text(source.replace(mutant.old, mutant.new), encoding="utf-8")
    began = time.monotonic()
    try:
        caught_by = _failing_test(copy, mutant.tests)
    finally:
        path.write_text(source, encoding="utf-8")
    return Outcome(mutant=mutant, caught_by=caught_by, seconds=time.monotonic() - began)


def _failing_test(copy: Path, tests: tuple[str, ...]) -> str | None:
    """The first test that fails; None when none does."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--no-header", "-rfE", *tests]
    done = subprocess.run(
        command, cwd=copy, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_SECONDS_MAX
    )
    if done.returncode == 0:
        return None
    lines = [line for line in done.stdout.splitlines() if line.startswith("FAILED ")]
    if done.returncode != 1 or not lines:
        raise SystemExit(f"the tests did not run:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    return lines[0].removeprefix("FAILED ").partition(" - ")[0].rpartition("/")[2]


def _page(outcomes: list[Outcome]) -> str:
    caught = sum(outcome.caught_by is not None for outcome in outcomes)
    command = "`python -m bench.mutations --report docs/reports/mutations.md`"
    lines = [
        "# Mutations\n",
        f"Command: {command}\n",
        f"{caught} of {len(outcomes)} defects in core rules, each planted alone in a copy of the tree, are caught.\n",
        "| rule | defect | file | caught by |",
        "|---|---|---|---|",
    ]
    for outcome in outcomes:
        mutant = outcome.mutant
        by = f"`{outcome.caught_by}`" if outcome.caught_by else "**nothing**"
        lines.append(f"| {mutant.rule} | {mutant.name} | `{mutant.path}` | {by} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
