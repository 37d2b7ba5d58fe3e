"""Processes of a local system as the kernel sees them: found by a mark in their environment, ended, measured.

The supervisor gives every process the mark. So none is left behind even if the supervisor itself was killed.
"""

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from deploy.local.machine import wait_until

MARKER = "EMBASSY_LOCAL_SYSTEM"
END_SECONDS_MAX = 30
_PROC = Path("/proc")


def end(folder: Path) -> None:
    """End every process of the system in this folder, at once; data may be lost. PostgreSQL tidies up by itself."""
    # The supervisor first: it would start again what ends.
    for is_chosen in (_is_supervisor, _is_any):
        chosen = [pid for pid in marked(folder) if is_chosen(pid)]
        for pid in chosen:
            _signal(pid, signal.SIGQUIT if _name(pid) == "postgres" else signal.SIGKILL)
        wait_until(partial(_are_gone, chosen), seconds=END_SECONDS_MAX, what="processes ended")


def marked(folder: Path) -> list[int]:
    """Ids of the living processes of the system in this folder, without PostgreSQL's own children."""
    wanted = f"{MARKER}={folder}".encode()
    return [pid for pid in _all() if wanted in _read(pid, "environ").split(b"\0") and is_alive(pid)]


def is_alive(pid: int) -> bool:
    """True unless the process is gone or has ended and waits to be collected."""
    state = _read(pid, "stat").rpartition(b")")[2].split()
    return bool(state) and state[0] not in (b"Z", b"X")


def memory_mb(pid: int) -> int | None:
    """Memory of a process and its children; shared pages are counted once."""
    kilobytes = [_proportional(each) for each in (pid, *_children(pid))]
    known = [each for each in kilobytes if each is not None]
    return sum(known) // 1024 if known else None


def _are_gone(pids: list[int]) -> bool:
    return not any(map(is_alive, pids))


def _proportional(pid: int) -> int | None:
    for line in _read(pid, "smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1])
    return None


def _children(pid: int) -> Iterator[int]:
    for task in (_PROC / str(pid) / "task").glob("*"):
        for child in _read(pid, f"task/{task.name}/children").split():
            yield int(child)
            yield from _children(int(child))


def _is_supervisor(pid: int) -> bool:
    return b"supervisor.supervisord" in _read(pid, "cmdline").split(b"\0")


def _is_any(_pid: int) -> bool:
    return True


def _name(pid: int) -> str:
    return _read(pid, "comm").decode(errors="replace").strip()


def _all() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]


def _read(pid: int, name: str) -> bytes:
    try:
        return (_PROC / str(pid) / name).read_bytes()
    except OSError:
        return b""


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
