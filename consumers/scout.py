"""The search for a generation to begin with: at first start, and past a stop that no waiting mends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Final

from consumers.beginnings import GenerationBegan
from consumers.generations import Found, GenerationFinder, newest
from consumers.lane import KafkaLane
from data_embassy import log
from data_embassy.envelope import LaneOpener
from data_embassy.errors import DataEmbassyError

_ENVELOPES_PER_POLL: Final = 64
_RETRY_SECONDS: Final = 1.0
_log = log.get("receive")


class Scout(threading.Thread):
    """Follows a lane from an offset on and notes the snapshots it meets, however broken what stands between."""

    def __init__(
        self,
        *,
        name: str,
        open_lane: Callable[[], KafkaLane],
        new_opener: Callable[[], LaneOpener],
        start_offset: int | None,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.has_seen_all = False
        """True once everything that stood on the lane at the start was looked at."""
        self.crash: BaseException | None = None
        self._open_lane, self._new_opener = open_lane, new_opener
        self._start_offset = start_offset
        self._found: dict[int, Found] = {}
        self._stopping = threading.Event()

    def choice(self) -> GenerationBegan | None:
        """The snapshot to begin with: the newest complete one, else the newest."""
        found = list(self._found.values())
        best = newest(found)
        if best is None:
            best = max(found, key=lambda one: one.began.run, default=None)
        return None if best is None else best.began

    def stop(self) -> None:
        """End soon."""
        self._stopping.set()

    def run(self) -> None:
        """Thread body."""
        while not self._stopping.is_set():
            try:
                with closing(self._open_lane()) as lane:
                    self._follow(lane)
            except DataEmbassyError as error:
                # A broker that is away, keys that cannot be read: whoever mends it need not ask for the search.
                _log.warning("waiting", cause=error.cause_class, message=error.message)
                self._stopping.wait(_RETRY_SECONDS)
            except BaseException as error:  # noqa: BLE001 (the supervisor ends the process with it)
                self.crash = error
                return

    def _follow(self, lane: KafkaLane) -> None:
        low, end = lane.bounds()
        start = low if self._start_offset is None else max(low, self._start_offset)
        finder = GenerationFinder(self._new_opener(), lane.fetch)
        self._found = finder.found
        lane.seek(start)
        next_offset = start
        while not self._stopping.is_set():
            self.has_seen_all = self.has_seen_all or next_offset >= end
            for lane_offset, envelope in lane.poll(_ENVELOPES_PER_POLL, 0.5):
                finder.take(lane_offset, envelope)
                next_offset = lane_offset + 1


class Search:
    """A scout that is sent when it is needed, and called back."""

    def __init__(self, *, name: str, open_lane: Callable[[], KafkaLane], new_opener: Callable[[], LaneOpener]) -> None:
        self._name, self._open_lane, self._new_opener = name, open_lane, new_opener
        self._scout: Scout | None = None

    def go_on(self, *, behind: int | None) -> None:
        """Search behind a lane offset unless a search is under way; raises what crashed it."""
        if self._scout is None:
            self._scout = Scout(
                name=self._name, open_lane=self._open_lane, new_opener=self._new_opener, start_offset=behind
            )
            self._scout.start()
        elif self._scout.crash is not None:
            raise self._scout.crash

    def choice(self) -> GenerationBegan | None:
        """What was found once everything there was seen."""
        return None if self._scout is None or not self._scout.has_seen_all else self._scout.choice()

    def end(self) -> None:
        """Nothing is sought any more."""
        if self._scout is not None:
            self._scout.stop()
            self._scout.join()
            self._scout = None


def search(lane: KafkaLane, opener: LaneOpener, progress: Callable[[int, int], None]) -> list[Found]:
    """All snapshots that stand on the lane now; `progress` hears of envelopes done and to do."""
    low, end = lane.bounds()
    finder = GenerationFinder(opener, lane.fetch)
    lane.seek(low)
    next_offset = low
    while next_offset < end:
        for lane_offset, envelope in lane.poll(_ENVELOPES_PER_POLL, 0.5):
            finder.take(lane_offset, envelope)
            next_offset = lane_offset + 1
        progress(next_offset - low, end - low)
    return list(finder.found.values())
