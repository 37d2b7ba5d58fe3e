"""Each site in a network namespace of its own, with only the link between them: nothing else can be reached by mistake.

`python -m deploy.local.apart keep STATE PASSAGE...` makes both namespaces and keeps them while it runs; nothing of them
is left when it ends. `python -m deploy.local.apart enter STATE SITE COMMAND...` becomes the command at a site.

Inside a namespace there is one loopback interface and what the site itself runs. A passage lets a port of one
namespace be reached from another: one of them is the link, from its proxy at home to the embassy's broker; the others
let whoever looks from outside (an operator's psql, a test's oracle) reach every service. Only root may do this.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy.local.layout import Layout
from deploy.local.machine import LOOPBACK, LocalError, write_private

OUTSIDE: Final = "outside"
SITES: Final = ("home", "embassy")
_CLONE_NEWNET: Final = 0x40000000
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_SIOCSIFADDR: Final = 0x8916
_IFF_UP: Final = 0x1
_CHUNK_BYTES: Final = 1 << 18
_BACKLOG: Final = 128
_USAGE: Final = 2


@dataclass(frozen=True, slots=True)
class Passage:
    """Who connects to `port` in `entrance` reaches the same port in `exit`."""

    entrance: str
    exit: str
    port: int


def passages(layout: Layout) -> list[Passage]:
    """The link, and from outside everything that a site serves."""
    ports = layout.ports
    home = (
        ports.home_postgres, ports.home_kafka, ports.connect, ports.forward, ports.pulse, ports.link,
        ports.home_prometheus, ports.home_alertmanager, ports.home_page,
    )  # fmt: skip
    embassy = (
        ports.embassy_postgres, ports.embassy_kafka, ports.receive,
        ports.embassy_prometheus, ports.embassy_alertmanager, ports.embassy_page,
    )  # fmt: skip
    return [
        Passage("home", "embassy", ports.embassy_link),
        *(Passage(OUTSIDE, "home", port) for port in home),
        *(Passage(OUTSIDE, "embassy", port) for port in embassy),
    ]


def can_be_apart() -> bool:
    """True when this process may make network namespaces."""
    if sys.platform != "linux":
        return False
    allowed: list[bool] = []

    def attempt() -> None:
        allowed.append(ctypes.CDLL(None).unshare(_CLONE_NEWNET) == 0)

    thread = threading.Thread(target=attempt)  # A thread leaves its namespace with its end.
    thread.start()
    thread.join()
    return allowed[0]


def keep_command(layout: Layout) -> list[str]:
    """What keeps the namespaces and their passages."""
    described = [f"{passage.entrance}:{passage.exit}:{passage.port}" for passage in passages(layout)]
    return [sys.executable, "-m", "deploy.local.apart", "keep", str(state_file(layout)), *described]


def enter_command(layout: Layout, site: str) -> list[str]:
    """Prefix of a command that must run at a site; empty when the sites are not apart."""
    if not layout.is_apart:
        return []
    return [sys.executable, "-m", "deploy.local.apart", "enter", str(state_file(layout)), site]


def state_file(layout: Layout) -> Path:
    """Where the namespaces' places are written."""
    return layout.run / "apart.json"


def are_kept(layout: Layout) -> bool:
    """True when both namespaces can be entered."""
    try:
        return all(Path(place).exists() for place in json.loads(state_file(layout).read_text()).values())
    except (FileNotFoundError, ValueError):
        return False


def _parse(described: str) -> Passage:
    entrance, exit_, port = described.split(":")
    return Passage(entrance, exit_, int(port))


def socket_at(layout: Layout, site: str) -> socket.socket:
    """A TCP socket that lives at a site, whoever uses it; an ordinary one when the sites are not apart."""
    if not layout.is_apart:
        return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with ThreadPoolExecutor(1) as thread:  # Its end is the end of its stay in the namespace.
        return thread.submit(_socket_in, json.loads(state_file(layout).read_text())[site]).result()


def _socket_in(place: str) -> socket.socket:
    _join(place)
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def _join(place: str) -> None:
    handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("setns", handle, _CLONE_NEWNET)
    finally:
        os.close(handle)


class _Namespace:
    """A namespace held by one thread, which makes sockets in it."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self.place = self._thread.submit(self._make, is_new=name != OUTSIDE).result()

    def socket(self) -> socket.socket:
        """A TCP socket that lives in this namespace, whoever uses it."""
        return self._thread.submit(socket.socket, socket.AF_INET, socket.SOCK_STREAM).result()

    @staticmethod
    def _make(*, is_new: bool) -> str:
        if is_new:
            _call("unshare", _CLONE_NEWNET)
            _bring_loopback_up()
        return f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net"


def _bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack("16sh22x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | _IFF_UP))
        # Resolvers (AI_ADDRCONFIG) take a machine whose only address is 127.0.0.1 for one without IPv4.
        second = struct.pack("16sHH4s16x", b"lo:1", socket.AF_INET, 0, socket.inet_aton("127.0.0.2"))
        fcntl.ioctl(control, _SIOCSIFADDR, second)


def _call(name: str, *arguments: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) != 0:
        error = ctypes.get_errno()
        raise LocalError(
            f"network namespaces cannot be used: {os.strerror(error)}", remedy="run as root, or keep the sites together"
        )


async def _keep(state: Path, wanted: Sequence[Passage]) -> None:
    namespaces = {name: _Namespace(name) for name in (OUTSIDE, *SITES)}
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    async with contextlib.AsyncExitStack() as stack:
        for passage in wanted:
            listener = namespaces[passage.entrance].socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((LOOPBACK, passage.port))
            way = _Way(namespaces[passage.exit], passage.port)
            server = await asyncio.start_server(way.carry, sock=listener, backlog=_BACKLOG, limit=_CHUNK_BYTES)
            await stack.enter_async_context(server)
        write_private(state, json.dumps({name: namespaces[name].place for name in SITES}))
        await ending.wait()
        os._exit(0)  # Connections may be open; whoever uses them ends too.


@dataclass(frozen=True, slots=True)
class _Way:
    """One passage at work."""

    exit: _Namespace
    port: int
    tasks: set[asyncio.Task[None] | None] = field(default_factory=set)
    """Connections under way: the event loop itself would let them be collected."""

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection both ways until both sides have ended."""
        task = asyncio.current_task()
        self.tasks.add(task)
        with contextlib.suppress(OSError):
            beyond = self.exit.socket()
            beyond.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(beyond, (LOOPBACK, self.port))
                far_reader, far_writer = await asyncio.open_connection(sock=beyond, limit=_CHUNK_BYTES)
            except OSError:
                beyond.close()
                raise
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
            far_writer.close()
        writer.close()
        self.tasks.discard(task)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
        return
    writer.transport.abort()  # The other side was cut off: so is this one.


def _enter(state: Path, site: str, command: Sequence[str]) -> None:
    _join(json.loads(state.read_text())[site])
    os.execvp(command[0], list(command))  # noqa: S606 (there is no shell to be fooled)


def main() -> int:
    """Keep the namespaces, or become a command in one."""
    match sys.argv[1:]:
        case ["keep", state, *described]:
            Path(state).unlink(missing_ok=True)
            asyncio.run(_keep(Path(state), [_parse(one) for one in described]))
            return 0
        case ["enter", state, site, *command] if command:
            _enter(Path(state), site, command)
    sys.stderr.write(f"{__doc__}\n")
    return _USAGE


if __name__ == "__main__":
    sys.exit(main())
