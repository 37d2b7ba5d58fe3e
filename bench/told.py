"""Faults of a whole system: what says so at either site, and how soon; writes docs/reports/what-says-so.md.

    python -m bench.told [--only connect,link]        the results of other faults are kept
    python -m bench.told --again artefacts/told.json  the report once more, without a run

Everything is real: both sites with their status pages, and each with a Prometheus and an Alertmanager that run the
rules as they are shipped. Both pages, all alerts and some figures are looked at once a second. One register is worked
in all the while, the other never.
"""

from __future__ import annotations

import argparse
import datetime as dt
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import requests

from bench.results import keep
from bench.told_faults import BUSY, BY_NAME, FAULTS, IDLE, Fault, Says
from bench.told_judge import ZEROS, Outcome, is_said, is_well, judge
from bench.told_report import Result, write
from bench.told_watch import Look, Watch
from bench.versions import machine, revision, versions
from deploy.registers.catalogue import REGISTERS
from tests.support.scenario import Registers, wait_for
from tests.support.system import local_system
from tests.support.ten_registers import onboard

REPORT: Final = Path("docs/reports/what-says-so.md")
RESULT: Final = Path("artefacts/told.json")
SCALES: Final = {BUSY: 0.02, IDLE: 0.02}
RATE: Final = 3.0
WELL_SECONDS_MAX: Final = 180.0
MARGIN_SECONDS: Final = 5.0
SETTLE_SECONDS: Final = 8.0
"""A fault lasts so long after everything was said: who would be rung up besides is seen."""
LAG: Final = f'embassy:lag_seconds{{register="{BUSY}"}}'


@contextmanager
def watched() -> Iterator[tuple[Registers, Watch]]:
    """A whole system with pages and monitoring, people at work in one register, and a watch."""
    with local_system(has_monitoring=True, has_pages=True) as system:
        registers = onboard(system, SCALES)
        people = REGISTERS[BUSY].workload(system.database_dsn(BUSY), seed=1, writers=1, rate=RATE)
        with people, Watch(system) as watch:
            wait_well(watch)
            yield registers, watch


def wait_well(watch: Watch, *, seconds: float = WELL_SECONDS_MAX) -> None:
    """Wait until both sites say that all is well."""
    wait_for(lambda: bool(watch.looks) and is_well(watch.looks[-1]), lambda: str(watch.looks[-1:]), seconds=seconds)


def measure(fault: Fault, registers: Registers, watch: Watch) -> Outcome:
    """Bring it about, wait until everything is said or a deadline, mend it, wait until all is well or a deadline."""
    wait_well(watch)
    watch.queries = [(says.site, says.what) for says in fault.says if says.kind == "metric"] + list(ZEROS)
    if not fault.is_well:  # What a former fault left must not count for this one.
        wait_for(lambda: not any(is_said(says, watch.looks[-1]) for says in fault.says), "nothing is said yet")
    limit = max((says.within for says in fault.says), default=0.0) + MARGIN_SECONDS
    with fault.breaks(registers):
        struck = time.time()
        while (now := time.time() - struck) < max(limit, fault.seconds):
            looks = watch.since(struck)
            if now >= fault.seconds and looks and all(_was_said(one, looks) for one in fault.says):
                time.sleep(0 if fault.is_well else SETTLE_SECONDS)
                break
            time.sleep(0.2)
        lags = {site: watch.value((site, LAG)) for site in ("home", "embassy")}
        true = registers.lag(BUSY)
        mended = time.time()
    deadline = mended + WELL_SECONDS_MAX
    while time.time() < deadline and not fault.is_well:
        if watch.looks[-1].at > mended and is_well(watch.looks[-1]):
            break
        time.sleep(0.2)
    outcome = judge(fault, watch.since(struck), struck, mended)
    outcome.true_lag, outcome.shown_lag = true, lags
    return outcome


def _was_said(says: Says, looks: Sequence[Look]) -> bool:
    return any(is_said(says, look) for look in looks)


def main() -> int:
    """Run, or only report."""
    parser = argparse.ArgumentParser(description="What says so, and how soon.")
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"of {', '.join(BY_NAME)}")
    parser.add_argument("--again", type=Path, help="write the report of this result")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Told to end, it ends what it started.
    if arguments.again is None:
        run([BY_NAME[name] for name in arguments.only] if arguments.only else list(FAULTS))
    result = Result.read((arguments.again or RESULT).read_text())
    write(REPORT, result)
    print(f"written: {REPORT}")
    failures = [f"{one.name}: {what}" for one in result.outcomes for what in one.failures]
    print("\n".join(failures) or "everything was said, and nothing else")
    return 1 if failures else 0


def run(faults: Sequence[Fault]) -> None:
    """Measure these; what was found of others before is kept."""
    former = Result.read(RESULT.read_text()).outcomes if RESULT.exists() else []
    with watched() as (registers, watch):
        result = Result(
            revision=revision(),
            machine=machine(),
            versions=versions(registers.system.env()["home_postgres"]),
            day=f"{dt.datetime.now(dt.UTC):%Y-%m-%d}",
        )
        for fault in faults:
            try:
                outcome = measure(fault, registers, watch)
            except (AssertionError, psycopg.Error, requests.RequestException) as error:
                print(fault.name, "could not be measured:", error, flush=True)
                continue
            print(fault.name, outcome.failures or "as it has to be", flush=True)
            result.outcomes = [one for one in [*result.outcomes, *former] if one.name != fault.name] + [outcome]
            former = []
            result.outcomes.sort(key=lambda one: list(BY_NAME).index(one.name))
            keep(RESULT, result)


if __name__ == "__main__":
    sys.exit(main())
