"""What a snapshot is asked, tells on its way, and answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from data_embassy.types import Lsn


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the operator may choose."""

    slot_seconds_max: float = 120.0
    attempts_max: int = 5
    after_generation: int | None = None
    silence_seconds_max: float = 120.0
    """How long the embassy may say nothing while it is asked what differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One line of progress."""

    phase: str
    message: str
    tables_done: int = 0
    tables: int = 0
    rows: int = 0
    bytes: int = 0
    bytes_estimated: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A complete snapshot."""

    generation: int
    attempt: int
    consistent_point: Lsn
    is_temporary: bool
    tables: int
    rows: int
    bytes: int
    seconds: float
    rows_kept: int = 0
    """Rows that the embassy had already: they were not sent."""


Report = Callable[[Progress], None]


@dataclass(slots=True)
class Totals:
    """What was written so far, by table number where it is per table."""

    tables_done: int = 0
    rows: int = 0
    rows_kept: int = 0
    bytes: int = 0
    chunks: dict[int, int] = field(default_factory=dict)
    table_rows: dict[int, int] = field(default_factory=dict)
