"""Continuity of a home topic: offsets without holes, and numbers that show where the log was rewritten (pure).

Offsets are contiguous because producers are idempotent and not transactional (stream-v1 section 1): a hole is a gap.
Numbers (stream-v1 section 2) repeat, skip and restart in the life of a healthy topic, so an unexpected one stops
nothing. It is a reason to look, and so is the first of a run: a log that lost its tail and grew again continues at the
expected offset with another number, or just where a run begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from data_embassy.envelope import runs_of
from data_embassy.envelope.errors import Unsealable
from data_embassy.errors import StreamError
from pipelines.batches import Record
from schemas.records import KEY_SIZE, ORIGIN_CAPTURE, RecordKey

REMEDY_GAP: Final = (
    "start a new generation: embassy register snapshot NAME; then let the forwarder look again: "
    "remove the register's file in the state folder, or restart it"
)

REMEDY_FOREIGN: Final = (
    "find and stop the foreign producer, then: embassy register snapshot NAME, then: embassy register resume NAME"
)

REMEDY_MISSING: Final = (
    "embassy connector apply NAME, which makes it anew; when what it held was not sealed yet, the embassy stops the "
    "register and asks for: embassy register snapshot NAME"
)


class HomeGap(StreamError):
    """Records of the home topic are missing: it was trimmed or deleted before they were sealed."""


class HomeTopicMissing(StreamError):
    """The home topic was deleted."""


def admit(expected: int, records: Sequence[Record]) -> Sequence[Record]:
    """Those of `records` that were not yet taken; raises HomeGap unless they follow `expected` without a hole."""
    first, last = records[0][0], records[-1][0]
    if last < expected:
        return ()
    fresh = records if first >= expected else [record for record in records if record[0] >= expected]
    if fresh[0][0] != expected or last - expected + 1 != len(fresh):
        raise HomeGap(
            f"home offset {expected} was expected, {fresh[0][0]} came, up to {last} in {len(fresh)} records",
            remedy=REMEDY_GAP,
        )
    return fresh


def unsealable(offset: int) -> Unsealable:
    """The refusal of a record at this home offset."""
    return Unsealable(
        f"the record at home offset {offset} has no key of the stream, or no value: somebody else writes to the topic",
        remedy=REMEDY_FOREIGN,
    )


def first_unsealable(records: Sequence[Record]) -> int | None:
    """Place of the first record that no capture task and no snapshot wrote."""
    # Their type promises what Kafka does not: neither a key nor a value.
    found: Iterable[tuple[int, tuple[int, bytes | None, bytes | None]]] = enumerate(records)
    return next((at for at, (_, key, value) in found if key is None or len(key) != KEY_SIZE or value is None), None)


def follows(before: RecordKey, after: RecordKey) -> bool:
    """True when a record numbered `after` may stand directly behind `before` in its origin."""
    if after.run == before.run:
        return after.n == before.n + 1
    return after.run > before.run and after.n == 1


class Numbering:
    """The last number of each origin up to where the register was read."""

    __slots__ = ("_last",)

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self._last: dict[int, RecordKey] = {}
        self.advance(records)

    def continues(self, key: bytes) -> bool:
        """True only when `key` is known to continue its origin, or begins a run of its own."""
        after = RecordKey.unpack(key)
        before = self._last.get(after.origin)
        return after.n == 1 if before is None else follows(before, after)

    def is_next(self, key: bytes) -> bool:
        """True only when `key` comes directly behind the last one of its run.

        The first of a run says nothing of what stands before it: a log that lost its end may have grown again up to it.
        """
        return RecordKey.unpack(key).n != 1 and self.continues(key)

    def advance(self, records: Sequence[Record]) -> int:
        """Take note of `records`; the newest capture session that is known to lack one of its own, 0 when none is.

        What it lacks only another session brings again: the embassy waits for its marker (stream-v1 section 2).
        """
        lacking = 0
        for origin, run, first_n, length in runs_of([key for _, key, _ in records if key]) if records else ():
            first, last = RecordKey(origin, run, first_n), RecordKey(origin, run, first_n + length - 1)
            before = self._last.get(origin, first)
            is_new = first > before  # Neither a stale task's nor repeated.
            if is_new and origin == ORIGIN_CAPTURE:
                lacking = 0 if first_n == 1 else lacking if follows(before, first) else run
            self._last[origin] = max(before, last)
        return lacking
