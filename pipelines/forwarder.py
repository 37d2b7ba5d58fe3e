"""All registers of a site in one worker: sessions by partition, and the threads beside them.

The Faust app asks it what to read (`Sources`), hands it that (`Takers`) and tells it what happened (`Follower`); each
register has its own session, so that one register's stop or slow lane holds up no other.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from faust.types import TP

from data_embassy import log
from data_embassy.config import Register
from pipelines.chunks import Chunk
from pipelines.session import Session, State
from pipelines.watchdog import Reading

EXPECTED_SECONDS: Final = 20.0
"""How long after a change of contracts a rebalance counts as its consequence."""

_log = log.get("forward")


class Forwarder:
    """Sessions of the registers whose partitions belong to this worker."""

    def __init__(
        self,
        new_session: Callable[[Register, TP], Session],
        crash: Callable[[BaseException], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._new_session = new_session
        self._crash = crash
        self._clock = clock
        self._wanted: dict[TP, Register] = {}
        self._held: frozenset[TP] = frozenset()
        """Partitions that belong to this worker."""
        self._generation = -1
        """Of the consumer group, when they were assigned."""
        self._expects_until = -math.inf
        self._ready = asyncio.Event()
        self._sessions: dict[TP, Session] = {}
        self._tasks: dict[TP, asyncio.Task[None]] = {}

    # Sources: what is read.

    def ready(self, partitions: Iterable[TP]) -> Mapping[TP, object]:
        """Partitions whose sessions want records, each with its present reading."""
        self._ready.clear()
        sessions = ((partition, self._sessions.get(partition)) for partition in partitions)
        return {partition: session.reading for partition, session in sessions if session and session.is_ready}

    async def wait_ready(self, seconds: float) -> None:
        """Return when a session became ready, or after `seconds`."""
        try:
            await asyncio.wait_for(self._ready.wait(), seconds)
        except TimeoutError:
            return

    def may_be_ready_soon(self) -> bool:
        """True while a session is only briefly full."""
        return any(session.is_full for session in self._sessions.values())

    def became_ready(self) -> None:
        """Told by a session that wants records again."""
        self._ready.set()

    # Takers: who takes what was read.

    def is_current(self, partition: TP, reading: object) -> bool:
        """True while the partition's session has sought no other place."""
        session = self._sessions.get(partition)
        return session is not None and session.reading is reading

    def missed(self, partition: TP) -> None:
        """Records of this partition were let go."""
        session = self._sessions.get(partition)
        if session is not None:
            session.seek_again()

    def accept(self, chunk: Chunk) -> None:
        """Hand a chunk to its register's session."""
        session = self._sessions.get(chunk.partition)
        if session is not None:
            session.accept(chunk)

    # Follower: what happened.

    def assigned(self, partitions: Iterable[TP], generation: int) -> None:
        """Take up these partitions anew, and give up all others: somebody else may have forwarded meanwhile.

        Not so when the group changed by its own wish and this is its very next generation: what stayed with this
        worker was nobody else's in between, and those sessions only seek their place again.
        """
        is_next = self._generation <= generation <= self._generation + 1
        if not is_next or self._clock() > self._expects_until:
            self.give_up()
        self._held = frozenset(TP(*partition) for partition in partitions)
        self._generation = generation
        for session in self._sessions.values():
            session.seek_again()
        self._bring_in_line()

    def keep_only(self, partitions: Iterable[TP]) -> None:
        """Told of each assignment as soon as it is known: give up all other partitions."""
        self._held &= frozenset(TP(*partition) for partition in partitions)
        self._bring_in_line()

    def give_up(self) -> None:
        """Stop all sessions; what they had in flight may still arrive, which is harmless."""
        self._held = frozenset()
        self._bring_in_line()

    def _bring_in_line(self) -> None:
        for partition, session in list(self._sessions.items()):
            if partition not in self._held or self._wanted.get(partition) != session.register:
                del self._sessions[partition]
                self._tasks.pop(partition).cancel()
        for partition in self._held & self._wanted.keys() - self._sessions.keys():
            session = self._new_session(self._wanted[partition], partition)
            self._sessions[partition] = session
            task = asyncio.get_running_loop().create_task(session.run(), name=f"forward {session.register.name}")
            task.add_done_callback(self._ended)
            self._tasks[partition] = task

    def lost_place(self, partition: TP) -> None:
        """The place sought is not on the topic."""
        session = self._sessions.get(partition)
        if session is not None:
            session.lost_place()

    def acknowledged(self) -> Mapping[TP, int]:
        """First offset of each partition that the embassy has not acknowledged."""
        ends = ((partition, session.acknowledged_end) for partition, session in self._sessions.items())
        return {partition: end for partition, end in ends if end is not None}

    # Contracts.

    def want(self, registers: Mapping[str, Register]) -> None:
        """Forward these registers and no others, as far as their partitions belong to this worker."""
        wanted = {TP(register.changes_topic, 0): register for register in registers.values()}
        if wanted != self._wanted:
            self._wanted = wanted
            self._bring_in_line()

    def expect_rebalance(self) -> None:
        """Contracts changed: the group's workers are about to subscribe anew."""
        self._expects_until = self._clock() + EXPECTED_SECONDS

    # For operators and the threads beside.

    async def close(self) -> None:
        """Stop all sessions and wait for them."""
        tasks = list(self._tasks.values())
        self.give_up()
        await asyncio.gather(*tasks, return_exceptions=True)

    def retry(self) -> None:
        """Let stopped registers try again."""
        for session in self._sessions.values():
            session.retry()

    def sessions(self) -> Mapping[str, Session]:
        """Sessions by register."""
        return {session.register.name: session for session in tuple(self._sessions.values())}

    def readings(self) -> Mapping[str, Reading]:
        """What the watchdog looks at."""
        return {
            name: Reading(wants=session.is_ready, next_offset=session.next_offset)
            for name, session in self.sessions().items()
        }

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("session_failed", task=task.get_name(), error=type(error).__name__)
            self._crash(error)


def is_open(session: Session) -> bool:
    """True while a session forwards."""
    return session.state is State.OPEN
