"""Drills that an operator put on record: who practised a take-over of which registers, when, and how it went.

A site keeps its own records, signed by its key; nothing of them travels. They say what people said, not what a program
saw: a verification proves, a drill is told.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from data_embassy.errors import ConfigError
from data_embassy.shelf import Shelf, Signer

DRILLS: Final = Shelf(folder="drills", label=b"data-embassy/v1/drill")
RESULTS: Final = ("passed", "failed")
WHO_CHARACTERS_MAX: Final = 120
NOTE_CHARACTERS_MAX: Final = 500
_CLOCK_SECONDS: Final = 60
"""Whoever gives a time may have a clock that is ahead by so much."""
_PLAIN: Final = re.compile(r"\A[^\x00-\x1f\x7f-\x9f\u2028\u2029]+\Z")
_REMEDY: Final = 'embassy register drilled NAME --result passed --by "A. Person" --note "what was practised"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One drill of one register."""

    at: dt.datetime
    """When it ended."""
    by: str
    result: str
    """One of RESULTS."""
    note: str = ""
    registers: tuple[str, ...] = ()
    """All that were drilled together, this one included."""
    id: str = ""

    @property
    def is_passed(self) -> bool:
        """Whether the take-over worked."""
        return self.result == "passed"

    @classmethod
    def parse(cls, report: Mapping[str, Any]) -> Self:
        """Read a report; raises ValueError for one of another version, or that was written by somebody else."""
        try:
            at = dt.datetime.fromisoformat(report["at"])
            found = cls(
                at=at, by=report["by"], result=report["result"], note=report["note"],
                registers=tuple(report["registers"]), id=report["drill"],
            )  # fmt: skip
        except (KeyError, TypeError) as error:
            raise ValueError("not a drill") from error
        texts = (found.by, found.note, found.id, *found.registers)
        if at.tzinfo is None or found.result not in RESULTS or not all(isinstance(each, str) for each in texts):
            raise ValueError("not a drill")
        return found


def drill(
    *, registers: Sequence[str], result: str, by: str, note: str, at: dt.datetime | None, now: dt.datetime
) -> Drill:
    """A drill as it is to be recorded, now unless `at` is given; raises ConfigError for what cannot be one."""
    when, who, note = (now if at is None else at).replace(microsecond=0), by.strip(), note.strip()
    if result not in RESULTS:
        raise ConfigError(f"a drill {' or '.join(RESULTS)}, it was not {result!r}", remedy=_REMEDY)
    if not registers or len(set(registers)) != len(registers):
        raise ConfigError("each register that was drilled is named once", remedy=_REMEDY)
    for what, text, most in (("who", who, WHO_CHARACTERS_MAX), ("the note", note, NOTE_CHARACTERS_MAX)):
        if len(text) > most or (text and not _PLAIN.match(text)) or (what == "who" and not text):
            raise ConfigError(f"{what} is one line of at most {most} characters", remedy=_REMEDY)
    if (when - now).total_seconds() > _CLOCK_SECONDS:
        raise ConfigError(f"{when.isoformat()} has not come yet", remedy=_REMEDY)
    return Drill(at=when, by=who, result=result, note=note, registers=tuple(registers), id=str(uuid.uuid4()))


def keep(state: Path, one: Drill, *, signer: Signer) -> list[Path]:
    """Put a drill on record for each of its registers; raises ConfigError, before it writes, for one that is there."""
    for name in one.registers:
        if any(known.at == one.at for known, _ in drills(state, name)):
            raise ConfigError(
                f"a drill of {name} at {one.at.isoformat()} is on record", remedy=f"embassy register drills {name}"
            )
    at = one.at.isoformat()
    report = {
        "drill": one.id, "at": at, "by": one.by, "result": one.result, "note": one.note,
        "registers": list(one.registers),
    }  # fmt: skip
    return [
        DRILLS.keep(state, name, one.id, report | {"register": name}, at=at, signer=signer) for name in one.registers
    ]


def drills(state: Path, register: str) -> list[tuple[Drill, dict[str, Any]]]:
    """Drills of a register with their documents, oldest first; what cannot be read is left out."""
    found = []
    for path, document in DRILLS.documents(state, register):
        try:
            one = Drill.parse(document["report"])
        except ValueError:
            continue
        if document["report"].get("register") == register:
            found.append((one, document | {"file": str(path)}))
    return sorted(found, key=lambda one: one[0].at)


def last_passed(state: Path, register: str) -> dt.datetime | None:
    """When the newest drill ended that passed; None before the first."""
    return max((one.at for one, _ in drills(state, register) if one.is_passed), default=None)
