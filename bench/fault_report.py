"""The fault campaign's result, and its report."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from pathlib import Path

from bench.fault_matrix import matrix


@dataclass(slots=True)
class Result:
    """What a run found; kept as JSON, so that the report can be written again."""

    seed: int
    revision: str
    versions: dict[str, str]
    machine: str
    began_at: str
    wanted: int
    struck: list[tuple[str, float, float]] = field(default_factory=list)
    """Kind, seconds until both standbys had what was written after the fault, seconds until all processes were well."""
    killed: int = 0
    comparisons: int = 0
    rows_compared: int = 0
    verifications: int = 0
    unanswered: int = 0
    transactions: int = 0
    seconds: float = 0.0
    fault_lines: int = 0
    """Lines of our own processes' logs that tell of an error."""
    events: dict[str, int] = field(default_factory=dict)
    """What those lines tell, by the names of their events."""
    load: float | None = None
    """Median of the machine's load average over one minute."""
    failure: str | None = None


def write(path: Path, result: Result) -> None:
    """Write the report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*_head(result), *_faults(result), *matrix()]) + "\n", encoding="utf-8")


def _head(result: Result) -> list[str]:
    outcome = "Every comparison was equal, no register stood still at one, nothing was done by hand."
    if result.failure is not None:
        outcome = f"**It ended early: {result.failure}.**"
    elif len(result.struck) < result.wanted:
        outcome += " These are as many of the schedule's faults as fitted in the time that the run was given."
    minutes, compared, rows = result.seconds / 60, f"{result.comparisons:,}", f"{result.rows_compared:,}"
    told = "".join(f"; {name}: {number}" for name, number in sorted(result.events.items()))
    return [
        "# Fault campaign",
        "",
        f"Command: `python -m bench.campaign --faults {result.wanted} --seed {result.seed}` (second half of",
        f"`make campaign`), {result.began_at}, revision {result.revision}, {result.machine};",
        ", ".join(f"{name} {version}" for name, version in result.versions.items()) + ".",
        "",
        f"**{len(result.struck)} faults, {result.killed} processes killed by SIGKILL, in {minutes:.0f} minutes.**",
        outcome,
        "",
        "The whole system with two registers: the population register and one of everything that is rare. Before and",
        "during each fault five clients write, one of them transactions of up to thousands of rows by COPY, updates",
        f"and key changes: {result.transactions:,} transactions in all. After each fault the writers stop, and every",
        f"row of every table of both registers is compared with its standby as text: {compared} comparisons",
        f"of a register, {rows} rows. Beside that {result.verifications} verifications ran under load,",
        "as an operator runs them (`embassy register verify`), all equal",
        f"({result.unanswered} more were given up for want of an answer in time). The logs of our processes hold",
        f"{result.fault_lines} lines that tell of an error{told}.",
        "",
        "What Debezium's own connector leaves under such kills: [plain Debezium](plain-debezium.md).",
        "",
    ]


def _faults(result: Result) -> list[str]:
    taken: dict[str, list[float]] = {}
    for kind, arrived, _ in result.struck:
        taken.setdefault(kind, []).append(arrived)
    everything = [arrived for _, arrived, _ in result.struck]
    load = (
        ""
        if result.load is None
        else f"The machine's load average was {result.load:.0f} (median): much of the time is waiting for a processor."
    )
    lines = [
        "Recovery is the time from the end of the fault (the kill, the mended link, SIGCONT) until what was written",
        "after it had arrived in both standbys; a beat of the pulse, one second, is part of it.",
        *([load] if load else []),
        "",
        "| fault | times | recovery, median s | p99 s | longest s |",
        "|---|---|---|---|---|",
    ]
    for kind, seconds in [*sorted(taken.items()), *([("**all**", everything)] if everything else [])]:
        lines.append(
            f"| {kind} | {len(seconds)} | {statistics.median(seconds):.1f} | {_p99(seconds):.1f} | {max(seconds):.1f} |"
        )
    return [*lines, ""]


def _p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]
