"""What a run of all registers found, and its report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One register. `people`: transactions that people committed; `transactions` adds those of its clock."""

    register: str
    tier: int
    people: int
    transactions: int
    changes: int
    invariants: int
    evaluations: int
    positions: int
    lag_median: float
    lag_most: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """An idle register beside a busy one; lags in seconds, slots in bytes."""

    idle: str
    busy: str
    seconds: float
    transactions: int
    samples: int
    lag_median: float
    lag_most: float
    busy_lag_median: float
    busy_lag_most: float
    slot_most: int
    slot_last: int
    busy_slot_most: int


@dataclass(slots=True, kw_only=True)
class Result:
    """Kept as JSON, so that the report can be written again."""

    seed: int
    minutes: float
    revision: str
    machine: str
    versions: dict[str, str]
    day: str
    faults: list[str] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)
    load: float | None = None
    onboard_seconds: float = 0.0
    seconds: float = 0.0
    level_seconds: float = 0.0
    largest_bytes: int = 0
    lines: list[Line] = field(default_factory=list)
    idle: Idle | None = None
    failure: str | None = None

    @classmethod
    def read(cls, text: str) -> Self:
        """From JSON."""
        found = cls(**json.loads(text))
        found.lines = [Line(**one) for one in found.lines]  # type: ignore[arg-type]
        found.idle = None if found.idle is None else Idle(**found.idle)  # type: ignore[arg-type]
        return found


def write(path: Path, result: Result) -> None:
    """Write the report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [_head(result), _table(result), _idle(result.idle) if result.idle is not None else ""]
    path.write_text("\n".join(parts).rstrip("\n") + "\n", encoding="utf-8")


_WELL = """\
No invariant was broken at any standby at any commit that was looked at. In the end every register was equal, by
`embassy register verify` and by a comparison of every row as text. No register stood still; nothing was done by
hand."""


def _head(result: Result) -> str:
    outcome = _WELL if result.failure is None else f"**It ended early: {result.failure}.**"
    evaluations = sum(one.evaluations for one in result.lines)
    counted = ", ".join(f"{name} ({number})" for name, number in sorted(Counter(result.faults).items()))
    load = "" if result.load is None else f", load average {result.load:.0f} (median)"
    software = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    return f"""\
# Ten registers of a state at once

Command: `python -m bench.ten --minutes {result.minutes:g} --seed {result.seed}`, {result.day},
revision {result.revision}, {result.machine}{load}; {software}.
Both sites, both brokers, Kafka Connect and both PostgreSQL servers ran on this one machine, beside the people at work,
the auditors, and whatever else it had to do.

**{len(result.lines)} registers, {result.seconds / 60:.1f} minutes, {len(result.faults)} faults,
{evaluations:,} evaluations of invariants.**
{outcome}

All registers were put under replication side by side: the first standbys were level after
{result.onboard_seconds:.0f} s.
Then two clients worked in each register while processes were killed by SIGKILL and the link was cut:
{counted}.
The next fault struck once every process ran and every invariant had been evaluated at a new commit of every register.
When people stopped, what they had done had arrived everywhere {result.level_seconds:.1f} s later.
The largest document in the court's standby had {result.largest_bytes / 1e6:.1f} MB.

An evaluation is one invariant's answer, read at the standby in one snapshot together with the position: it speaks of
the register as it was after that one commit. That the same auditors see torn transactions is shown by
`tests/integration/test_invariants_standby.py`, where the assembly of transactions is disabled on purpose.
"""


_COLUMNS = (
    "register", "tier", "transactions of people", "transactions applied", "changes applied", "invariants",
    "evaluations", "at different commits", "lag, median s", "lag, worst s", "rows compared",
)  # fmt: skip


def _table(result: Result) -> str:
    rows = [
        (
            one.register, one.tier, f"{one.people:,}", f"{one.transactions:,}", f"{one.changes:,}", one.invariants,
            f"{one.evaluations:,}", f"{one.positions:,}", f"{one.lag_median:.1f}", f"{one.lag_most:.1f}",
            f"{one.rows:,}, equal",
        )
        for one in sorted(result.lines, key=lambda one: (one.tier, one.register))
    ]  # fmt: skip
    numbers = ("people", "transactions", "changes", "invariants", "evaluations", "positions")
    sums = [f"{sum(getattr(one, name) for one in result.lines):,}" for name in numbers]
    total = ("**together**", "", *sums, "", "", f"{sum(one.rows for one in result.lines):,}")
    return f"""\
Lag is the embassy's clock minus the newest beat of the register's clock at the standby, sampled once a second; up to
one second of it is the beat. The worst lag is that of the faults: a cut link, a server that comes back.

{markdown(_COLUMNS, [*rows, total])}
"""


def _idle(one: Idle) -> str:
    rows = [
        (
            f"{one.idle}, idle", f"{one.lag_median:.1f}", f"{one.lag_most:.1f}",
            f"{_mb(one.slot_most)}; at the end {_mb(one.slot_last)}",
        ),
        (f"{one.busy}, busy", f"{one.busy_lag_median:.1f}", f"{one.busy_lag_most:.1f}", _mb(one.busy_slot_most)),
    ]  # fmt: skip
    columns = ("register", "lag, median s", "lag, worst s", "most log that its slot kept")
    return f"""\
## An idle register beside a busy one
Afterwards nobody worked but in the {one.busy} register:
{one.transactions:,} transactions in {one.seconds:.0f} s, {one.samples} samples.

{markdown(columns, rows)}

Slots of one server share one log: what the busy register writes counts against the idle one's slot until something of
its own is confirmed. Its beat, once a second, brings that about: both slots keep about what the server writes in a
second or two, and the idle register's lag is that of one in which nothing waits.
"""


def markdown(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _mb(size: int) -> str:
    return f"{size / 1e6:.2f} MB"
