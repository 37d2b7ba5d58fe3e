"""Place of an envelope in the register's sequence, decided from home offsets alone (DESIGN 6 and 7). Pure.

An envelope is known by its incarnation and its range of home offsets. Within an incarnation offsets are contiguous:
what was seen is repeated (two forwarders, a zombie, a replayed envelope), an overlap is trimmed, a jump is a gap. A
higher incarnation says that the home log was rewritten: it may begin at or before our next offset, never behind it.
Which of its records are news is then decided by run and number of each record (`assemble`). A lower incarnation comes
from a forwarder that missed the rewriting; nothing in it counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from consumers.refusals import Gapped


class Ranged(Protocol):
    """What the sequence reads of a header."""

    @property
    def incarnation(self) -> int: ...  # noqa: D102

    @property
    def first_offset(self) -> int: ...  # noqa: D102

    @property
    def last_offset(self) -> int: ...  # noqa: D102


@dataclass(slots=True)
class Sequence:
    """Incarnation and next expected home offset; None before the first envelope."""

    incarnation: int | None = None
    next_offset: int | None = None

    def unseen(self, header: Ranged) -> int | None:
        """How many leading records of the envelope were seen before; None when all were. Raises Gapped.

        Changes nothing: call `accept` once the envelope was opened.
        """
        if self.incarnation is None or self.next_offset is None:
            return 0
        if header.incarnation < self.incarnation:
            return None
        if header.first_offset > self.next_offset:
            raise Gapped(expected=self.next_offset, found=header.first_offset)
        if header.incarnation > self.incarnation:
            return 0
        if header.last_offset < self.next_offset:
            return None
        return self.next_offset - header.first_offset

    def accept(self, header: Ranged) -> None:
        """Go on behind this envelope."""
        self.incarnation = header.incarnation
        self.next_offset = header.last_offset + 1
