"""What the receiver says of a register: a condition for receipts, and a file that `embassy status` reads.

The file tells a register that stands still from a receiver that does not run: it is written again every second.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from consumers.control import Standby
from consumers.course import Figures
from consumers.receipts import Condition
from consumers.worker import Phase, StandbyWorker
from data_embassy.clock import Comparison
from data_embassy.config import write_hint

TOLD_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a receiver last said of a register; times are seconds since 1970."""

    at: float
    state: str
    cause: str | None = None
    trouble: str | None = None
    """What is waited for, in words."""
    backlog_envelopes: int | None = None
    backlog_bytes: int | None = None
    backlog_transactions: int | None = None
    level_in_seconds: float | None = None
    lane_headroom_seconds: float | None = None
    """Until retention may remove what was not applied; None without retention, and where it is not known."""
    key_envelopes: int | None = None
    """How many the data key of the newest envelope that was opened had sealed by then."""
    has_all: bool = False
    """All that stands on the lane is applied, but for a transaction whose end has not come."""
    hops: Mapping[str, float] = field(default_factory=dict)
    ahead_seconds: float = 0.0
    """The register's clock is at least so far ahead of home's."""
    correction_seconds: float = 0.0
    """What is taken from this site's clock."""
    candidate: Mapping[str, Any] = field(default_factory=dict)
    offset_seconds: float | None = None
    uncertainty_seconds: float | None = None
    is_offset_small: bool | None = None

    @classmethod
    def of(cls, condition: Condition, comparison: Comparison, *, at: float, trouble: str | None) -> Told:
        """What is to be told now."""
        offset, figures = comparison.offset, condition.figures
        return cls(
            at=at,
            state=condition.state,
            cause=condition.cause,
            trouble=trouble,
            backlog_envelopes=condition.backlog_envelopes,
            has_all=figures.has_all,
            backlog_bytes=figures.backlog_bytes,
            backlog_transactions=figures.backlog_transactions,
            level_in_seconds=_rounded(figures.level_in_seconds, 1),
            lane_headroom_seconds=_rounded(figures.lane_headroom_seconds, 1),
            key_envelopes=figures.key_envelopes,
            hops={hop: round(seconds, 6) for hop, seconds in figures.hops.items()},
            ahead_seconds=round(figures.ahead_seconds, 4),
            correction_seconds=round(figures.correction_seconds, 4),
            candidate=condition.candidate,
            offset_seconds=None if offset is None else round(offset.seconds, 4),
            uncertainty_seconds=None if offset is None else round(offset.uncertainty, 4),
            is_offset_small=figures.is_lag_trusted,
        )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None or math.isinf(value) else round(value, digits)


class ToldFiles:
    """`<state>/receive/told/<register>.json`."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "receive" / "told"

    def write(self, register: str, told: Told) -> None:
        """Say it; a disk that is full keeps no register from going on."""
        with suppress(OSError):
            write_hint(self._folder / f"{register}.json", json.dumps(asdict(told)))

    def read(self, register: str) -> Told | None:
        """What was said last; None when nothing was, or in another version's words."""
        try:
            return Told(**json.loads((self._folder / f"{register}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def condition_of(
    *,
    live: StandbyWorker | None,
    has_live: bool,
    others: Sequence[tuple[Standby, StandbyWorker | None]],
    is_paused: bool,
    trouble: str | None,
    figures: Figures | None = None,
) -> Condition:
    """What a register is doing, from its workers; `trouble` is the class of what its supervisor waits for."""
    candidate = _candidate(others)
    backlog = _backlog(live if has_live else next((worker for _, worker in reversed(others) if worker), None))
    if has_live and figures is not None:
        backlog = figures.backlog_envelopes
    state, cause = "live", None
    if is_paused:
        state = "paused"
    elif trouble is not None:
        state, cause = "waiting", trouble
    elif has_live and live is not None:
        state, cause = _state_of(live)
    elif not has_live:
        state, cause = _without_live([worker for _, worker in others])
    return Condition(
        state=state,
        cause=cause,
        backlog_envelopes=backlog,
        candidate=candidate,
        figures=figures or Figures(),
    )


def _state_of(worker: StandbyWorker) -> tuple[str, str | None]:
    if worker.stopped is not None:
        return "stopped", worker.stopped.error.cause_class
    trouble = worker.trouble
    return ("live", None) if trouble is None else ("waiting", trouble.cause_class)


def _without_live(workers: Sequence[StandbyWorker | None]) -> tuple[str, str | None]:
    known = [worker for worker in workers if worker is not None]
    if not known:
        return ("loading" if workers else "empty"), None
    working = [worker for worker in known if worker.stopped is None]
    state, cause = _state_of((working or known)[-1])
    return ("loading" if state == "live" else state), cause


def _candidate(others: Sequence[tuple[Standby, StandbyWorker | None]]) -> dict[str, Any]:
    if not others:
        return {}
    standby, worker = others[-1]
    told: dict[str, Any] = {"generation": standby.generation, "attempt": standby.attempt, "state": "loading"}
    if worker is None:
        return told
    if worker.stopped is not None:
        told |= {"state": "stopped", "cause": worker.stopped.error.cause_class}
    elif worker.phase is Phase.APPLYING:
        told["state"] = "catching up"
    if (progress := worker.progress) is not None:
        told |= {"rows": progress.rows, "bytes": progress.bytes, "tables_done": progress.tables_done}
    return told


def _backlog(worker: StandbyWorker | None) -> int | None:
    if worker is None or worker.position is None or worker.lane_end is None:
        return None
    return max(0, worker.lane_end - worker.position.lane_offset - 1)
