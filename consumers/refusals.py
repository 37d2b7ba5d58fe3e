"""Everything that stops a register at the embassy, each with a class of its own and what to do about it.

`NAME` in a remedy stands for the register; whoever stores or shows a stop puts the name in.
"""

from __future__ import annotations

from typing import ClassVar, Final

from data_embassy.errors import ApplyError, DataEmbassyError, EnvelopeError, StreamError, TransportError

NEW_GENERATION: Final = "at home: embassy register snapshot NAME"
REBUILD: Final = "embassy register replay NAME"
RESTART: Final = "remove the cause, then: embassy register resume NAME"
REPORT: Final = "report it with the receiver's log; after an upgrade: embassy register resume NAME"
WAIT: Final = "the receiver tries again by itself; check that the server runs"


class Gapped(EnvelopeError):
    """Records are missing on the lane."""

    reason: ClassVar[str] = "gapped"

    def __init__(self, *, expected: int, found: int) -> None:
        super().__init__(
            f"the lane jumps from home offset {expected} to {found}: records are missing", remedy=NEW_GENERATION
        )
        self.expected, self.found = expected, found


class Reordered(EnvelopeError):
    """The missing records stand later on the lane."""

    reason: ClassVar[str] = "reordered"

    def __init__(self, *, expected: int, found: int) -> None:
        super().__init__(
            f"home offset {found} stands on the lane before {expected}: somebody reordered it", remedy=NEW_GENERATION
        )


class LaneLost(EnvelopeError):
    """The lane no longer reaches to the position."""

    reason: ClassVar[str] = "lane_lost"


class BaseMissing(StreamError):
    """A generation rests on an earlier one that can no longer be had."""


class BaseMoved(TransportError):
    """The database that served as base went on, or went away: it is looked for again."""


class UnknownOrigin(StreamError):
    """A record names an origin that stream v1 does not know."""


class RunWithoutMarker(StreamError):
    """A run begins without its marker."""


class SystemChanged(StreamError):
    """The changes come from another database system."""


class TimelineForked(StreamError):
    """The register's timeline left ours before the position."""


class SessionGap(StreamError):
    """A capture session starts behind what was applied: transactions are missing."""


class HomeLogRewritten(StreamError):
    """Home's log lost changes that the slot had let go and nobody had sealed."""


class RegisterWentBack(StreamError):
    """The register's log ends before the position: it was restored from a backup."""


class FrameBroken(StreamError):
    """BEGIN, changes and END of a transaction do not fit."""


class UnknownSchema(StreamError):
    """A change has a schema that was not announced."""


class PublicationChanged(StreamError):
    """The register's publication left something out, or was made again: changes may have passed unseen."""


class EventTriggerChanged(StreamError):
    """An event trigger of the register was off, or was made again: a schema change may have passed unseen."""


class EventTriggersOff(StreamError):
    """Event triggers were switched off at the register: a schema change may have passed unseen."""


class BeatSkipped(StreamError):
    """The register's pulse jumped: a transaction is missing."""


class DdlNotReplayed(ApplyError):
    """A change of the register's schema cannot be replayed exactly."""


class CatalogDiffers(ApplyError):
    """The standby's catalog is not the register's."""


class DecisionsDamaged(ApplyError):
    """The log of an operator's decisions was altered."""


class RepairRefused(ApplyError):
    """Rows that were sent again do not fit the standby."""


class StandbyRefused(ApplyError):
    """PostgreSQL refused a change."""


class PositionMoved(ApplyError):
    """Somebody else wrote the position row."""


class StandbyMissing(DataEmbassyError):
    """The standby's database is gone."""


class Faulted(DataEmbassyError):
    """A fault of this program, met with this register's data."""


class Unreachable(TransportError):
    """A service does not answer."""


def remedy_for(remedy: str, register: str) -> str:
    """The remedy as a command for this register."""
    return remedy.replace("NAME", register)


def at_offset(error: DataEmbassyError, lane_offset: int) -> DataEmbassyError:
    """Say where on the lane it happened: the search for a way past it begins there."""
    error.lane_offset = lane_offset  # type: ignore[attr-defined]
    return error


def offset_of(error: DataEmbassyError) -> int | None:
    """Where on the lane it happened, if that is known."""
    found = getattr(error, "lane_offset", None)
    return found if isinstance(found, int) else None
