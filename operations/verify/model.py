"""The report of a verification, and its forms: JSON for programs, lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas.content import Name
from schemas.ranges import KeyRange


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferingRange:
    """A range of keys whose rows differ, and how many rows each side has in it."""

    within: KeyRange
    rows: int
    standby_rows: int | None

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        start, end = self.within.as_json()
        return {"from": start, "before": end, "rows": self.rows, "standby_rows": self.standby_rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReport:
    """One table at one point."""

    name: Name
    rows: int
    equal: bool
    position: str
    reason: str | None = None
    ranges: tuple[DifferingRange, ...] = ()
    is_derived: bool = False
    """A materialized view: each site computed its rows from tables of its own, at a moment of its own."""

    @property
    def refutes(self) -> bool:
        """True when it shows that the standby is not equal."""
        return not self.equal and not self.is_derived

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        found: dict[str, Any] = {
            "table": ".".join(self.name),
            "relation": list(self.name),
            "rows": self.rows,
            "equal": self.equal,
            "position": self.position,
        }
        if self.is_derived:
            found["derived"] = True
        if not self.equal:
            found |= {"reason": self.reason, "ranges": [one.as_json() for one in self.ranges]}
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was proven, and where."""

    register: str
    verification: str
    position: str
    generation: int
    pause_ms: float
    tables: tuple[TableReport, ...]
    definitions: tuple[str, ...]
    """Definitions that differ, one line each."""
    sequences: tuple[str, ...]
    """Sequences that are not as the last applied pulse says, one line each."""
    left_out: tuple[str, ...] = ()
    """Tables whose rows stay at home, and are not compared: unlogged ones."""
    algorithm: str
    attempts: int
    started_at: str
    finished_at: str
    seconds: float
    versions: dict[str, int] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Everything that was compared is equal; what is computed from equal tables need not be."""
        is_refuted = any(table.refutes for table in self.tables)
        return not (is_refuted or self.definitions or self.sequences)

    def as_json(self) -> dict[str, Any]:
        """What is printed, signed and kept."""
        return {
            "register": self.register,
            "equal": self.equal,
            "position": self.position,
            "pause_ms": self.pause_ms,
            "tables": [table.as_json() for table in self.tables],
            "definitions": list(self.definitions),
            "sequences": list(self.sequences),
            "left_out": list(self.left_out),
            "verification": self.verification,
            "generation": self.generation,
            "algorithm": self.algorithm,
            "attempts": self.attempts,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "seconds": self.seconds,
            "versions": self.versions,
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        rows = sum(table.rows for table in self.tables)
        unequal = [table for table in self.tables if not table.equal]
        word = "equal" if self.equal else "NOT EQUAL"
        yield (
            f"{self.register} is {word} at {self.position}: {len(self.tables)} tables, {rows} rows, "
            f"in {self.seconds:.1f} s; the standby paused for {self.pause_ms:.0f} ms"
        )
        for table in unequal:
            why = "; a materialized view that each site filled at another moment" if table.is_derived else ""
            yield f"  {'.'.join(table.name)}: {table.reason}{why}"
            for one in table.ranges[:_RANGES_SHOWN]:
                there = "?" if one.standby_rows is None else one.standby_rows
                yield f"    {one.within}: {one.rows} rows here, {there} in the standby"
            if len(table.ranges) > _RANGES_SHOWN:
                yield f"    and {len(table.ranges) - _RANGES_SHOWN} more ranges (--json shows all)"
        for line in (*self.definitions, *self.sequences):
            yield f"  {line}"
        if self.left_out:
            yield f"  not compared, for their rows stay at home: {', '.join(self.left_out)}"
        if any(table.refutes for table in unequal):
            yield f"  repair it: embassy register repair {self.register}"


_RANGES_SHOWN = 20
