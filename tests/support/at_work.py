"""Threads at work while the body of a `with` runs; what one of them raised is raised at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Event, Thread
from typing import Self


class AtWork:
    """Each work runs in a thread of its own and heeds `_stopping`."""

    def __init__(self, works: Iterable[Callable[[], None]]) -> None:
        self._stopping = Event()
        self._failures: list[BaseException] = []
        self._threads = [Thread(target=self._guarded, args=(work,)) for work in works]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as failure:  # noqa: BLE001 - raised again at the end
            self._failures.append(failure)
