"""Where to go on: the lane's tail against the home topic (pure).

The lane itself says how far it got; Kafka's and Faust's own offsets are hints.
1. The tail is the envelope with the highest last home offset of the highest incarnation among the last envelopes, not
   merely the last one: a forwarder that was frozen may have written old ranges behind newer ones.
2. The home records that it covers are read again and their keyed digest compared.
   Equal: go on behind it, in the same incarnation.
3. Different, or the home topic ends before: the home topic was rewritten. A new incarnation begins behind the last
   envelope that still agrees; without one it begins where the home topic begins.
4. When the record behind that point is known to continue the numbers, nothing was lost. Otherwise the connector is
   restarted: its next session marker must leave no gap, which the embassy checks. The session takes what does not go on
   with a run's numbers only from the very record that was looked at: the topic may be cut again before it is read.
5. Records that were trimmed before they could be compared or sealed are a gap: the register stops. It goes on, in a new
   incarnation, once a snapshot began behind the gap: a generation needs nothing from before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pipelines.batches import Record
from pipelines.numbering import REMEDY_GAP, HomeGap, Numbering


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """What a verified header of the lane says about its envelope."""

    lane_offset: int
    incarnation: int
    first_offset: int
    last_offset: int
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Bounds of a topic: first offset present, and the one behind the last."""

    low: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where and as what a forwarder goes on."""

    next_offset: int
    incarnation: int
    numbering: Numbering
    is_rewritten: bool = False
    restarts_connector: bool = False
    following: bytes | None = None
    """Key of the record at `next_offset` when it was looked at; None when there was none yet."""


def newest(envelopes: Iterable[Covered]) -> Covered | None:
    """The tail (rule 1)."""
    return max(envelopes, key=lambda envelope: (envelope.incarnation, envelope.last_offset), default=None)


def is_comparable(envelope: Covered, home: Bounds) -> bool:
    """True when the home topic holds all records that the envelope covers."""
    return home.low <= envelope.first_offset and envelope.last_offset < home.end


def check_not_trimmed(tail: Covered, home: Bounds) -> None:
    """Raise HomeGap when the tail's records, or those behind it, were trimmed (rule 5)."""
    if tail.last_offset < home.end and tail.first_offset < home.low:
        raise HomeGap(
            f"the lane ends at home offset {tail.last_offset}, the home topic begins at {home.low}: "
            f"records were trimmed before the lane could be compared with them",
            remedy=REMEDY_GAP,
        )


def first_start(home: Bounds, following: bytes | None) -> Start:
    """An empty lane begins where the home topic begins."""
    return Start(next_offset=home.low, incarnation=1, numbering=Numbering(), following=following)


def go_on(tail: Covered, records: Sequence[Record], following: bytes | None) -> Start:
    """Rule 2: the tail agrees with its home `records`."""
    return Start(
        next_offset=tail.last_offset + 1,
        incarnation=tail.incarnation,
        numbering=Numbering(records),
        following=following,
    )


def begin_again(
    *,
    incarnation: int,
    agreeing: Covered | None,
    records: Sequence[Record],
    following: bytes | None,
    home: Bounds,
) -> Start:
    """Rules 3 and 4: a new incarnation behind the last agreeing envelope, which covers the home `records`."""
    numbering = Numbering(records)
    is_continued = agreeing is not None and following is not None and numbering.continues(following)
    return Start(
        next_offset=home.low if agreeing is None else agreeing.last_offset + 1,
        incarnation=incarnation,
        numbering=numbering,
        is_rewritten=True,
        restarts_connector=not is_continued,
        following=following,
    )


def past_gap(*, incarnation: int, snapshot_begin: int, following: bytes | None) -> Start:
    """Rule 5: go on with the snapshot behind the gap."""
    return Start(
        next_offset=snapshot_begin,
        incarnation=incarnation,
        numbering=Numbering(),
        is_rewritten=True,
        following=following,
    )


def last_agreeing(low: int, end: int, agrees: Callable[[int], bool]) -> int | None:
    """The last lane offset in [low, end) that agrees, by bisection; agreement ends once.

    Behind an earlier rewrite it may end several times; then an earlier agreeing envelope is found, which only
    repeats more.
    """
    found = None
    while low < end:
        middle = (low + end) // 2
        if agrees(middle):
            found, low = middle, middle + 1
        else:
            end = middle
    return found
