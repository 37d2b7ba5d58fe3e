"""Verifications under load, again and again: none may find a difference; writes docs/reports/verifications.md.

    python -m bench.verifications [--number 100]

Two registers of one whole system are verified in turn, by `embassy register verify`, while concurrent writers work in
both. In the end a row is edited in a standby by hand: a run that could not see a difference would prove nothing.
"""

from __future__ import annotations

import argparse
import datetime as dt
import platform
import subprocess
import time
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from tests.support.asking import ask, verify_again_and_again
from tests.support.scenario import POPULATION, Registers
from tests.support.system import local_system

REPORT = Path("docs/reports/verifications.md")
EDIT = "UPDATE population.municipality SET area_km2 = area_km2 + 0.01 WHERE code = %s"
ONE = "SELECT max(code) FROM population.municipality"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=100)
    number = parser.parse_args().number
    with local_system() as system:
        registers = Registers.make(system)
        began = time.monotonic()
        found = verify_again_and_again(registers, number)
        minutes = (time.monotonic() - began) / 60
        registers.assert_equal()
        caught = edited(registers)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text("\n".join(page(found, minutes, caught)) + "\n", encoding="utf-8")
    print(f"written: {REPORT}")


def edited(registers: Registers) -> dict[str, Any]:
    """What a verification says of a standby with one row edited by hand."""
    with psycopg.connect(registers.standby_dsn(POPULATION), autocommit=True) as standby:
        standby.execute("SET session_replication_role = replica; SET default_transaction_read_only = off")
        key = standby.execute(ONE).fetchone()
        standby.execute(EDIT, key)
    with registers.writers():
        code, report = ask(registers, "register", "verify", POPULATION)
    assert (code, report["equal"]) == (1, False), report
    (differing,) = (table for table in report["tables"] if not table["equal"])
    assert isinstance(differing, dict)
    return differing


def page(found: list[dict[str, Any]], minutes: float, caught: dict[str, Any]) -> list[str]:
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    versions = ", ".join(f"{site} {version // 10000}.{version % 100}" for site, version in found[0]["versions"].items())
    again = sum(one["attempts"] > 1 for one in found)
    return [
        "# Verifications under load",
        "",
        f"`python -m bench.verifications --number {len(found)}`, {dt.datetime.now(dt.UTC):%Y-%m-%d}, revision",
        f"{revision.stdout.strip() or 'unknown'}, Python {platform.python_version()}, PostgreSQL {versions};",
        "both sites on one machine with two cores, other test runs beside them.",
        "",
        "Two registers were verified in turn by `embassy register verify`, through the lane and the embassy's receipts",
        "alone, while two writers worked in each (about 15 transactions a second and register: keyless tables, key",
        "swaps, large values, TRUNCATE, partition moves).",
        "",
        f"**{len(found)} verifications in {minutes:.0f} minutes, 0 false alarms.** {again} of them took another point",
        "of comparison, because a table was truncated or rewritten meanwhile. Afterwards every row of both registers",
        f"was compared as text, too: equal. Then one row of a standby was edited by hand: {caught['table']} was named,",
        f"with a range of {caught['ranges'][0]['rows']} row.",
        "",
        "| register | verifications | tables | rows | pause of the standby, ms: median | p99 | longest | s | longest |",
        "|---|---|---|---|---|---|---|---|---|",
        *(line(name, [one for one in found if one["register"] == name]) for name in registers_of(found)),
        line("both", found),
        "",
        "A pause is how long the standby held still at the point of comparison: nothing was applied meanwhile, and",
        "the lane was read ahead. The last two columns are the whole verification, in the median and at most.",
    ]


def registers_of(found: list[dict[str, Any]]) -> list[str]:
    return sorted({str(one["register"]) for one in found})


def line(name: str, of: list[dict[str, Any]]) -> str:
    pauses = sorted(float(one["pause_ms"]) for one in of)
    seconds = [float(one["seconds"]) for one in of]
    tables = max(len(one["tables"]) for one in of)
    rows = max(sum(table["rows"] for table in one["tables"]) for one in of)
    p99 = pauses[min(len(pauses) - 1, int(len(pauses) * 0.99))]
    return (
        f"| {name} | {len(of)} | {tables} | {rows:,} | {median(pauses):.0f} | {p99:.0f} | {pauses[-1]:.0f} "
        f"| {median(seconds):.1f} | {max(seconds):.1f} |"
    )


if __name__ == "__main__":
    main()
