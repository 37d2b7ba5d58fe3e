"""Who this worker is in the consumer group of its site.

A static member that comes back takes its partitions without a rebalance. Two of one name would drive each other out,
so only the first worker of a machine is one; others stand by. The broker gives a returning static member its former
partitions without looking at what it subscribes to now: with other topics than it left with it must be a new member.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import secrets
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from data_embassy.config import Site, write_atomically

_FILE: Final = "worker.member"


class Membership:
    """The member's name, None for a worker that stands by, and the topics it is known to read."""

    def __init__(self, folder: Path, *, label: str, topics: Iterable[str], is_first: bool) -> None:
        self._file = folder / _FILE
        self.name: str | None = None
        if is_first:
            wanted = sorted(topics)
            name, left_with = self._read()
            self.name = name if name and left_with == wanted else f"{label}-{secrets.token_hex(4)}"
            self.subscribed(wanted)

    def subscribed(self, topics: Iterable[str]) -> None:
        """The group knows this member with these topics now."""
        if self.name is not None:
            write_atomically(self._file, json.dumps({"member": self.name, "topics": sorted(topics)}))

    def _read(self) -> tuple[str | None, list[str]]:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
            return str(found["member"]), list(found["topics"])
        except (OSError, ValueError, KeyError, TypeError):
            return None, []


@contextlib.contextmanager
def membership(site: Site, topics: Iterable[str]) -> Iterator[Membership]:
    """This worker's membership, as long as the body runs."""
    folder = work_folder(site)
    with (folder / "worker.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_first = True
        except BlockingIOError:
            is_first = False
        yield Membership(folder, label=f"{site.name}-{socket.gethostname()}", topics=topics, is_first=is_first)


def work_folder(site: Site) -> Path:
    """The forwarder's folder in the site's state."""
    folder = site.state / "forward"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
