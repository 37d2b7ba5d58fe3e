"""Simulate many seeded histories on all cores; writes docs/reports/simulation.md.

python -m bench.simulate [--seeds N] [--first N]     many seeds; ends with 1 and the seeds that broke a promise.
                                                     Ended by Ctrl-C it reports those that it had played
python -m bench.simulate --seed N                    one seed again, with everything that is logged
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

import structlog

from tests.support.simulation import Violation, simulate

REPORT: Final = Path("docs/reports/simulation.md")
CHUNK: Final = 250
_FATAL: Final = 50


def main() -> int:
    """Run what was asked for; 1 when a seed broke a promise."""
    arguments = _parser().parse_args()
    if arguments.seed is not None:
        print(simulate(arguments.seed))
        return 0
    began = time.monotonic()
    total: Counter[str] = Counter()
    broken: list[str] = []
    seeds = 0
    firsts = range(arguments.first, arguments.first + arguments.seeds, CHUNK)
    with ProcessPoolExecutor(arguments.processes) as pool:
        try:
            for counts, violations in pool.map(_chunk, firsts):
                total += counts
                broken += violations
                seeds += CHUNK
                said = "".join(f"\n{one}" for one in violations)
                seconds = time.monotonic() - began
                print(f"{seeds} of {arguments.seeds}, {len(broken)} broken, {seconds:.0f} s{said}", flush=True)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
    _write(arguments, seeds, total, broken, time.monotonic() - began)
    print("\n".join(broken) or "no seed broke a promise")
    return 1 if broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Simulate many seeded histories.")
    parser.add_argument("--seeds", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int, help="play one history again")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    return parser


def _chunk(first: int) -> tuple[Counter[str], list[str]]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_FATAL))
    counts: Counter[str] = Counter()
    violations = []
    for seed in range(first, first + CHUNK):
        try:
            outcome = simulate(seed)
        except Violation as violation:
            violations.append(str(violation))
            continue
        counts += Counter({f"step {name}": count for name, count in outcome.steps.items()})
        counts += Counter({f"stop {name}": 1 for name in outcome.stops})
        counts["histories"] += 1
        counts["commits compared"] += outcome.commits
        counts["envelopes"] += outcome.envelopes
        counts["generations"] += outcome.generations
    return counts, violations


def _write(arguments: argparse.Namespace, seeds: int, total: Counter[str], broken: list[str], seconds: float) -> None:
    version = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    lines = [
        "# Simulation of the pure core",
        "",
        (
            f"`python -m bench.simulate --seeds {arguments.seeds} --first {arguments.first}`, {seeds:,} of them "
            f"played, {dt.datetime.now(dt.UTC):%Y-%m-%d}, revision {version.stdout.strip() or 'unknown'}, Python "
            f"{platform.python_version()}, {arguments.processes} processes, {seconds / 60:.0f} minutes."
        ),
        "",
        (
            "Real in it: the forwarder's session and its search for the place to go on, batches, sealing and opening "
            "with real keys, sequence, assembly, decoding, net effect, position. In memory: the register, its capture "
            "tasks, both logs, the standby, time. After every commit of a standby its rows and its beat are compared "
            "with the register's at the position it names; in the end everything must come level, by itself or, where "
            "something was lost that only home had, by one more snapshot."
        ),
        "",
        f"**{len(broken)} of {seeds:,} seeds broke a promise.**",
        "",
        "| what | count |",
        "|---|---|",
        *(f"| {name} | {count:,} |" for name, count in sorted(total.items())),
        "",
        *(f"- {line}" for line in broken),
    ]
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
