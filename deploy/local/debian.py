"""Programs that are Debian packages and no Python or Java: which are missing here, and how they are had.

Only tests and the local system use them; no site needs one. `python -m deploy.local.debian` installs what is missing
where that is allowed (root, apt-get, no EMBASSY_APT=0), and otherwise says what to do.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.jars import exclusive, locks_folder
from deploy.local.machine import is_root

INSTALL_SECONDS_MAX = 600
_DETAIL_CHARACTERS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package, and the programs of it that are used."""

    name: str
    programs: tuple[str, ...]
    purpose: str

    @property
    def is_there(self) -> bool:
        """True when all its programs are found."""
        return all(shutil.which(program) for program in self.programs)


CHROMIUM = Package(name="chromium", programs=("chromium",), purpose="browser tests of the status page")
PROMETHEUS = Package(
    name="prometheus", programs=("prometheus", "promtool"), purpose="tests of alerts and dashboards, local monitoring"
)
ALERTMANAGER = Package(
    name="prometheus-alertmanager",
    programs=("prometheus-alertmanager", "amtool"),
    purpose="tests of who hears of an alert, local monitoring",
)
MONITORING = (PROMETHEUS, ALERTMANAGER)
PACKAGES = (CHROMIUM, *MONITORING)


def missing(packages: Sequence[Package] = PACKAGES) -> list[Package]:
    """Those that are not here."""
    return [package for package in packages if not package.is_there]


def how(packages: Sequence[Package]) -> str:
    """The command that installs them."""
    return "apt-get install -y --no-install-recommends " + " ".join(package.name for package in packages)


def may_install() -> bool:
    """True as root on a machine with apt, unless EMBASSY_APT=0 forbids it."""
    return is_root() and shutil.which("apt-get") is not None and os.environ.get("EMBASSY_APT") != "0"


def ensure(packages: Sequence[Package] = PACKAGES, *, say: Callable[[str], None]) -> list[Package]:
    """Install what is missing where that is allowed; returns what is missing then, and says how to get it."""
    if missing(packages) and may_install():
        with exclusive(locks_folder() / "debian.lock"):
            wanted = missing(packages)
            if wanted:
                say("installing " + ", ".join(package.name for package in wanted))
                _install(wanted, say)
    left = missing(packages)
    for package in left:
        say(f"left out: {package.purpose}; they need: {how([package])}")
    return left


def _install(packages: Sequence[Package], say: Callable[[str], None]) -> None:
    """Once with the lists that are there, once with new ones."""
    for commands in ([how(packages)], ["apt-get update", how(packages)]):
        failed = next((text for command in commands if (text := _run(command)) is not None), None)
        if failed is None:
            return
    say(f"apt-get failed: {failed}")


def _run(command: str) -> str | None:
    """None when it went well, otherwise the end of what it said."""
    environment = dict(os.environ) | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command.split(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False, env=environment, cwd=Path("/"), timeout=INSTALL_SECONDS_MAX,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"no end after {INSTALL_SECONDS_MAX} s"
    return None if done.returncode == 0 else done.stdout.strip()[-_DETAIL_CHARACTERS:]


def main() -> None:
    """For `make setup`: never fails, as everything but some tests goes without."""
    ensure(say=lambda line: print(f"setup: {line}", file=sys.stderr))


if __name__ == "__main__":
    main()
