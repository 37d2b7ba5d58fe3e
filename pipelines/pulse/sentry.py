"""What home sees of a register itself, once a beat: its slot, its publication, its event triggers, its beats.

A lost publication or slot sends nothing, and a schema change that no event trigger saw looks like silence: only the
register's own catalog tells. What is found is a stop, stored until a new generation begins or an operator has it looked
at again. It holds up nothing by itself: the embassy stops by its own rules, at the exact place.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from data_embassy.config import write_hint
from data_embassy.errors import StreamError
from data_embassy.watched import Kind, find_change, is_known

_BEATS_UNKEPT: Final = 10
AGAIN: Final = "embassy register prepare NAME --print-sql, run by the DBA, then: embassy register snapshot NAME"


class SourceFault(StreamError):
    """The register is not as its stream needs it."""


class RegisterWentBack(SourceFault):
    """The register's clock row is older than it was: it was restored from a backup, or lost commits in a failover."""


class PulseRowLost(SourceFault):
    """Somebody removed the register's clock row."""


class RegisterUnprepared(SourceFault):
    """The schema data_embassy, or a part of it, is gone."""


class SlotMissing(SourceFault):
    """The register's replication slot is gone."""


class SlotInvalidated(SourceFault):
    """The server invalidated the slot: it no longer keeps what was not read."""


class PublicationChanged(SourceFault):
    """The publication is gone, leaves something out, or was made again."""


class EventTriggerChanged(SourceFault):
    """An event trigger is gone, was disabled, or was made again."""


class EventTriggersOff(SourceFault):
    """Event triggers are switched off for the whole server or database."""


_BY_KIND: Final[dict[Kind, type[SourceFault]]] = {
    "publication": PublicationChanged,
    "event trigger": EventTriggerChanged,
    "event_triggers": EventTriggersOff,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the register, with its newest beat."""

    beat: int
    watched: str
    has_slot: bool
    lost_by: str | None = None
    """Why the server invalidated the slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What earlier looks of this generation saw."""

    generation: int = 0
    """0: none was begun."""
    beat: int = 0
    watched: str | None = None
    had_slot: bool = False
    fell_from: int | None = None
    """The beat from which the register went back; only a new generation ends that."""

    @property
    def is_fresh(self) -> bool:
        """True before the first look of a generation."""
        return self.generation > 0 and self.watched is None and not self.beat

    def with_fault(self, fault: SourceFault) -> Known:
        """What is known behind a look at which this was wrong."""
        return replace(self, fell_from=self.beat) if isinstance(fault, RegisterWentBack) else self


def judge(known: Known, look: Look) -> SourceFault | None:
    """What is wrong, the most telling first: a restored backup has no slot either."""
    if look.beat <= known.beat or known.fell_from is not None:
        return RegisterWentBack(
            f"the register went back behind beat {known.fell_from or known.beat}: it was restored from a backup, or a "
            "failover lost commits",
            remedy="embassy register snapshot NAME",
        )
    if known.had_slot and not look.has_slot:
        return SlotMissing(
            "the register's replication slot is gone: it was dropped, or not synced to the server that took over",
            remedy="embassy register snapshot NAME, which makes a new one",
        )
    if look.lost_by is not None:
        return SlotInvalidated(
            f"the register's server invalidated the slot: {look.lost_by}",
            remedy="embassy register snapshot NAME, which makes a new slot",
        )
    try:
        found = find_change(known.watched, look.watched)
    except ValueError as error:
        return RegisterUnprepared(str(error), remedy=AGAIN)
    if found is None:
        return None
    remedy = "set event_triggers = on, then: embassy register snapshot NAME"
    return _BY_KIND[found.kind](found.what, remedy=remedy if found.kind == "event_triggers" else AGAIN)


def learn(known: Known, look: Look) -> Known:
    """What is known behind a look at which nothing was wrong."""
    return replace(
        known,
        beat=look.beat,
        watched=known.watched if is_known(known.watched) else look.watched,
        had_slot=known.had_slot or look.has_slot,
    )


class Memory:
    """What is known of one register, in a file of the site: it outlives the process.

    A new generation begins with nothing known: it is taken from the register as it is then.
    """

    def __init__(self, state: Path, register: str) -> None:
        self._path = state / "pulse" / f"{register}.json"
        self._generation = state / "snapshot" / f"{register}.json"
        self._known = self._read()
        self._written = self._known

    def known(self) -> Known:
        """What is known of the present generation."""
        generation = self._present_generation()
        if generation != self._known.generation:
            self._known = Known(generation=generation)
        return self._known

    def keep(self, known: Known) -> None:
        """Remember; the beat alone goes to the file only now and then, so a restart may miss the last few."""
        self._known = known
        if not known.generation:
            return
        if replace(known, beat=0) == replace(self._written, beat=0) and known.beat < self._written.beat + _BEATS_UNKEPT:
            return
        write_hint(self._path, json.dumps(asdict(known)))
        self._written = known

    def _present_generation(self) -> int:
        try:
            return int(json.loads(self._generation.read_text(encoding="utf-8"))["generation"])
        except (OSError, ValueError, KeyError):
            return 0

    def _read(self) -> Known:
        try:
            return Known(**json.loads(self._path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return Known()
