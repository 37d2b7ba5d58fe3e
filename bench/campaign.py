"""The long fault run on the whole system: each fault ends in an exact comparison; writes docs/reports/faults.md.

    python -m bench.campaign [--faults 210] [--seed 1]     the schedule follows from the seed
    python -m bench.campaign --again artefacts/campaign.json    the report once more, without a run

Before each fault people work in two registers; the fault strikes under their load. The next one waits until pulses
that were written after the fault have arrived in both standbys, the writers have stopped, and every row of every table
was compared as text. Ends at the first difference, stop, or deadline that is missed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import re
import shutil
import signal
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

from bench.fault_report import Result, write
from bench.faults import Scene, schedule, strike
from bench.results import keep
from bench.versions import machine, revision, versions
from tests.support import bulk_work
from tests.support.asking import at_home
from tests.support.scenario import POPULATION, Registers
from tests.support.system import local_system

REPORT: Final = Path("docs/reports/faults.md")
RESULT: Final = Path("artefacts/campaign.json")
LOGS: Final = Path("artefacts/campaign-logs")
TRANSACTIONS_BEFORE: Final = 4
VERIFY_EVERY: Final = 30
READY_SECONDS_MAX: Final = 300.0
_EVENT: Final = re.compile(r"event='([^']*)'")


class Campaign:
    """One run."""

    def __init__(self, registers: Registers, result: Result) -> None:
        self.registers, self.result = registers, result
        self.scene = Scene(registers)
        self._loads: list[float] = []
        self._bulk_dsn = registers.system.database_dsn(POPULATION)

    def run(self, kinds: list[str], minutes_max: float) -> None:
        """Fault after fault, as many as the time allows."""
        began = time.monotonic()
        bulk_work.create(self._bulk_dsn)
        for number, kind in enumerate(kinds, 1):
            if time.monotonic() - began > minutes_max * 60:
                break
            rng = Random(f"fault/{self.result.seed}/{number}")
            try:
                arrived, well = self._one(number, kind, rng)
            except BaseException as error:
                self.result.failure = f"fault {number}, {kind}: {type(error).__name__}"
                raise
            finally:
                self.result.seconds, self.result.killed = time.monotonic() - began, self.scene.killed
            self.result.struck.append((kind, arrived, well))
            self._loads.append(os.getloadavg()[0])
            print(f"{number:4} {self.result.seconds:6.0f} s  {kind}: arrived after {arrived:.1f} s", flush=True)
        lines = self.registers.stops_ever()
        self.result.fault_lines = len(lines)
        self.result.events = Counter((_EVENT.findall(line) or ["other"])[0] for line in lines)
        self.result.load = statistics.median(self._loads) if self._loads else None

    def _one(self, number: int, kind: str, rng: Random) -> tuple[float, float]:
        registers = self.registers
        with registers.writers() as writers, bulk_work.Bulk(self._bulk_dsn, number) as large:
            writers.wait_done(TRANSACTIONS_BEFORE)
            strike(self.scene, kind, rng)
            registers.wait_arrived(self.scene.over_at)
            arrived = time.time() - self.scene.over_at
            registers.system.wait_running(seconds=READY_SECONDS_MAX)
            well = time.time() - self.scene.over_at
            writers.wait_done(TRANSACTIONS_BEFORE)
            if number % VERIFY_EVERY == 0:
                self._verify()
        self.result.transactions += sum(writers.done()) + large.transactions
        self.result.rows_compared += registers.assert_equal()
        self.result.comparisons += len(registers.names)
        return arrived, well

    def _verify(self) -> None:
        """What an operator would run, under load: no false alarm. That an answer takes too long is counted."""
        for name in self.registers.names:
            done = at_home(self.registers, "register", "verify", name, "--json")
            if done.returncode == 0:
                self.result.verifications += 1
                continue
            assert not is_unequal(done.stdout), f"verification of {name}: {done.stdout}"
            self.result.unanswered += 1


def is_unequal(output: str) -> bool:
    """True when a verification found a difference; False when it could not be made."""
    try:
        return not json.loads(output)["equal"]
    except (ValueError, KeyError):
        return False


def new_result(seed: int, wanted: int, registers: Registers) -> Result:
    """Of a run that begins now."""
    return Result(
        seed=seed,
        revision=revision(),
        versions=versions(registers.system.env()["home_postgres"]),
        machine=machine(),
        began_at=f"{dt.datetime.now(dt.UTC):%Y-%m-%d}",
        wanted=wanted,
    )


def _keep(result: Result, registers: Registers) -> None:
    keep(RESULT, result)
    if result.failure is not None:
        shutil.rmtree(LOGS, ignore_errors=True)
        shutil.copytree(registers.system.layout.logs, LOGS)
        print(registers.trouble())


def main() -> int:
    """Run, or only report; 1 when something was not as promised."""
    parser = argparse.ArgumentParser(description="Strike the whole system with faults, and compare after each.")
    parser.add_argument("--faults", type=int, default=210)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=240.0, help="begin no fault after this time")
    parser.add_argument("--only", help="only kinds whose name matches this expression")
    parser.add_argument("--again", type=Path, help="write the report of this result")
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):  # Told to end, it ends what it started, also in the background.
        signal.signal(number, signal.default_int_handler)
    if arguments.again is None:
        kinds = schedule(arguments.seed, arguments.faults, only=arguments.only or "")
        with local_system() as system:
            registers = Registers.make(system)
            result = new_result(arguments.seed, len(kinds), registers)
            try:
                Campaign(registers, result).run(kinds, arguments.minutes)
            finally:
                _keep(result, registers)
    found = Result(**json.loads((arguments.again or RESULT).read_text()))
    if not arguments.only:
        write(REPORT, found)
        print(f"written: {REPORT}")
    return int(found.failure is not None)


if __name__ == "__main__":
    sys.exit(main())
