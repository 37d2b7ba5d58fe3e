"""Stops of a register at the embassy, as a file: cause, message and remedy, cleared by an operator.

One file per stopped register, `<state>/receive/<register>.json`. Removing it asks the receiver to try again; so do
SIGHUP and a restart, which keep the file until the register really goes on. It says what the control database says.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from data_embassy.config import write_atomically


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why and where a standby of a register stopped. Never row data."""

    register: str
    database: str
    cause: str
    message: str
    remedy: str
    position: str
    stopped_at: str


class StopFiles:
    """The stops of one site's receiver."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "receive"

    def path(self, register: str) -> Path:
        """Where a register's stops are stored."""
        return self._folder / f"{register}.json"

    def write(self, register: str, stops: Sequence[Stop]) -> None:
        """Store all stops of a register, so that a crash leaves either all or nothing; none removes the file."""
        path = self.path(register)
        if not stops:
            path.unlink(missing_ok=True)
            return
        write_atomically(path, json.dumps({"register": register, "stops": [asdict(stop) for stop in stops]}, indent=2))

    def exists(self, register: str) -> bool:
        """False when an operator wants another try, or nothing stopped."""
        return self.path(register).exists()

    def read(self, register: str) -> list[Stop]:
        """The stored stops."""
        try:
            text = self.path(register).read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [Stop(**stop) for stop in json.loads(text)["stops"]]

    def clear(self, register: str) -> None:
        """Ask the receiver to try again; it does within a second."""
        self.path(register).unlink(missing_ok=True)
