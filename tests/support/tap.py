"""A relay on the link's port that keeps every byte it carries: what somebody on the long line could record."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.apart import socket_at
from deploy.local.layout import Layout
from deploy.local.machine import LOOPBACK
from deploy.local.system import LocalSystem

_CHUNK_BYTES = 1 << 16


@dataclass
class Tap:
    """What was carried, in files: one for each connection and direction."""

    folder: Path
    listener: socket.socket
    layout: Layout
    accepting: threading.Thread = field(init=False)
    _open: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()

    def files(self) -> list[Path]:
        """Everything recorded so far."""
        return sorted(self.folder.iterdir())

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # Closed.
            self._carry(client)

    def _carry(self, client: socket.socket) -> None:
        target = socket_at(self.layout, "home")
        number = len(self._open)
        self._open += [client, target]
        try:
            target.connect((LOOPBACK, self.layout.ports.embassy_link))
        except OSError:
            return  # `close` ends both.
        for name, source, sink in (("to-embassy", client, target), ("to-home", target, client)):
            path = self.folder / f"{number:04d}-{name}"
            self._threads.append(threading.Thread(target=_pump, args=(source, sink, path), daemon=True))
            self._threads[-1].start()

    def close(self) -> None:
        """Break every connection, also one that comes at this moment."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.accepting.join(10)
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(10)


def _pump(source: socket.socket, sink: socket.socket, path: Path) -> None:
    with path.open("wb") as record, contextlib.suppress(OSError):
        while chunk := source.recv(_CHUNK_BYTES):
            record.write(chunk)
            record.flush()
            sink.sendall(chunk)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def tapped(system: LocalSystem, folder: Path) -> Iterator[Tap]:
    """Put a tap in the place of the link while the body runs."""
    folder.mkdir()
    layout = system.layout
    system.stop("link")
    try:
        with socket_at(layout, "home") as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((LOOPBACK, layout.ports.link))
            listener.listen(64)
            tap = Tap(folder, listener, layout)
            try:
                yield tap
            finally:
                tap.close()
    finally:
        system.start("link")
