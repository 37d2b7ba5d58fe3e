"""The long link between the sites: a TCP proxy in front of the embassy's broker that can be cut, delayed, narrowed.

`python -m deploy.local.link` is the process; `LinkControl` speaks to it. What was set survives a restart of the
process, as a cut link stays cut however often somebody looks.

- cut: existing connections are dropped; new ones are accepted and get no answer until the link is mended.
  A silent cut leaves existing connections open and carries nothing, like a cable pulled somewhere on the way.
- delay: milliseconds added to the round trip, half in each direction.
- rate: kilobits per second in each direction, shared by all connections; 0 is unlimited.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import socket
import struct
from collections import deque
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from deploy.local.machine import LOOPBACK, LocalError

CHUNK_BYTES_MAX = 256 * 1024
IN_FLIGHT_BYTES_MAX = 64 * 1024 * 1024  # Per connection and direction: 100 MB/s at a round trip of 1.2 s.
CONNECTIONS_MAX = 512
CONTROL_SECONDS_MAX = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkShape:
    """What the link does to traffic."""

    is_cut: bool = False
    is_silent: bool = False
    delay_ms: float = 0.0
    rate_kbit: float = 0.0

    @property
    def drops(self) -> bool:
        """True when existing connections do not survive."""
        return self.is_cut and not self.is_silent


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    """The link's shape and what it carried since its process started."""

    shape: LinkShape
    connections: int
    bytes_to_embassy: int
    bytes_to_home: int


class LinkControl:
    """Commands to a running link."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def cut(self, *, is_silent: bool = False) -> LinkStatus:
        """Cut the link."""
        return self._change(is_cut=True, is_silent=is_silent)

    def mend(self) -> LinkStatus:
        """Mend a cut link; delay and rate stay."""
        return self._change(is_cut=False, is_silent=False)

    def delay(self, milliseconds: float) -> LinkStatus:
        """Set what is added to the round trip."""
        return self._change(delay_ms=milliseconds)

    def rate(self, kilobits: float) -> LinkStatus:
        """Set the rate of each direction per second; 0 is unlimited."""
        return self._change(rate_kbit=kilobits)

    def status(self) -> LinkStatus:
        """What the link does now."""
        return self._change()

    def _change(self, **changes: float | bool) -> LinkStatus:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
                peer.settimeout(CONTROL_SECONDS_MAX)
                peer.connect(str(self._path))
                peer.sendall(json.dumps(changes).encode() + b"\n")
                answer = json.loads(peer.makefile("rb").readline())
        except (OSError, ValueError) as error:
            raise LocalError("the link's process does not answer", remedy="embassy local status") from error
        return LinkStatus(**(answer | {"shape": LinkShape(**answer["shape"])}))


class _Direction:
    """One way of the link, shared by all connections: its rate and what it carried."""

    def __init__(self) -> None:
        self.bytes_carried = 0
        self._free_at = 0.0

    async def pass_through(self, size: int, rate_kbit: float) -> None:
        self.bytes_carried += size
        if rate_kbit <= 0:
            return
        now = asyncio.get_running_loop().time()
        self._free_at = max(now, self._free_at) + size * 8 / (rate_kbit * 1000)
        await asyncio.sleep(self._free_at - now)


class Link:
    """The proxy's state: its shape, its two directions, the connections it carries."""

    def __init__(self, *, target_port: int, shape: LinkShape) -> None:
        self.shape = shape
        self.to_embassy, self.to_home = _Direction(), _Direction()
        self._target_port = target_port
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()
        self.change(shape)

    def change(self, shape: LinkShape) -> None:
        """Take a new shape; a cut drops connections, and mending drops those that waited without an answer."""
        dropped, self.shape = self.shape.drops, shape
        if shape.is_cut:
            self._open.clear()
        else:
            self._open.set()
        if shape.drops and not dropped:
            for task in self._tasks:
                task.cancel()

    def status(self) -> LinkStatus:
        """The shape and the counters."""
        return LinkStatus(
            shape=self.shape,
            connections=len(self._tasks),
            bytes_to_embassy=self.to_embassy.bytes_carried,
            bytes_to_home=self.to_home.bytes_carried,
        )

    def accept(self, client: socket.socket) -> None:
        """Carry one connection from home, as a task of its own."""
        task = asyncio.get_running_loop().create_task(self._carry(client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def is_full(self) -> bool:
        """True when one more connection would be too many."""
        return len(self._tasks) >= CONNECTIONS_MAX

    async def _carry(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        target = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        target.setblocking(False)
        is_clean = False
        try:
            if not self._open.is_set():
                await self._hold(client)
                return
            await loop.sock_connect(target, (LOOPBACK, self._target_port))
            for each in (client, target):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(client, target, self.to_embassy))
                both.create_task(self._pump(target, client, self.to_home))
            is_clean = True
        except* OSError:
            pass  # One end broke the connection: the other learns it below.
        finally:
            for each in (client, target):
                each.close() if is_clean else _drop(each)

    async def _hold(self, client: socket.socket) -> None:
        """No answer while the link is cut; afterwards the caller starts afresh."""
        loop = asyncio.get_running_loop()

        async def until_client_leaves() -> None:
            with contextlib.suppress(OSError):
                while await loop.sock_recv(client, CHUNK_BYTES_MAX):
                    pass

        waits = [loop.create_task(until_client_leaves()), loop.create_task(self._wait_open())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _wait_open(self) -> None:
        await self._open.wait()

    async def _pump(self, source: socket.socket, sink: socket.socket, direction: _Direction) -> None:
        way = _Way()
        async with asyncio.TaskGroup() as both:
            both.create_task(self._read(source, way))
            both.create_task(self._write(sink, way, direction))

    async def _read(self, source: socket.socket, way: "_Way") -> None:
        loop = asyncio.get_running_loop()
        while True:
            chunk = await loop.sock_recv(source, self._chunk_bytes())
            await way.put(loop.time() + self.shape.delay_ms / 2000, chunk)
            if not chunk:
                return

    async def _write(self, sink: socket.socket, way: "_Way", direction: _Direction) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, chunk = await way.get()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            await self._open.wait()
            if not chunk:
                sink.shutdown(socket.SHUT_WR)
                return
            await direction.pass_through(len(chunk), self.shape.rate_kbit)
            await loop.sock_sendall(sink, chunk)

    def _chunk_bytes(self) -> int:
        """At low rates small pieces, so that traffic flows instead of coming in bursts."""
        if self.shape.rate_kbit <= 0:
            return CHUNK_BYTES_MAX
        return int(max(1024, min(CHUNK_BYTES_MAX, self.shape.rate_kbit * 1000 / 8 * 0.02)))


class _Way:
    """Bytes in flight in one direction of one connection, with the time at which each piece arrives."""

    def __init__(self) -> None:
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._bytes = 0
        self._changed = asyncio.Condition()

    async def put(self, due: float, chunk: bytes) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._bytes < IN_FLIGHT_BYTES_MAX)
            self._pieces.append((due, chunk))
            self._bytes += len(chunk)
            self._changed.notify_all()

    async def get(self) -> tuple[float, bytes]:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._pieces))
            due, chunk = self._pieces.popleft()
            self._bytes -= len(chunk)
            self._changed.notify_all()
            return due, chunk


