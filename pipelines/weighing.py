"""How large what waits in a home topic is: a few records from all along it, compressed as an envelope would be (pure).

What a register sealed last says nothing of what waits behind it: rows of a bulk load stand behind ordinary ones. What
one look reads is bounded, however much waits.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from data_embassy.envelope.codec import compress

EVERY_SECONDS: Final = 15.0
STRETCHES: Final = 8
STRETCH_RECORDS: Final = 10
RECORDS_MIN: Final = STRETCHES * STRETCH_RECORDS
"""With fewer waiting, what was sealed last is as good."""
_STRETCH_BYTES: Final = 256 << 10
"""Of one stretch; a single record may be larger, and is counted whole."""


class Topic(Protocol):
    """A home topic that can be read."""

    def read(self, first: int, last: int) -> Iterator[tuple[int, bytes | None, bytes | None]]:
        """Offset, key and value of every record in [first, last]."""


Open: TypeAlias = Callable[[str], AbstractContextManager[Topic]]
"""Gives a register's home topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """Sealed bytes of a record, on average: over what waits, and of its newest end."""

    waiting: float
    newest: float


@dataclass(slots=True)
class Weigher:
    """Knows the weights of the registers in which much waits; looks at one of them at a time."""

    open_topic: Open
    weights: Mapping[str, Weight] = field(default_factory=dict)
    """By register. Replaced as a whole: other threads ask."""
    _at: dict[str, float] = field(default_factory=dict)

    def look(self, now: float, waiting: Mapping[str, range]) -> None:
        """Weigh what was weighed longest ago. `waiting`: home offsets by register. Raises what the topic raises."""
        heavy = {name: offsets for name, offsets in waiting.items() if len(offsets) >= RECORDS_MIN}
        self.weights = {name: weight for name, weight in self.weights.items() if name in heavy}
        self._at = {name: at for name, at in self._at.items() if name in heavy}
        due = [name for name in heavy if name not in self._at or now - self._at[name] >= EVERY_SECONDS]
        if not due:
            return
        name = min(due, key=lambda one: self._at.get(one, 0.0))
        self._at[name] = now  # Also where it fails: the others are looked at before it is tried again.
        with self.open_topic(name) as topic:
            self.weights = {**self.weights, name: _weigh(topic, heavy[name])}


def _weigh(topic: Topic, offsets: range) -> Weight:
    part = len(offsets) / STRETCHES
    starts = [int(part * n + (part - STRETCH_RECORDS) / 2) for n in range(STRETCHES)]
    found = [_stretch(topic, offsets[start : start + STRETCH_RECORDS]) for start in starts]
    return Weight(waiting=sum(found) / len(found), newest=_stretch(topic, offsets[-STRETCH_RECORDS:]))


def _stretch(topic: Topic, offsets: range) -> float:
    plain, size, records = bytearray(), 0, 0
    with closing(_values(topic, offsets)) as values:
        for value in values:
            records, size = records + 1, size + len(value)
            plain += value[:_STRETCH_BYTES]
            if size >= _STRETCH_BYTES:
                break
    return size / records * len(compress(bytes(plain))) / len(plain) if plain else 0.0


def _values(topic: Topic, offsets: range) -> Generator[bytes]:
    for _, _, value in topic.read(offsets[0], offsets[-1]):
        yield value or b""
