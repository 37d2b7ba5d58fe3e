"""The register's own rows, as the receiver watches them (stream-v1 section 6): the pulse's beat. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from consumers.refusals import NEW_GENERATION, BeatSkipped

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Pulse:
    """The newest beat that was seen: its number and the register's clock, microseconds since 1970."""

    beat: int | None
    at: int | None


def follow(pulse: Pulse, rows: Iterable[Mapping[str, str | None]]) -> Pulse:
    """The pulse behind these rows of `data_embassy.pulse`; raises BeatSkipped.

    The register computes each beat as the one before plus one, so a jump shows that a change was lost on the way.
    """
    for row in rows:
        try:
            beat, at = int(row["beat"] or ""), _microseconds(row["at"] or "")
        except (KeyError, ValueError):
            raise BeatSkipped("the register's pulse cannot be read", remedy=NEW_GENERATION) from None
        if pulse.beat is not None and beat != pulse.beat + 1:
            raise BeatSkipped(f"the pulse jumps from beat {pulse.beat} to {beat}", remedy=NEW_GENERATION)
        pulse = Pulse(beat, at)
    return pulse


def _microseconds(text: str) -> int:
    return (dt.datetime.fromisoformat(text) - _EPOCH) // dt.timedelta(microseconds=1)
