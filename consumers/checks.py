"""The register's own rows as the receiver watches them (stream-v1 section 6): the pulse. Pure."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from consumers.refusals import (
    NEW_GENERATION,
    BeatSkipped,
    EventTriggerChanged,
    EventTriggersOff,
    PublicationChanged,
    RegisterWentBack,
)
from data_embassy.errors import StreamError
from data_embassy.watched import UNCHANGED, Kind, find_change, is_known
from schemas.digest import quote

_PREPARE: Final = (
    "at home: embassy register prepare NAME --print-sql, run by the DBA, then: embassy register snapshot NAME"
)
_BY_KIND: Final[dict[Kind, type[StreamError]]] = {
    "publication": PublicationChanged,
    "event trigger": EventTriggerChanged,
    "event_triggers": EventTriggersOff,
}
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Pulse:
    """The newest beat that was seen: its number and the register's clock, microseconds since 1970."""

    beat: int | None
    at: int | None
    watched: str | None = None
    """Publication and event triggers as that beat saw them; None before the first of a generation."""


def follow(pulse: Pulse, rows: Iterable[Mapping[str, str | None]]) -> Pulse:
    """The pulse behind these rows of `data_embassy.pulse`.

    The register computes each beat as the one before plus one, so a jump shows that a change was lost on the way.
    Raises BeatSkipped, RegisterWentBack, and what `watched` finds: PublicationChanged, EventTriggerChanged,
    EventTriggersOff.
    """
    for row in rows:
        try:
            beat, at = int(row["beat"] or ""), _microseconds(row["at"] or "")
        except (KeyError, ValueError):
            raise BeatSkipped("the register's pulse cannot be read", remedy=NEW_GENERATION) from None
        if pulse.beat is not None and beat <= pulse.beat:
            raise RegisterWentBack(
                f"the pulse goes back from beat {pulse.beat} to {beat}: the register was restored from a backup",
                remedy=NEW_GENERATION,
            )
        if pulse.beat is not None and beat != pulse.beat + 1:
            raise BeatSkipped(f"the pulse jumps from beat {pulse.beat} to {beat}", remedy=NEW_GENERATION)
        pulse = Pulse(beat, at, _watch(pulse.watched, row.get("watched")))
    return pulse


def check_ddl(pulse: Pulse, rows: Iterable[Mapping[str, str | None]]) -> None:
    """Raise PublicationChanged where a row of `data_embassy.ddl` is about the publication that this stream reads.

    The next beat would tell as well, but transactions in between may lack changes: no standby shall show them.
    """
    for row in rows:
        tag, identity = row.get("tag") or "", row.get("object_identity")
        if tag.endswith(" PUBLICATION") and identity is not None and _reads(pulse.watched, identity):
            raise PublicationChanged(f"the publication was changed at the register: {tag}", remedy=_PREPARE)


def _reads(watched: str | None, identity: str) -> bool:
    if not is_known(watched):
        return False
    names = {one["name"] for one in json.loads(watched or "{}").get("publications", [])}
    return identity in names | {quote(name) for name in names}


def _watch(before: str | None, now: str | None) -> str | None:
    """What is watched behind a beat that saw `now`."""
    if now is None or now == UNCHANGED or not is_known(now):
        return before
    try:
        found = find_change(before, now)
    except ValueError as error:
        raise BeatSkipped(f"the register's pulse cannot be read: {error}", remedy=NEW_GENERATION) from None
    if found is not None:
        raise _BY_KIND[found.kind](found.what, remedy=_PREPARE)
    return now


def _microseconds(text: str) -> int:
    return (dt.datetime.fromisoformat(text) - _EPOCH) // dt.timedelta(microseconds=1)
