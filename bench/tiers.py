"""A link that carries far less than what waits, registers of all tiers behind it; writes docs/reports/tiers.md.

    python -m bench.tiers [--kbit 2000] [--seed 1]
    python -m bench.tiers --again artefacts/tiers.json      the report once more, without a run

While the link is cut every register writes as much as its tier's share of some minutes on the link; people go on
working in all of them. Then the link is mended, and carries the given rate. Lag is sampled once a second, and what the
status at home estimates, until all registers are level; then all are compared.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import signal
import sys
from pathlib import Path
from statistics import median
from typing import Final

import psycopg

from bench.lags import Sampler
from bench.results import keep
from bench.tiers_report import Estimate, Line, Result, write
from bench.versions import machine, revision, versions
from data_embassy.config import load_site
from deploy.local.system import LocalSystem
from deploy.registers.catalogue import REGISTERS
from operations.status.home import home_status
from tests.support.scenario import Registers, wait_for
from tests.support.system import local_system
from tests.support.ten_registers import NAMES, at_work, onboard

REPORT: Final = Path("docs/reports/tiers.md")
RESULT: Final = Path("artefacts/tiers.json")
ROWS: Final = {1: 1_500, 2: 3_000, 3: 9_000}
"""Rows of about a kilobyte that does not compress, by tier."""
RATE: Final = 2.0
"""Transactions a second that people begin in each register."""
SCALE: Final = 0.02
LEVEL_SECONDS: Final = 3.0
"""Behind a narrow link that is shared, a beat of the clock waits for what is before it."""
AFTER_SECONDS: Final = 20.0
WAIT_SECONDS_MAX: Final = 900.0
MAKE: Final = "CREATE TABLE bulk (id integer PRIMARY KEY, content bytea)"
FILL: Final = """
INSERT INTO bulk SELECT i, decode(string_agg(md5(i::text || j || random()), ''), 'hex')
FROM generate_series(1, %s) i, generate_series(1, 64) j GROUP BY i
"""


def run(system: LocalSystem, result: Result) -> None:
    """Everything, on a system without registers."""
    registers = onboard(system, dict.fromkeys(NAMES, SCALE))
    with at_work(registers, seed=result.seed, rates=dict.fromkeys(NAMES, RATE)), Sampler(registers) as sampler:
        system.link.cut()
        try:
            pile_up(registers)
            system.link.rate(result.kbit)
        finally:
            system.link.mend()
        mended = sampler.now()
        follow(registers, sampler, result, mended)
        system.link.rate(0)
    registers.wait_arrived()
    result.rows = registers.assert_equal()
    result.lags = [
        (round(one.at - mended, 1), {name: round(lag, 1) for name, lag in one.lags.items()})
        for one in sampler.samples
        if one.at >= mended
    ]
    objectives = {name: one.terms.rpo_seconds for name, one in load_site(system.layout.site("home")).registers.items()}
    for name in NAMES:
        tier = REGISTERS[name].tier
        result.lines.append(Line(register=name, tier=tier, objective=objectives[name] or 0, kilobytes=ROWS[tier]))


def pile_up(registers: Registers) -> None:
    """Every register writes its share, and all of it is captured."""
    goals = {}
    for name in registers.names:
        goals[name] = ROWS[REGISTERS[name].tier]
        with psycopg.connect(registers.home_dsn(name), autocommit=True) as connection:
            connection.execute(MAKE)
            connection.execute(FILL, (goals[name],))
    wait_for(lambda: all(waiting(registers, name) >= rows for name, rows in goals.items()), "everything is captured")


def waiting(registers: Registers, name: str) -> int:
    """Home records that the embassy's broker has not acknowledged, as the forwarder counts them."""
    return int(registers.metric("forward", "embassy_forward_backlog_records", register=name) or 0)


def follow(registers: Registers, sampler: Sampler, result: Result, mended: float) -> None:
    """Ask the status again and again until all registers are level, and a while longer."""
    site = load_site(registers.system.layout.site("home"))
    level_at: list[float] = []

    def is_over() -> bool:
        at = sampler.now() - mended
        for one in home_status(site, clock=lambda: dt.datetime.now(dt.UTC)):
            result.estimates.append(
                Estimate(
                    at=round(at, 1), register=one.register, level_in=one.level_in_seconds, is_held=bool(one.is_held),
                    behind=one.lag_seconds,
                )
            )  # fmt: skip
        result.loads.append(os.getloadavg()[0])
        lags = sampler.samples[-1].lags
        if len(lags) < len(registers.names) or max(lags.values()) > LEVEL_SECONDS:
            level_at.clear()
            return False
        level_at.append(at)
        return at - level_at[0] >= AFTER_SECONDS

    wait_for(is_over, lambda: f"not level: {sampler.samples[-1]}", seconds=WAIT_SECONDS_MAX)


def main() -> int:
    """Run, or only report."""
    parser = argparse.ArgumentParser(description="Registers of all tiers behind a narrow link.")
    parser.add_argument("--kbit", type=float, default=2000.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--again", type=Path, help="write the report of this result")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Told to end, it ends what it started.
    if arguments.again is None:
        with local_system() as system:
            result = Result(
                kbit=arguments.kbit,
                seed=arguments.seed,
                rate=RATE,
                level_seconds=LEVEL_SECONDS,
                revision=revision(),
                machine=machine(),
                versions=versions(system.env()["home_postgres"]),
                day=f"{dt.datetime.now(dt.UTC):%Y-%m-%d}",
            )
            run(system, result)
        result.load = median(result.loads)
        keep(RESULT, result)
    write(REPORT, Result.read((arguments.again or RESULT).read_text()))
    print(f"written: {REPORT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
