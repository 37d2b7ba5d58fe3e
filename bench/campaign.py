"""The long fault run: kills under load, comparisons in between; writes docs/reports/faults.md.

    python -m bench.campaign [--kills 200] [--compare-every 20] [--seed 1]

Each step kills a process chosen by the seed, or cuts the link for a moment, while people work in two registers; every
so often the writers stop and every row of every table is compared with the source. Ends at the first difference.
"""

import argparse
import random
import statistics
import time
from collections import Counter
from pathlib import Path

from deploy.local.processes import CONNECT, ROLES, SERVICES
from tests.support.scenario import Registers
from tests.support.system import local_system

REPORT = Path("docs/reports/faults.md")
LINK_CUT = "link cut"
VICTIMS = (*SERVICES, CONNECT, *ROLES, LINK_CUT)
LEVEL_SECONDS = 5.0


def strike(registers: Registers, victim: str, rng: random.Random) -> None:
    system = registers.system
    if victim != LINK_CUT:
        system.kill(victim)
        return
    system.link.cut(is_silent=rng.random() < 0.5)
    try:
        time.sleep(rng.uniform(0.5, 5))  # The fault itself has a length.
    finally:
        system.link.mend()


def stretch(registers: Registers, rng: random.Random, kills: int, levels: dict[str, list[float]]) -> None:
    """Some kills under load, then a comparison at rest."""
    with registers.writers() as writers:
        for _ in range(kills):
            victim = rng.choice(VICTIMS)
            writers.wait_done(3)
            at = time.monotonic()
            strike(registers, victim, rng)
            registers.system.wait_running(seconds=300)
            registers.wait_level(lag=LEVEL_SECONDS)
            levels.setdefault(victim, []).append(time.monotonic() - at)
    registers.assert_equal()


def write(levels: dict[str, list[float]], comparisons: int, seed: int, minutes: float) -> None:
    counts = Counter({victim: len(taken) for victim, taken in levels.items()})
    lines = [
        "# Fault campaign",
        "",
        f"Command: `make campaign` (seed {seed}). {sum(counts.values())} faults in {minutes:.0f} minutes on two",
        "registers under concurrent writers, the whole system on one machine with two cores. After each stretch the",
        f"writers stopped and every row of every table was compared as text: {comparisons} comparisons of two",
        "registers, all equal; no register stopped; nothing was done by hand.",
        "",
        "| fault | times | level again after, median s | longest s |",
        "|---|---|---|---|",
    ]
    for victim, count in sorted(counts.items()):
        taken = levels[victim]
        lines.append(f"| {victim} | {count} | {statistics.median(taken):.1f} | {max(taken):.1f} |")
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--compare-every", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    levels: dict[str, list[float]] = {}
    began, comparisons = time.monotonic(), 0
    with local_system() as system:
        registers = Registers.make(system)
        for first in range(0, arguments.kills, arguments.compare_every):
            stretch(registers, rng, min(arguments.compare_every, arguments.kills - first), levels)
            comparisons += 1
            print(f"campaign: {first + arguments.compare_every} faults, equal", flush=True)
    write(levels, comparisons, arguments.seed, (time.monotonic() - began) / 60)
    print(f"written: {REPORT}")


if __name__ == "__main__":
    main()
