"""What the forwarder says of its registers, in a file that `embassy status` reads.

It tells a register that stands still from a forwarder that does not run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from data_embassy.config import write_hint
from pipelines.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the forwarder last said; `at` is seconds since 1970."""

    at: float
    acknowledged: Mapping[str, int | None] = field(default_factory=dict)
    """First home offset that the embassy's broker has not acknowledged, by register."""
    states: Mapping[str, str] = field(default_factory=dict)


def write_told(state: Path, sessions: Mapping[str, Session], *, at: float) -> None:
    """Say it; a disk that is full keeps nothing from being forwarded."""
    told = Told(
        at=at,
        acknowledged={name: session.acknowledged_end for name, session in sessions.items()},
        states={name: session.state.value for name, session in sessions.items()},
    )
    with suppress(OSError):
        write_hint(_path(state), json.dumps(asdict(told)))


def read_told(state: Path) -> Told | None:
    """What was said last; None when nothing was, or in another version's words."""
    try:
        return Told(**json.loads(_path(state).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _path(state: Path) -> Path:
    return state / "told" / "forward.json"
