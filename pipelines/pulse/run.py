"""One thread per register, and whatever else this process hosts; registers come and go while it runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from data_embassy import log, metrics
from data_embassy.config import LOOK_SECONDS, LiveSite, Register, Site
from pipelines.pulse.beating import Beating

Loop = Callable[[threading.Event], None]
"""Something that runs until the event is set."""
_JOIN_SECONDS: Final = 20.0

_log = log.get("pulse")


def run_pulse(
    site: Site,
    *,
    loops: Sequence[Loop] = (),
    stop: threading.Event | None = None,
    look: Callable[[], Site] | None = None,
) -> None:
    """Beat until `stop` is set or, where none is given, until SIGTERM or SIGINT.

    `loops` run beside, each in a thread. Whatever one of them or a beat raises that is not the world's fault ends the
    process: a supervisor starts it again. `look` tells the site as it is now; without it the site's folder does.
    """
    hosted = _Hosted(ended=stop or _until_signal(), state=site.state)
    look = look or LiveSite(site).look
    metrics.serve(site.metrics.pulse)
    others = [hosted.start(loop, hosted.ended, name=f"pulse-{number}") for number, loop in enumerate(loops)]
    faults: set[str] = set()
    while not hosted.ended.is_set():
        now = look()
        hosted.bring_in_line({name: one for name, one in now.registers.items() if one.source is not None})
        metrics.show_faults(now.faults, faults)
        hosted.ended.wait(LOOK_SECONDS)
    hosted.bring_in_line({})
    for thread in [*others, *hosted.leaving]:
        thread.join(timeout=_JOIN_SECONDS)
    if hosted.failures:
        raise hosted.failures[0]


@dataclass(slots=True, kw_only=True)
class _Beat:
    register: Register
    ended: threading.Event
    thread: threading.Thread


@dataclass(slots=True, kw_only=True)
class _Hosted:
    """What runs in this process."""

    ended: threading.Event
    state: Path
    beats: dict[str, _Beat] = field(default_factory=dict)
    leaving: list[threading.Thread] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def bring_in_line(self, wanted: dict[str, Register]) -> None:
        """Beat in these registers and no others; a changed contract begins anew."""
        self.leaving = [thread for thread in self.leaving if thread.is_alive()]
        for name, beat in list(self.beats.items()):
            if wanted.get(name) != beat.register:
                beat.ended.set()
                self.leaving.append(beat.thread)
                del self.beats[name]
                if name not in wanted and not self.ended.is_set():
                    _log.info("register_removed", register=name)
                    metrics.forget(name)
        for name, register in wanted.items():
            if name not in self.beats:
                ended = threading.Event()
                thread = self.start(Beating(register, self.state).run, ended, name=f"pulse-{name}")
                self.beats[name] = _Beat(register=register, ended=ended, thread=thread)

    def start(self, loop: Loop, ended: threading.Event, *, name: str) -> threading.Thread:
        """Run in a thread; whatever it raises ends the process."""

        def guarded() -> None:
            try:
                loop(ended)
            except BaseException as error:  # noqa: BLE001 (raised again in the main thread)
                self.failures.append(error)
                self.ended.set()

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        return thread


def _until_signal() -> threading.Event:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    return ended
