"""Work that goes on in a thread while a test does something else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

END_SECONDS = 60.0


@contextmanager
def beside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Let this run beside the body; the event is set at its end, and `work` returns soon after."""
    ended = threading.Event()
    thread = threading.Thread(target=work, args=(ended,))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(END_SECONDS)
        assert not thread.is_alive(), "it does not end"
