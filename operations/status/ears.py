"""What home hears of both brokers, over clients that are kept from look to look: three for a whole site."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from data_embassy.config import Register, Site
from data_embassy.errors import TransportError
from data_embassy.kafka import TopicAdmin, client_settings
from data_embassy.keys import HomeKeys
from pipelines.memory import Remembered
from pipelines.receipts import Heard, Receipt, ReceiptFollower
from pipelines.tail import Bounds
from pipelines.tails import Tails

ANSWER_SECONDS: Final = 3.0
RENEW_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What the embassy said last of a register."""

    heard: Heard | None
    position: Receipt | None
    has_gone_back: bool


class Ears(Protocol):
    """What a status at home needs of brokers."""

    def words(
        self, registers: Iterable[Register], keys: HomeKeys, remembered: Mapping[str, Remembered | None]
    ) -> Mapping[str, Word | None]:
        """By register; None for one that could not be read, and none for one of which nothing stands there.

        Raises TransportError when the embassy's broker does not answer.
        """

    def ends(self, registers: Iterable[Register]) -> Mapping[str, int]:
        """Of the home topics that are there; raises TransportError when home's broker does not answer."""


class KafkaEars:
    """Of one site. `words` and `ends` may be called by two threads, each by one at a time.

    A broker that does not answer, or not for topics that it had, for RENEW_SECONDS is asked by new clients, which read
    passwords and certificates anew.
    """

    def __init__(self, site: Site, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._site, self._monotonic = site, monotonic
        self._home: _Home | None = None
        self._link: _Link | None = None

    def words(
        self, registers: Iterable[Register], keys: HomeKeys, remembered: Mapping[str, Remembered | None]
    ) -> dict[str, Word | None]:
        """As Ears says it."""
        if self._link is None:
            self._link = _Link(self._site, self._monotonic())
        link, topics = self._link, {one.receipts_topic: one for one in registers}
        try:
            found = link.words(topics, keys, remembered)
            if len(found) >= len(link.known & topics.keys()):
                link.heard_at = self._monotonic()
            return found
        finally:
            if self._monotonic() - link.heard_at > RENEW_SECONDS:
                link.tails.close()
                self._link = None

    def ends(self, registers: Iterable[Register]) -> dict[str, int]:
        """As Ears says it."""
        topics = {register.changes_topic: register.name for register in registers}
        if self._home is None:
            self._home = _Home(TopicAdmin(self._site.kafka, answer_seconds=ANSWER_SECONDS), self._monotonic())
        home = self._home
        try:
            found = home.admin.ends(topics)
            if len(found) >= len(home.known & topics.keys()):
                home.heard_at = self._monotonic()
            home.known |= found.keys()
            return {topics[topic]: end for topic, end in found.items()}
        finally:
            if self._monotonic() - home.heard_at > RENEW_SECONDS:
                self._home = None

    def close(self) -> None:
        """Give the connections back."""
        if self._link is not None:
            self._link.tails.close()
        self._home = self._link = None


@dataclass(slots=True)
class _Home:
    admin: TopicAdmin
    heard_at: float
    known: set[str] = field(default_factory=set)
    """Topics that were there once."""


class _Link:
    """Clients of the embassy's broker, and what was read by them."""

    def __init__(self, site: Site, heard_at: float) -> None:
        assert site.link is not None
        self.heard_at = heard_at
        self.tails = Tails(client_settings(site.link), answer_seconds=ANSWER_SECONDS)
        self._admin = TopicAdmin(site.link, answer_seconds=ANSWER_SECONDS)
        self._followers: dict[str, ReceiptFollower] = {}
        self.known: set[str] = set()
        """Topics that were there once."""

    def words(
        self, topics: Mapping[str, Register], keys: HomeKeys, remembered: Mapping[str, Remembered | None]
    ) -> dict[str, Word | None]:
        bounds = {topic: Bounds(low=low, end=end) for topic, (low, end) in self._admin.bounds(topics).items()}
        self.known |= bounds.keys()
        self.tails.follow(bounds)
        self._followers = {topic: one for topic, one in self._followers.items() if topic in bounds}
        found: dict[str, Word | None] = {}
        for topic in bounds:
            name = topics[topic].name
            try:
                found[name] = self._word(topic, topics[topic], keys, remembered.get(name))
            except TransportError:
                found[name] = None
        if found and all(word is None for word in found.values()):
            raise TransportError("no receipt can be read", remedy="check the embassy's broker and the link")
        return found

    def _word(self, topic: str, register: Register, keys: HomeKeys, remembered: Remembered | None) -> Word:
        if topic not in self._followers:
            self._followers[topic] = ReceiptFollower(register, keys, self.tails.log(topic))
        follower = self._followers[topic]
        # The forwarder's memory reaches further back, and is what an operator clears.
        follower.keys, follower.highest = keys, None if remembered is None else remembered.highest
        position = follower.follow()
        return Word(heard=follower.heard, position=position, has_gone_back=follower.has_gone_back)
