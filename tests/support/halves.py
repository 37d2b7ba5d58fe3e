"""Run all tests in two pytest processes side by side: those of whole systems and those that only compute, the rest.

    python -m tests.support.halves [OPTIONS OF PYTEST ...]

Most of a test's time is waiting for real services, so two at a time nearly halve the run. Each half starts what it
needs by itself, once. Every line of output says which half it is of; what failed is said once more at the end. Told to
end (SIGTERM, SIGINT), or killed, this process makes both halves end, and they leave nothing behind. Returns the worse
of both results.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType

HALVES = ("system", "rest")
OPTION = "--half"
_PR_SET_PDEATHSIG = 1
_OK, _NONE_CHOSEN = 0, 5
_FROM_LIBRDKAFKA = re.compile(r"%[0-7]\|\d+\.\d+\|")


def main(options: Sequence[str]) -> int:
    """Start both, pass on what they say, wait for both."""
    began = time.monotonic()
    running: dict[str, subprocess.Popen[str]] = {}

    def end(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # A second one would disturb the cleaning up.
        for process in running.values():
            process.terminate()

    for half in HALVES:
        running[half] = _start(half, options)
    # Not before: until now a signal ends this process, and a half ends with its parent.
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    failed: list[str] = []
    readers = [threading.Thread(target=_tell, args=(half, running[half], began, failed)) for half in HALVES]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    for line in failed:
        _say(line)
    return _worst([process.wait() for process in running.values()])


def _worst(codes: Sequence[int]) -> int:
    """A half without a chosen test is no failure as long as the other has one; a killed one has a negative code."""
    failed = [code for code in codes if code not in (_OK, _NONE_CHOSEN)]
    return abs(failed[0]) if failed else min(codes)


def _start(half: str, options: Sequence[str]) -> subprocess.Popen[str]:
    """In a session of its own: a key at the terminal then reaches it once, through this process."""
    parent = os.getpid()

    def ends_with_parent() -> None:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return subprocess.Popen(
        [sys.executable, "-m", "pytest", OPTION, half, *options],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        start_new_session=True, preexec_fn=ends_with_parent,  # noqa: PLW1509 (one system call, no lock is taken)
    )  # fmt: skip


def _tell(half: str, process: subprocess.Popen[str], began: float, failed: list[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if _FROM_LIBRDKAFKA.match(line):
            continue  # Clients whose broker the tests ended say so, hundreds of times.
        _say(f"{half:>6} | {line}")
        if line.startswith(("FAILED ", "ERROR ")):
            failed.append(line)
    _say(f"{half:>6} | ended with {process.wait()} after {time.monotonic() - began:.0f} s\n")


def _say(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
