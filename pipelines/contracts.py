"""The contracts of the site while the forwarder runs: topics are made and subscribed to, sessions begin and end.

A changed subscription is a rebalance of the consumer group. Sessions whose partitions stay with this worker live
through it: they go on sealing what they have read and then read on behind it, so that the others hardly notice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from data_embassy import log, metrics
from data_embassy.config import LiveSite, Register, Site, changes_topic, paused
from data_embassy.errors import TransportError
from data_embassy.kafka import ensure_topics, home_topics

_log: Final = log.get("forward")


class Working(Protocol):
    """Who forwards (pipelines.forwarder)."""

    def want(self, registers: Mapping[str, Register]) -> None:
        """Forward these registers and no others."""
        ...

    def expect_rebalance(self) -> None:
        """This worker's group is about to change by its own wish."""
        ...


@dataclass(slots=True, kw_only=True)
class Contracts:
    """Brings a worker in line with the contracts and pauses; `step` is called once a second."""

    live: LiveSite
    working: Working
    make_topics: Callable[[Iterable[Register]], Awaitable[None]]
    """Raises TransportError."""
    subscribe: Callable[[set[str]], Awaitable[bool]]
    """False while the group is changing: then later."""
    subscribed: set[str]
    """Topics that this worker reads."""
    _faults: set[str] = field(default_factory=set)
    _paused: frozenset[str] = frozenset()
    _known: frozenset[str] = frozenset()

    async def step(self) -> None:
        """Look, and do what follows."""
        site = self.live.look()
        self._tell(site)
        self.working.want({name: one for name, one in site.registers.items() if name not in self._paused})
        # A contract that cannot be used for a while keeps its topic: it is one rebalance less, or two.
        topics = topics_of(site) | {topic for topic in map(changes_topic, site.faults) if topic in self.subscribed}
        if topics == self.subscribed or not topics:
            return  # The last topic stays subscribed to: an app without any ends itself.
        new = [one for one in site.registers.values() if one.changes_topic not in self.subscribed]
        try:
            await self.make_topics(new)
        except TransportError as error:
            _log.warning("home_unreachable", reason=error.message)
            return
        self.working.expect_rebalance()
        if await self.subscribe(topics):
            self.subscribed = topics
            _log.info("subscribed", registers=len(topics))

    def _tell(self, site: Site) -> None:
        present = site.registers.keys() | site.faults.keys()
        for name in self._known - present:
            _log.info("register_removed", register=name)
            metrics.forget(name)
        for name in site.faults.keys() - self._faults:
            _log.error("contract_unusable", register=name, cause=site.faults[name].cause_class)
        metrics.show_faults(site.faults, self._faults)
        now = frozenset(name for name in site.registers if paused(site, name) is not None)
        for name in now ^ self._paused:
            if name in site.registers:
                _log.info("register_paused" if name in now else "register_resumed", register=name)
        self._known, self._paused = frozenset(present), now


def topics_of(site: Site) -> set[str]:
    """Home topics of all registers, paused ones too: a pause is no rebalance."""
    return {changes_topic(name) for name in site.registers}


def make_home_topics(site: Site, registers: Iterable[Register]) -> None:
    """Make the home topics that are missing; raises TransportError."""
    ensure_topics(site.kafka, {name: each for one in registers for name, each in home_topics(one).items()})
