"""An archive of the classes that a broker loads, so that every later JVM starts in half the time. Made once.

It is only about speed: whatever goes wrong here is said and then ignored, as the JVM ignores an archive that is not of
its own version.
"""

import contextlib
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from deploy.local.broker import Broker, Listener, start_command, write_config
from deploy.local.jars import JarPaths, exclusive, jars, locks_folder, silent
from deploy.local.machine import LocalError, accepts, free_ports, wait_until

RUN_SECONDS_MAX = 60


def warm_jars(progress: Callable[[str], None] = silent) -> JarPaths:
    """Return the jars together with their archive of classes, making first what is missing."""
    paths = jars(progress)
    with exclusive(locks_folder() / "archive.lock"):
        if not paths.archive.exists():
            progress("archiving Java classes for quicker starts (once per checkout)")
            with contextlib.suppress(LocalError, OSError, subprocess.SubprocessError):
                _make(paths)
    return paths


def _make(paths: JarPaths) -> None:
    """Run a broker in a folder of its own until it listens, and let the JVM write the archive as it ends."""
    with tempfile.TemporaryDirectory(prefix="embassy-warm-") as name:
        folder = Path(name)
        port, controller = free_ports(2)
        listener = Listener(name="PLAIN", protocol="PLAINTEXT", port=port)
        broker = Broker(folder=folder, controller_port=controller, listeners=(listener,), heap_mb=256)
        write_config(broker, paths)
        java, *rest = start_command(broker, paths)
        fresh = folder / "classes.jsa"
        command = [java, f"-XX:ArchiveClassesAtExit={fresh}", *rest]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
        try:
            wait_until(lambda: accepts(port), seconds=RUN_SECONDS_MAX, what="the broker listens")
            process.send_signal(signal.SIGTERM)
            process.wait(RUN_SECONDS_MAX)
        finally:
            process.kill()
            process.wait()
        part = paths.archive.with_suffix(".part")
        part.write_bytes(fresh.read_bytes())
        part.replace(paths.archive)
