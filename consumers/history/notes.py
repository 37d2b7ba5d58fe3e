"""What is noted of one register while the receiver works: its looks become entries and events (pure)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Final

from consumers.history.coverage import Coverage, Entry, Look, fold
from consumers.history.outages import Outage, Outages
from consumers.history.store import Happening
from data_embassy import causes

ENTRY_LOOKS: Final = 5
"""Looks of one entry."""
_OUTAGE_LOOKS: Final = 60
"""An outage that lasts is stored again so often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the receiver knows of a register at one moment."""

    look: Look
    pause: str | None = None
    """Why it is paused."""
    mended_at: dt.datetime | None = None
    """When rows that home sent again were last committed; None before the first of the live standby's worker."""


class Notes:
    """One register's."""

    def __init__(
        self,
        register: str,
        *,
        last: Entry | None = None,
        outage: Happening | None = None,
        pause: Happening | None = None,
    ) -> None:
        """`last`, `outage` and `pause` are stored: the newest entry, and what has not ended."""
        self._register = register
        self._coverage = Coverage(register, last)
        self._outages = Outages(None if outage is None else Outage.resumed(outage.at, outage.facts))
        self._pause = pause
        self._looks = 0
        self._reason = ""
        self._mended_at: dt.datetime | None = None
        self._part: list[Entry] = []
        self._entries: list[Entry] = []
        self._happenings: dict[object, Happening] = {}

    def take(self, watched: Watched) -> None:
        """Take the next look."""
        self._looks += 1
        look, was_open = watched.look, self._outages.open
        seen = self._coverage.take(look)
        if seen.entry is not None:
            self._part.append(seen.entry)
        if self._looks % ENTRY_LOOKS == 0 or seen.gap_since is not None:
            self._complete()
        outage = self._outages.take(look, seen)
        if outage is not None:
            is_due = outage is not was_open or outage.ended_at is not None or self._looks % _OUTAGE_LOOKS == 0
            if is_due or self._reason != outage.text:
                self._reason = outage.text
                self._note(self._of_outage(outage))
        self._heed_pause(watched)
        self._heed_repair(watched)

    def tear_off(self, *, is_last: bool = False) -> tuple[list[Entry], list[Happening]]:
        """Entries and events since the last call; `is_last` gives also what is not yet a whole entry."""
        if is_last:
            self._complete()
        torn = self._entries, list(self._happenings.values())
        self._entries, self._happenings = [], {}
        return torn

    def _complete(self) -> None:
        if self._part:
            self._entries.append(fold(self._part))
            self._part = []

    def _note(self, happening: Happening) -> None:
        self._happenings[happening.kind, happening.at] = happening

    def _of_outage(self, outage: Outage) -> Happening:
        cause, name = outage.cause, self._register
        return Happening(
            register=name,
            kind="outage",
            at=outage.began_at,
            ended_at=outage.ended_at,
            text=outage.text,
            cause=cause,
            remedy=causes.remedy_of(cause, register=name, site="embassy") if cause in causes.CAUSES else None,
            subject=name,
            facts=outage.facts,
        )

    def _heed_repair(self, watched: Watched) -> None:
        at = watched.mended_at
        if at is not None and (self._mended_at is None or at > self._mended_at):
            self._mended_at = at
            text = "rows that differed were sent again by home and replaced"
            self._note(Happening(register=self._register, kind="repair", at=at, text=text))

    def _heed_pause(self, watched: Watched) -> None:
        if (watched.pause is None) == (self._pause is None):
            return
        if self._pause is not None:
            self._note(replace(self._pause, ended_at=watched.look.at))
            self._pause = None
            return
        self._pause = Happening(
            register=self._register,
            kind="pause",
            at=watched.look.at,
            text=f"paused: {watched.pause}",
            remedy=f"embassy register resume {self._register}",
            subject=self._register,
        )
        self._note(self._pause)
