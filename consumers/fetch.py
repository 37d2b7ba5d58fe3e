"""The fetch thread: lane -> verify, open, assemble, decode -> groups in a bounded queue (DESIGN 8).

It works ahead while the apply thread writes. A group is handed over at once when nothing more waits on the lane and
the queue has room; otherwise it grows to its limit. Whatever goes wrong is handed over too, behind all that was whole
before it: the apply thread decides.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from consumers.apply import Decoded, Decoder
from consumers.assemble import Assembler
from consumers.beginnings import GenerationBegan
from consumers.checks import Pulse, check_ddl, follow
from consumers.cuts import Goal, frames_to_goal, last_before_cut
from consumers.group import Group
from consumers.lane import Lane
from consumers.passage import Arrivals, Way
from consumers.reader import Batch, Reader
from consumers.refusals import Gapped, Reordered
from consumers.transactions import RereadNeeded
from consumers.verify.hold import Question
from data_embassy.errors import DataEmbassyError, EnvelopeError
from schemas.records import ChangeSchema

AHEAD_MAX: Final = 2
"""Groups that wait for the apply thread."""
ENVELOPES_PER_POLL: Final = 32
LOOK_AHEAD_ENVELOPES: Final = 64
LOOK_AHEAD_SECONDS: Final = 1.0
_IDLE_SECONDS: Final = 0.1
_FULL_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A group to apply."""

    group: Group
    decoded: Decoded
    pulse: Pulse
    newest: Way | None = None
    """The newest pulse's way to here."""
    oldest: Way | None = None
    """That of the oldest one: it was longer than what came behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """A later generation or attempt began on the lane."""

    generation: GenerationBegan


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """The thread ended: for an error, for a second reading, or because it reached its goal."""

    error: BaseException | None
    lane_offset: int
    question: Question | None = None
    """Set when a verification asks to hold behind what was handed over last."""
    is_cut: bool = False
    """What was handed over last had to end there: read on from the position."""


Item = Ready | Began | Halt


@dataclass(slots=True, kw_only=True)
class Observer:
    """What the thread tells of its work."""

    repeated: Callable[[int], None] = lambda _: None
    discarded: Callable[[int], None] = lambda _: None


class _Stopping(Exception):
    """The apply thread wants nothing more."""


class _GoalReached(Exception):
    """The next transaction lies behind the goal."""


class _Cut(Exception):
    """What follows has to wait until the position moved: another thread reads on from there."""

    def __init__(self, question: Question | None) -> None:
        super().__init__()
        self.question = question


class Fetcher(threading.Thread):
    """Reads one lane for one standby, from the lane offset it was told."""

    def __init__(
        self,
        *,
        name: str,
        lane: Lane,
        reader: Reader,
        assembler: Assembler,
        schemas: dict[bytes, ChangeSchema],
        start_offset: int,
        pulse: Pulse,
        goal: Goal | None = None,
        observer: Observer | None = None,
        can_hold: bool = False,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.items: queue.Queue[Item] = queue.Queue(AHEAD_MAX)
        self.lane_end: int | None = None
        """End of the lane as the last fetch told it."""
        self.arrivals = Arrivals()
        self._lane, self._reader, self._assembler = lane, reader, assembler
        self._schemas = schemas
        self._decoder = Decoder(schemas)
        self._lane_offset = start_offset
        self._pulse = self._pulse_of_whole = pulse
        self._goal = goal or Goal()
        self._observer = observer or Observer()
        self._can_hold = can_hold
        self._stopping = threading.Event()
        self._discarded = 0
        self._polled: deque[tuple[int, bytes]] = deque()
        self._is_handing_over = False

    @property
    def has_all(self) -> bool:
        """True when all of the lane was read and handed over, but for a transaction whose end has not come."""
        end = self.lane_end
        is_read = end is not None and self._lane_offset >= end
        return is_read and not self._is_handing_over and not self._assembler.has_frames

    def stop(self) -> None:
        """End soon; hand nothing more over."""
        self._stopping.set()

    def run(self) -> None:
        """Thread body."""
        error: BaseException | None = None
        cut: _Cut | None = None
        try:
            self._lane.seek(self._lane_offset)
            self._run()
        except _Stopping:
            return
        except _GoalReached:
            pass
        except _Cut as caught:
            cut = caught
        except BaseException as caught:  # noqa: BLE001 (handed to the apply thread, which raises it)
            error = caught
        try:
            question = None if cut is None else cut.question
            self._put(Halt(error=error, lane_offset=self._lane_offset, question=question, is_cut=cut is not None))
        except _Stopping:
            return

    def _run(self) -> None:
        while not self._is_at_goal():
            waits = self._assembler.has_frames
            seconds = _IDLE_SECONDS if not waits else _FULL_SECONDS if self.items.full() else 0.0
            envelopes = self._lane.poll(ENVELOPES_PER_POLL, seconds)
            self.lane_end = self._lane.known_end()
            if self._stopping.is_set():
                raise _Stopping
            self._polled.extend(envelopes)
            while self._polled and not self._is_at_goal():
                self._take(*self._polled.popleft())
            if not envelopes and waits and not self.items.full():
                self._hand_over()
        self._hand_over()

    def _is_at_goal(self) -> bool:
        return self._goal.lane_end is not None and self._lane_offset >= self._goal.lane_end

    def _take(self, lane_offset: int, envelope: bytes) -> None:
        try:
            batch = self._reader.read(lane_offset, envelope)
            self._lane_offset = lane_offset + 1
            arrival = self._lane.arrival(lane_offset)
            self.arrivals.add(batch.first_offset, len(batch.values), len(envelope), arrival, counter=batch.counter)
            self._feed(batch)
        except (DataEmbassyError, RereadNeeded) as error:
            self._lane_offset = lane_offset
            self._hand_over()  # What was whole before it counts.
            if isinstance(error, EnvelopeError):
                error = self._explain(error)
            raise error from None
        if self._assembler.is_full:
            self._hand_over()

    def _feed(self, batch: Batch) -> None:
        if batch.repeated:
            self._observer.repeated(batch.repeated)
        self._assembler.take_batch(batch)
        for began in self._assembler.take_began():
            self._put(Began(generation=began))
        if self._assembler.counts.discarded > self._discarded:
            self._observer.discarded(self._assembler.counts.discarded - self._discarded)
            self._discarded = self._assembler.counts.discarded

    def _hand_over(self) -> None:
        self._is_handing_over = True
        self._hand_over_frames()
        self._is_handing_over = False

    def _hand_over_frames(self) -> None:
        while (group := self._assembler.take()) is not None:
            for schema in group.schemas:
                self._schemas[schema.fingerprint] = schema
            last = frames_to_goal(group, self._goal)
            if last is not None:
                group = group.head(last)
            self._hand_over_group(group)
            if last is not None:
                raise _GoalReached

    def _hand_over_group(self, group: Group) -> None:
        decoded = self._decode(group)
        if decoded.checkpoints or decoded.repairs:
            last, question = last_before_cut(decoded, can_hold=self._can_hold)
            if last is not None and not any(row.frame <= last for row in decoded.ddl):
                head = group.head(last + 1)
                self._ready(head, self._decode(head))
                raise _Cut(question)
        if not decoded.ddl:
            self._ready(group, decoded)
            return
        # A schema change is a barrier: what comes before is committed, then its transaction, then what follows.
        first = decoded.ddl[0].frame
        if first > 0:
            before = group.head(first)
            self._ready(before, self._decode(before))
            group = group.tail(first)
        if len(group.frames) == 1:
            self._ready(group, decoded if first == 0 else self._decode(group))
            return
        alone = group.head(1)
        self._ready(alone, self._decode(alone))
        self._hand_over_group(group.tail(1))

    def _decode(self, group: Group) -> Decoded:
        return self._decoder.decode(group.values, group.frames, first_order=group.first_order)

    def _ready(self, group: Group, decoded: Decoded) -> None:
        if group.discards_open:
            self._pulse = self._pulse_of_whole
        check_ddl(self._pulse, (row.row for row in decoded.ddl))
        oldest = follow(self._pulse, decoded.pulses[:1])
        self._pulse = follow(oldest, decoded.pulses[1:])
        if group.is_complete:
            self._pulse_of_whole = self._pulse
        ways = self.arrivals.ways(
            group, decoded.pulse_places, oldest.at, self._pulse.at, decoded=time.time_ns() // 1000
        )
        group.values = []  # They stand in `decoded` now; what waits in the queue need not hold them twice.
        self._put(Ready(group=group, decoded=decoded, pulse=self._pulse, oldest=ways[0], newest=ways[1]))

    def _explain(self, error: EnvelopeError) -> EnvelopeError:
        """A gap whose records stand later on the lane is another thing: somebody reordered it."""
        if not isinstance(error, Gapped):
            return error
        deadline = time.monotonic() + LOOK_AHEAD_SECONDS
        found, looked = list(self._polled) or self._lane.poll(LOOK_AHEAD_ENVELOPES, LOOK_AHEAD_SECONDS), 0
        while found and looked < LOOK_AHEAD_ENVELOPES and not self._stopping.is_set():
            looked += len(found)
            if any(self._reader.holds(envelope, error.expected) for _, envelope in found):
                return Reordered(expected=error.expected, found=error.found)
            found = self._lane.poll(LOOK_AHEAD_ENVELOPES, max(0.0, deadline - time.monotonic()))
        return error

    def _put(self, item: Item) -> None:
        while not self._stopping.is_set():
            try:
                self.items.put(item, timeout=_IDLE_SECONDS)
            except queue.Full:
                continue
            return
        raise _Stopping
