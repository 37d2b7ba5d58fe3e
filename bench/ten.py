"""All registers of a state at once under faults, audited all the while; writes docs/reports/ten-registers.md.

    python -m bench.ten [--minutes 10] [--seed 1]       the order of faults follows from the seed
    python -m bench.ten --again artefacts/ten.json      the report once more, without a run

People work in every register while processes are killed, each kind at least once, and the link is cut. Every invariant
is evaluated at every standby all the while. Then nobody writes, every register is verified by the embassy's command and
compared row by row. At last one busy register works beside an idle one. Ends at the first broken invariant, difference,
stop, or deadline that is missed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import signal
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Final

import psycopg

from bench.lags import Sampler, lags_of, middle_and_most, slots_of
from bench.results import keep
from bench.ten_report import Idle, Line, Result, write
from bench.versions import machine, revision, versions
from deploy.local.auditor import Audit, Auditor, auditing, held
from deploy.local.processes import PROCESSES
from deploy.local.system import LocalSystem
from deploy.registers.catalogue import REGISTERS
from deploy.registers.court.actions import file_exhibit
from deploy.registers.workload import Counters
from tests.support.scenario import Registers, wait_for
from tests.support.system import local_system
from tests.support.ten_registers import NAMES, at_work, onboard, verify

REPORT: Final = Path("docs/reports/ten-registers.md")
RESULT: Final = Path("artefacts/ten.json")
LARGEST_BYTES: Final = 20_000_000
LARGEST_DOCUMENTS: Final = 4
"""Filed right before the first faults. More of their size come by people's own choice."""
CUT: Final = "link cut"
CUTS: Final = (2.0, 8.0, 20.0)
RATE: Final = 6.0
RATES: Final = {"population": 20.0, "treasury": 10.0, "court": 2.0}
"""Transactions a second that people begin in a register; RATE in the others."""
SHARE: Final = 0.2
"""Of a processor, for each auditor."""
IDLE: Final = "gazette"
BUSY: Final = "population"
BUSY_RATE: Final = 60.0
IDLE_SECONDS: Final = 45.0
_POSITION: Final = "SELECT transactions, changes FROM embassy_local.position"


def faults(seed: int) -> Iterator[str]:
    """Rounds without end: every process dies once, between cuts of the link."""
    rng = Random(f"ten/{seed}")
    while True:
        one = [*PROCESSES, *(f"{CUT} for {seconds:g} s" for seconds in CUTS)]
        rng.shuffle(one)
        yield from one


def run(system: LocalSystem, result: Result, minutes: float) -> None:
    """Everything, on a system without registers."""
    began = time.monotonic()
    registers = onboard(system, dict.fromkeys(NAMES))
    result.onboard_seconds = time.monotonic() - began
    before, began = totals(registers), time.monotonic()
    with Sampler(registers) as sampler, auditing(system, *NAMES, share=SHARE) as auditors:
        with at_work(registers, seed=result.seed, rates={name: RATES.get(name, RATE) for name in NAMES}) as works:
            for fault in faults(result.seed):
                if time.monotonic() - began > minutes * 60 and set(PROCESSES) <= set(result.faults):
                    break
                wait_seen(auditors)
                if len(result.faults) < LARGEST_DOCUMENTS:
                    file_largest(system, len(result.faults))
                strike(system, fault)
                result.faults.append(fault)
                result.loads.append(os.getloadavg()[0])
                print(f"{time.monotonic() - began:6.0f} s  {fault}", flush=True)
                system.wait_running()
            wait_seen(auditors)
            result.seconds = time.monotonic() - began
            done = {name: work.counters() for name, work in works.items()}
        registers.wait_arrived()
        result.level_seconds = time.monotonic() - began - result.seconds
        after, found = totals(registers), held(auditors)
    compared = verify(registers)
    assert registers.stops() == {}
    result.largest_bytes = largest(registers)
    for name in NAMES:
        result.lines.append(
            line(
                name,
                sampler=sampler,
                before=before,
                after=after,
                done=done[name],
                audit=found[name],
                rows=compared[name],
            )
        )
    result.idle = idle(registers)


