"""What home remembers of the embassy's receipts, in files.

`embassy status` reads them, and a process that starts later still notices a copy that went back. They stand in
`<state>/receipts/<register>.json`, written by the forwarder. They are hints: lost, the next receipt makes them anew.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data_embassy.config import write_hint
from pipelines.receipts import Heard, Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What the forwarder knew when it last looked. `at` is seconds since 1970 by home's clock."""

    at: float
    heard: Heard | None = None
    """The newest receipt: shown, with its age, while the embassy cannot be reached."""
    position: Receipt | None = None
    """The newest position."""
    highest: Receipt | None = None
    has_gone_back: bool = False
    has_lost_receipts: bool = False
    offset_seconds: float | None = None
    """The embassy's clock minus home's."""
    uncertainty_seconds: float | None = None
    is_offset_small: bool | None = None
    correction_seconds: float = 0.0
    """What has to be taken from the embassy's clock."""


class Memory:
    """The files of one home site."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "receipts"

    def write(self, register: str, remembered: Remembered) -> None:
        """Keep it; a full disk keeps nobody from following receipts."""
        with suppress(OSError):
            write_hint(self._folder / f"{register}.json", json.dumps(asdict(remembered)))

    def read(self, register: str) -> Remembered | None:
        """What is remembered; None when nothing is, or in another version's words."""
        try:
            fields: dict[str, Any] = json.loads((self._folder / f"{register}.json").read_text(encoding="utf-8"))
            heard = fields.pop("heard")
            if heard is not None:
                heard["position"] = _receipt(heard["position"])
                heard = Heard(**heard)
            position, highest = _receipt(fields.pop("position")), _receipt(fields.pop("highest"))
            return Remembered(**fields, heard=heard, position=position, highest=highest)
        except (OSError, ValueError, TypeError, KeyError):
            return None


def _receipt(fields: dict[str, Any] | None) -> Receipt | None:
    return None if fields is None else Receipt(**fields)
