"""The small embassy without a broker: lanes and receipts in memory, everything else real."""

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass, field

from consumers.decisions import decision_log
from consumers.receipts import ReceiptWriter
from consumers.refusals import NEW_GENERATION, LaneLost
from consumers.supervise import Surroundings
from consumers.telling import ToldFiles
from data_embassy.config import Register, open_site
from data_embassy.envelope import LaneOpener
from data_embassy.keys import load_embassy_keys
from data_embassy.keys.sets import EmbassyKeys
from pipelines.receipts import Heard, ReceiptFollower
from tests.support.receiving import Embassy, Link
from tests.unit.test_forward_beside import MemoryReceipts


class MemoryLane:
    """A lane as `consumers.lane.KafkaLane` shows it, over messages that others append to."""

    def __init__(self, messages: list[bytes]) -> None:
        self._messages, self._offset = messages, 0
        self._waiting = threading.Event()

    def seek(self, offset: int) -> None:
        if offset > len(self._messages):
            raise LaneLost("the lane does not reach to the position", remedy=NEW_GENERATION)
        self._offset = offset

    def poll(self, count: int, seconds: float) -> list[tuple[int, bytes]]:
        if self._offset >= len(self._messages):
            self._waiting.wait(seconds)
        found = list(enumerate(self._messages))[self._offset : self._offset + count]
        self._offset += len(found)
        return found

    def fetch(self, offset: int) -> bytes:
        return self._messages[offset]

    def known_end(self) -> int | None:
        return len(self._messages)

    def arrival(self, offset: int) -> None:
        return

    def bounds(self) -> tuple[int, int]:
        return 0, len(self._messages)

    def close(self) -> None:
        return


@dataclass
class MemoryEmbassy(Embassy):
    """Its broker is two dictionaries."""

    lanes: dict[str, list[bytes]] = field(default_factory=dict)
    receipts: dict[str, list[bytes]] = field(default_factory=dict)

    def keys(self) -> EmbassyKeys:
        """As the folder has them now, where there is one; raises KeyringError."""
        folder = self.folder / "keys"
        return load_embassy_keys(folder) if folder.exists() else self.sites.embassy

    def surroundings(self) -> Surroundings:
        def lane(register: Register) -> MemoryLane:
            return MemoryLane(self.lanes.setdefault(register.lane, []))

        def receipts(register: Register) -> ReceiptWriter:
            send = self.receipts.setdefault(register.lane, []).append
            return ReceiptWriter(lane=register.lane, keys=self.sites.embassy, send=send)

        return dataclasses.replace(
            super().surroundings(),
            ensure_topics=lambda _: None,
            open_lane=lane,  # type: ignore[arg-type]
            receipts=receipts,
            new_opener=lambda register: LaneOpener(lane=register.lane, keys=self.keys()),
            decide=lambda register: lambda *asked: decision_log(open_site(self.folder), register.name).decide(*asked),
            is_paused=lambda name: (self.folder / "state" / "paused" / name).exists(),
            tell=ToldFiles(self.folder / "state").write,
        )


@dataclass
class MemoryLink(Link):
    """One register's way over such a lane."""

    def __post_init__(self) -> None:
        self.sealer = self.new_sealer()

    def append(self, *envelopes: bytes) -> None:
        assert isinstance(self.embassy, MemoryEmbassy)
        self.embassy.lanes.setdefault(self.register.lane, []).extend(envelopes)
        self.lane_end += len(envelopes)

    def heard(self) -> Heard | None:
        """The newest receipt, as home takes it."""
        assert isinstance(self.embassy, MemoryEmbassy)
        topic = MemoryReceipts(*self.embassy.receipts.get(self.register.lane, []))
        follower = ReceiptFollower(self.register, self.embassy.sites.home, topic)
        follower.follow()
        return follower.heard