class Largest(Random):
    """Chooses the largest of what may be."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


def file_largest(system: LocalSystem, seed: int) -> None:
    """A document as large as one may be comes into the court register."""
    with psycopg.connect(system.database_dsn("court")) as connection:
        connection.execute("UPDATE court.house SET largest_document_bytes = %s", (LARGEST_BYTES,))
        file_exhibit(connection, Largest(seed))


def largest(registers: Registers) -> int:
    """Bytes of the largest document that a standby holds."""
    with psycopg.connect(registers.standby_dsn("court")) as connection:
        row = connection.execute("SELECT max(octet_length(content)) FROM court.document").fetchone()
    assert row is not None
    return int(str(row[0]))


def strike(system: LocalSystem, fault: str) -> None:
    """Let it happen; returns when it is over."""
    if fault in PROCESSES:
        system.kill(fault)
        return
    system.link.cut()
    try:
        time.sleep(float(fault.split()[-2]))  # The fault itself has a length.
    finally:
        system.link.mend()


def wait_seen(auditors: Mapping[str, Auditor]) -> None:
    """Until every register's invariants were evaluated at some commit that is new."""
    before = {name: audit.positions for name, audit in held(auditors).items()}
    wait_for(
        lambda: all(audit.positions > before[name] for name, audit in held(auditors).items()),
        lambda: f"not seen at more commits than {before}: {held(auditors)}",
        seconds=600,
    )


def totals(registers: Registers) -> dict[str, tuple[int, int]]:
    """Transactions and changes of each standby since its snapshot."""
    found = {}
    for name in registers.names:
        with psycopg.connect(registers.standby_dsn(name)) as connection:
            row = connection.execute(_POSITION).fetchone()
        assert row is not None
        found[name] = (int(row[0]), int(row[1]))
    return found


def line(
    name: str,
    *,
    sampler: Sampler,
    before: Mapping[str, tuple[int, int]],
    after: Mapping[str, tuple[int, int]],
    done: Counters,
    audit: Audit,
    rows: int,
) -> Line:
    """What the report says of one register."""
    middle, most = middle_and_most(lags_of(sampler.samples, name))
    return Line(
        register=name,
        tier=REGISTERS[name].tier,
        people=done.transactions,
        transactions=after[name][0] - before[name][0],
        changes=after[name][1] - before[name][1],
        invariants=len(REGISTERS[name].checks),
        evaluations=audit.evaluations,
        positions=audit.positions,
        lag_median=middle,
        lag_most=most,
        rows=rows,
    )


def idle(registers: Registers) -> Idle | None:
    """Nobody works but in one busy register."""
    if not {IDLE, BUSY} <= set(registers.names):
        return None
    registers.wait_level(BUSY, IDLE)
    busy = REGISTERS[BUSY].workload(registers.system.database_dsn(BUSY), seed=7, writers=4, rate=BUSY_RATE)
    with Sampler(registers) as sampler, busy:
        wait_for(lambda: sampler.now() > IDLE_SECONDS, "time passes", seconds=2 * IDLE_SECONDS)
    middle, most = middle_and_most(lags_of(sampler.samples, IDLE))
    busy_middle, busy_most = middle_and_most(lags_of(sampler.samples, BUSY))
    return Idle(
        idle=IDLE,
        busy=BUSY,
        seconds=sampler.now(),
        transactions=busy.counters().transactions,
        samples=len(sampler.samples),
        lag_median=middle,
        lag_most=most,
        busy_lag_median=busy_middle,
        busy_lag_most=busy_most,
        slot_most=max(slots_of(sampler.samples, IDLE), default=0),
        slot_last=slots_of(sampler.samples, IDLE)[-1],
        busy_slot_most=max(slots_of(sampler.samples, BUSY), default=0),
    )


def main() -> int:
    """Run, or only report; 1 when something was not as promised."""
    parser = argparse.ArgumentParser(description="All registers at once under faults.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--again", type=Path, help="write the report of this result")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Told to end, it ends what it started.
    if arguments.again is None:
        with local_system() as system:
            result = Result(
                seed=arguments.seed,
                minutes=arguments.minutes,
                revision=revision(),
                machine=machine(),
                versions=versions(system.env()["home_postgres"]),
                day=f"{dt.datetime.now(dt.UTC):%Y-%m-%d}",
            )
            try:
                run(system, result, arguments.minutes)
            except BaseException as error:
                result.failure = f"{type(error).__name__}: {error}".splitlines()[0][:300]
                raise
            finally:
                result.load = statistics.median(result.loads) if result.loads else None
                keep(RESULT, result)
    write(REPORT, Result.read((arguments.again or RESULT).read_text()))
    print(f"written: {REPORT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
