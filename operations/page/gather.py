"""One thread that looks at a site once a second or so and publishes what it saw.

Nobody who asks for a page waits for it: a look that hangs makes the last snapshot old, and that is shown.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from data_embassy import log
from data_embassy.config import Role
from data_embassy.errors import DataEmbassyError
from operations.page.recent import Recent
from operations.page.snapshot import SPANS, Past, Seen, Snapshot, Span, Trouble

LOOK_SECONDS: Final = 1.0
REST_SECONDS_MAX: Final = 3.0
"""A look is followed by a rest three times as long as itself, so that looking costs little; no longer than this."""
END_SECONDS: Final = 2.0
WANTED_SECONDS: Final = 60.0
"""A chart that nobody asked for in so long is not kept fresh."""
EVENTS_MAX: Final = 100
Clock = Callable[[], dt.datetime]
Wanted = tuple[str, str]
"""A register and the name of a span."""

_log = log.get("page")


class Sight(Protocol):
    """What can be asked of a site. Both may take long, and raise DataEmbassyError."""

    def look(self) -> Seen:
        """The site as it is now."""

    def past(self, register: str, span: Span, now: dt.datetime) -> Past | None:
        """A register's past as the site keeps it; None where only this process remembers."""

    def close(self) -> None:
        """Give back what was kept open from look to look."""


class Gatherer:
    """The thread, and what it published last."""

    def __init__(self, sight: Sight, *, site: str, role: Role, clock: Clock) -> None:
        self._sight = sight
        self._clock = clock
        self._recent = Recent()
        self._lock = threading.Lock()
        self._wanted: dict[Wanted, float] = {}
        self._read_at: dict[Wanted, float] = {}
        self._listeners: list[Callable[[], None]] = []
        self._wake = threading.Event()
        self._is_ended = False
        self._thread = threading.Thread(target=self._run, name="gather", daemon=True)
        self.snapshot = Snapshot(number=0, site=site, role=role)
        """The newest; replaced as a whole."""

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def end(self) -> None:
        """End; a look that hangs is not waited for."""
        self._is_ended = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(END_SECONDS)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call this, in the gathering thread, after each new snapshot."""
        self._listeners.append(listener)

    def want(self, register: str, span: str) -> None:
        """Keep a register's chart fresh for a while; a new one is read at once."""
        with self._lock:
            is_new = (register, span) not in self._wanted
            self._wanted[register, span] = time.monotonic()
        if is_new:
            self._wake.set()

    def _run(self) -> None:
        try:
            while not self._is_ended:
                began = time.monotonic()
                self.step()
                took = time.monotonic() - began
                rest = max(LOOK_SECONDS - took, min(3 * took, REST_SECONDS_MAX))
                self._rest_until(time.monotonic() + rest)
        finally:
            self._sight.close()

    def _rest_until(self, deadline: float) -> None:
        """Charts that are asked for meanwhile are read at once."""
        while not self._is_ended and (left := deadline - time.monotonic()) > 0:
            if self._wake.wait(left):
                self._wake.clear()
                self._read_pasts()

    def step(self) -> None:
        """Look once and publish; also what it could not find out."""
        began, started = self._clock(), time.monotonic()
        self._publish(replace(self.snapshot, looking_since=began))
        try:
            seen = self._sight.look()
        except DataEmbassyError as error:
            self._fail(error.cause_class, error.message, error.remedy)
            return
        except Exception as error:  # noqa: BLE001 (a page that stands still without a word is worse than any fault)
            _log.error("look failed", error=type(error).__name__)
            self._fail(type(error).__name__, "A fault of this program.", "report it, with the page's log")
            return
        self._recent.add(seen.registers, began, self.snapshot.role)
        trends = {one.register: self._recent.trend(one.register, began) for one in seen.registers}
        known = {one.register for one in seen.registers}
        pasts = {key: past for key, past in self.snapshot.pasts.items() if key[0] in known}
        self._publish(
            replace(
                self.snapshot, number=self.snapshot.number + 1, taken_at=began, looking_since=None, seen=seen,
                took_seconds=time.monotonic() - started,
                trouble=None, trends=trends, pasts=pasts,
            )
        )  # fmt: skip
        self._read_pasts()

    def _fail(self, cause: str, message: str, remedy: str) -> None:
        trouble = Trouble(cause=cause, message=message, remedy=remedy)
        number = self.snapshot.number + 1
        self._publish(replace(self.snapshot, number=number, looking_since=None, trouble=trouble))

    def _publish(self, snapshot: Snapshot) -> None:
        is_news = snapshot.number != self.snapshot.number
        self.snapshot = snapshot
        if is_news:
            for listener in self._listeners:
                listener()

    # -- the past ---------------------------------------------------------------------------------------------------

    def _read_pasts(self) -> None:
        for register, name in self._due():
            if self._is_ended or self.snapshot.register(register) is None:
                continue
            past = self._past(register, SPANS[name])
            pasts = {**self.snapshot.pasts, (register, name): past}
            self._publish(replace(self.snapshot, number=self.snapshot.number + 1, pasts=pasts))

    def _due(self) -> list[Wanted]:
        now = time.monotonic()
        with self._lock:
            self._wanted = {key: at for key, at in self._wanted.items() if now - at <= WANTED_SECONDS}
            wanted = list(self._wanted)
        never = float("-inf")
        due = [key for key in wanted if now - self._read_at.get(key, never) >= SPANS[key[1]].refresh_seconds]
        self._read_at = {key: at for key, at in self._read_at.items() if key in wanted} | dict.fromkeys(due, now)
        return due

    def _past(self, register: str, span: Span) -> Past:
        now, note = self._clock(), None
        try:
            past = self._sight.past(register, span, now)
            if past is not None:
                return past
        except DataEmbassyError:
            note = "the kept history cannot be read now; this is what the page itself saw"
        since = now - span.length
        return Past(
            span=span,
            since=since,
            until=now,
            samples=tuple(self._recent.samples(register, since=since, until=now)),
            events=tuple(self._recent.events(register, since=since, until=now, limit=EVENTS_MAX)),
            note=note or "kept in memory, since this page was started",
        )
