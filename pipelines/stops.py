"""Stops of a register at home: stored with cause and remedy, cleared by an operator.

One file per stopped register, `<state>/forward/<register>.json`. Removing it asks the worker to try again; so do
SIGHUP and a restart, which keep the file until the register really goes on. What the pulse finds wrong with the
register itself stands in `<state>/source/<register>.json`; removing that has it looked at again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

from data_embassy.config import write_atomically
from data_embassy.errors import DataEmbassyError


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why and where a register stopped. Never row data."""

    register: str
    cause: str
    message: str
    remedy: str
    home_offset: int | None
    """First home offset that was not sealed, where known."""
    stopped_at: str

    @classmethod
    def of(cls, error: DataEmbassyError, *, register: str, home_offset: int | None, stopped_at: str) -> Self:
        """The stop that an error causes; its remedy names the register."""
        return cls(
            register=register,
            cause=error.cause_class,
            message=error.message,
            remedy=error.remedy.replace("NAME", register),
            home_offset=home_offset,
            stopped_at=stopped_at,
        )


class StopFiles:
    """The stops of one site's forwarder, or those of its registers themselves."""

    def __init__(self, state: Path, part: Literal["forward", "source"] = "forward") -> None:
        self._folder = state / part

    def path(self, register: str) -> Path:
        """Where a register's stop is stored."""
        return self._folder / f"{register}.json"

    def write(self, stop: Stop) -> None:
        """Store a stop so that a crash leaves either all of it or nothing."""
        write_atomically(self.path(stop.register), json.dumps(asdict(stop), indent=2))

    def read(self, register: str) -> Stop | None:
        """The stored stop, None when the register is not stopped."""
        try:
            return Stop(**json.loads(self.path(register).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def clear(self, register: str) -> None:
        """Forget a stop: the worker tries again within a second."""
        self.path(register).unlink(missing_ok=True)