def _drop(connection: socket.socket) -> None:
    """Close at once: the peer sees a reset, and nothing of a cut connection arrives later."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


async def serve(*, listen_port: int, target_port: int, control: Path, state: Path) -> None:
    """Run the proxy until SIGTERM."""
    loop = asyncio.get_running_loop()
    link = Link(target_port=target_port, shape=_stored(state))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        changes: dict[str, Any] = json.loads(await reader.readline())
        if changes:
            link.change(replace(link.shape, **changes))
            _store(state, link.shape)
        writer.write(json.dumps(asdict(link.status())).encode() + b"\n")
        await writer.drain()
        writer.close()

    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)
    with socket.create_server((LOOPBACK, listen_port), backlog=128) as listener:
        listener.setblocking(False)
        controls = await asyncio.start_unix_server(answer, control)
        accepting = loop.create_task(_accept(link, listener))
        await ended.wait()
        accepting.cancel()
        controls.close()


async def _accept(link: Link, listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while True:
        client, _ = await loop.sock_accept(listener)
        client.setblocking(False)
        if link.is_full:
            _drop(client)
        else:
            link.accept(client)


def _stored(state: Path) -> LinkShape:
    return LinkShape(**json.loads(state.read_text())) if state.exists() else LinkShape()


def _store(state: Path, shape: LinkShape) -> None:
    fresh = state.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(shape)))
    fresh.replace(state)


def main() -> None:
    """Run the process."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.link")
    parser.add_argument("--listen", type=int, required=True, help="loopback port that home connects to")
    parser.add_argument("--to", type=int, required=True, help="loopback port of the embassy's broker")
    parser.add_argument("--control", type=Path, required=True, help="path of the control socket")
    parser.add_argument("--state", type=Path, required=True, help="file that keeps what was set")
    options = parser.parse_args()
    asyncio.run(serve(listen_port=options.listen, target_port=options.to, control=options.control, state=options.state))


if __name__ == "__main__":
    main()
