"""The Java parts of the local system: fetched once by Maven into the checkout's cache folder, from the pinned pom.xml.

`jars()` is the only entry. The cache is complete or absent: Maven writes beside it, a rename puts it in place, and a
lock keeps two processes from doing it at once. It is made anew when pom.xml changes.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.machine import LocalError, checkout

POM = Path(__file__).with_name("pom.xml")
FETCH_SECONDS_MAX = 1200


@dataclass(frozen=True, slots=True, kw_only=True)
class JarPaths:
    """Where the jars are: `kafka` is a folder for the class path, `plugins` a Kafka Connect plugin path."""

    kafka: Path
    plugins: Path

    @property
    def archive(self) -> Path:
        """Archive of loaded classes beside the jars; a JVM does without while it is missing."""
        return self.kafka.parent / "classes.jsa"

    @property
    def classpath(self) -> str:
        """Class path of brokers, Connect and their tools."""
        return f"{self.kafka}/*"


def cache_folder() -> Path:
    """Folder that outlives every local system of this checkout."""
    return Path(os.environ.get("EMBASSY_JARS") or checkout() / ".embassy" / "jars")


def jar_paths() -> JarPaths:
    """Where the jars are or will be."""
    return JarPaths(kafka=cache_folder() / "kafka", plugins=cache_folder() / "plugins")


def silent(_line: str) -> None:
    """Progress that nobody reads."""


def jars(progress: Callable[[str], None] = silent) -> JarPaths:
    """Return the jars, fetching them first if they are missing. Raises LocalError when Maven fails."""
    fetched(POM, cache_folder(), "Kafka, Kafka Connect and Debezium", progress)
    return jar_paths()


def fetched(pom: Path, folder: Path, what: str, progress: Callable[[str], None] = silent) -> None:
    """Let a folder hold what a pom.xml names, fetched by Maven if it is missing. Raises LocalError."""
    wanted = hashlib.sha256(pom.read_bytes()).hexdigest()
    if _version(folder) == wanted:
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(locks_folder() / f"{folder.name}.lock"):
        if _version(folder) != wanted:
            progress(f"fetching {what} (once per checkout)")
            _fetch(pom, folder, wanted)


def capture_jar(progress: Callable[[str], None] = silent) -> Path:
    """Return the capture plugin's jar, building it first if it is missing or older than its sources."""
    module = checkout() / "connectors" / "capture"
    jar = module / "target" / "data-embassy-capture.jar"
    with exclusive(locks_folder() / "capture.lock"):
        if not jar.exists() or jar.stat().st_mtime_ns < _newest(module):
            progress("building the capture plugin")
            maven(["-DskipTests", "package"], cwd=module)
            jar.touch()
    return jar


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold an advisory lock on a file; other processes wait."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def maven(arguments: list[str], *, cwd: Path) -> None:
    """Run Maven quietly; raises LocalError with the end of its output."""
    command = ["mvn", "--batch-mode", "--quiet", "-Dstyle.color=never", *arguments]
    if shutil.which("mvn") is None:
        raise LocalError("Maven is not installed", remedy="install Maven and a JDK 17 or later")
    try:
        done = subprocess.run(
            command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=FETCH_SECONDS_MAX, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise LocalError("Maven did not end in time", remedy="check the network, then run the command again") from error
    if done.returncode != 0:
        raise LocalError(f"Maven failed:\n{done.stdout[-3000:]}", remedy="check the network, then run it again")


def locks_folder() -> Path:
    """Folder of lock files; they outlive what they guard."""
    folder = checkout() / ".embassy" / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _newest(module: Path) -> int:
    sources = [module / "pom.xml", *(path for path in (module / "src" / "main").rglob("*") if path.is_file())]
    return max(path.stat().st_mtime_ns for path in sources)


def _version(folder: Path) -> str | None:
    marker = folder / "version"
    return marker.read_text().strip() if marker.exists() else None


def _fetch(pom: Path, folder: Path, version: str) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}-") as work:
        shutil.copy(pom, work)
        maven([f"-Djars.folder={work}/jars", "package"], cwd=Path(work))
        made = Path(work) / "jars"
        (made / "version").write_text(version + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
