"""What the local system needs from the machine: free ports, deadlines, small private files, an unprivileged user."""

import os
import pwd
import random
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

from data_embassy.errors import DataEmbassyError

LOOPBACK = "127.0.0.1"
# Below the range from which kernels take the ports of outgoing connections, so that a stored port stays free.
PORTS = range(16_000, 31_000)
POLL_SECONDS = 0.1


class LocalError(DataEmbassyError):
    """The local system cannot do this."""


def checkout() -> Path:
    """The root folder of this checkout."""
    return Path(__file__).resolve().parents[2]


def free_ports(count: int) -> list[int]:
    """Distinct loopback ports that nobody listens on now."""
    found: list[int] = []
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        if len(found) == count:
            return found
        if is_port_free(port):
            found.append(port)
    raise LocalError("no free ports", remedy="stop other programs that listen on this machine")


def is_port_free(port: int) -> bool:
    """True when a listener could be bound to this loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def accepts(port: int) -> bool:
    """True when something accepts connections on this loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Return when the condition holds; raises LocalError after the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LocalError(f"{what}: not so after {seconds:g} s", remedy="look at: embassy local logs")
        time.sleep(POLL_SECONDS)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; it is never readable by others, not even for a moment."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)


def is_root() -> bool:
    """True when PostgreSQL, which refuses to run as root, needs another user."""
    return os.geteuid() == 0


def give_to_database_user(folder: Path) -> None:
    """As root: hand an empty folder to the user that PostgreSQL runs as."""
    if is_root():
        user = pwd.getpwnam(DATABASE_USER)
        os.chown(folder, user.pw_uid, user.pw_gid)


# Exists everywhere, so nothing is added to the machine that `down` would have to remove.
DATABASE_USER = "nobody"


def as_database_user(reads: list[Path], *, dies_with_parent: bool = False) -> list[str]:
    """Command prefix under which PostgreSQL programs run: empty for an ordinary user.

    As root the programs run as another user. A checkout below a closed folder (such as root's home) is out of that
    user's reach, so for such `reads` the processes alone keep the right to pass closed folders; no mode is changed.
    """
    if not is_root():
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise LocalError(
            "PostgreSQL does not run as root and setpriv is missing",
            remedy="install util-linux, or run as an ordinary user",
        )
    user = pwd.getpwnam(DATABASE_USER)
    prefix = [setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    if dies_with_parent:
        prefix.append("--pdeathsig=KILL")
    if any(not _is_open_to_all(path) for path in reads):
        right = _right_to_pass()
        prefix += [f"--inh-caps=+{right}", f"--ambient-caps=+{right}"]
    return prefix


def _is_open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)


def _right_to_pass() -> str:
    """The weaker of two capabilities that is granted here: containers often have only the stronger."""
    bounding = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapBnd"))
    return "dac_read_search" if int(bounding.split()[1], 16) & 1 << 2 else "dac_override"
