"""All registers of a site in one worker: sessions by partition, and the threads beside them.

The Faust app asks it what to read (`Sources`) and tells it what happened (`Follower`); each register has its own
session, so that one register's stop or slow lane holds up no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from faust.types import TP

from data_embassy import log
from data_embassy.config import Register
from pipelines.chunks import Chunk
from pipelines.session import Session, State
from pipelines.watchdog import Reading

_log = log.get("forward")


class Forwarder:
    """Sessions of the registers whose partitions belong to this worker."""

    def __init__(
        self,
        registers: Mapping[str, Register],
        new_session: Callable[[Register, TP], Session],
        crash: Callable[[BaseException], None],
    ) -> None:
        self._registers = {TP(register.changes_topic, 0): register for register in registers.values()}
        self._new_session = new_session
        self._crash = crash
        self._ready = asyncio.Event()
        self._sessions: dict[TP, Session] = {}
        self._tasks: dict[TP, asyncio.Task[None]] = {}

    # Sources: what is read.

    def ready(self, partitions: Iterable[TP]) -> Mapping[TP, int]:
        """Partitions whose sessions want records, each with the number of its present reading."""
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

    # Follower: what happened.

    def assigned(self, partitions: Iterable[TP]) -> None:
        """Take up these partitions anew, and give up all others: somebody else may have forwarded meanwhile."""
        self.give_up()
        for partition in partitions:
            register = self._registers[TP(*partition)]
            session = self._new_session(register, partition)
            self._sessions[partition] = session
            task = asyncio.get_running_loop().create_task(session.run(), name=f"forward {register.name}")
            task.add_done_callback(self._ended)
            self._tasks[partition] = task

    def give_up(self) -> None:
        """Stop all sessions; what they had in flight may still arrive, which is harmless."""
        for task in self._tasks.values():
            task.cancel()
        self._sessions.clear()
        self._tasks.clear()

    def lost_place(self, partition: TP) -> None:
        """The place sought is not on the topic."""
        session = self._sessions.get(partition)
        if session is not None:
            session.lost_place()

    def acknowledged(self) -> Mapping[TP, int]:
        """First offset of each partition that the embassy has not acknowledged."""
        ends = ((partition, session.acknowledged_end) for partition, session in self._sessions.items())
        return {partition: end for partition, end in ends if end is not None}

    def accept(self, chunk: Chunk) -> None:
        """Hand a chunk to its register's session."""
        session = self._sessions.get(chunk.partition)
        if session is not None:
            session.accept(chunk)

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
