"""The supervisor of one local system: its configuration, its start, and its XML-RPC interface on a private socket.

This module alone knows the supervisor package.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from deploy.local.machine import LocalError, is_root, wait_until, write_private

LOG_BYTES_MAX = "10MB"
LOG_FILES_MAX = 3
DAEMON_SECONDS_MAX = 30
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "JAVA_HOME", "COVERAGE_PROCESS_START")
_GONE = (OSError, HTTPException)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One process to keep. `signal` asks it to end; after `stop_seconds` it is killed with its group."""

    name: str
    command: Sequence[str]
    signal: str = "TERM"
    stop_seconds: int = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessState:
    """What the supervisor knows of a process."""

    name: str
    state: str
    pid: int | None
    uptime_seconds: int

    @property
    def is_running(self) -> bool:
        """True when the process lives."""
        return self.state == "RUNNING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervisor:
    """The supervisor of one local system."""

    run: Path
    logs: Path
    socket: Path
    marker: Mapping[str, str]

    def write_config(self, programs: Sequence[Program]) -> None:
        """Write the supervisor's configuration."""
        write_private(self._config, self._common() + "".join(self._section(program) for program in programs))

    def start(self) -> None:
        """Start the supervisor, or let the running one know of programs that are new; it starts none by itself."""
        if self.is_running():
            (added, _, _) = self._call("reloadConfig")[0]
            for name in added:
                self._call("addProcessGroup", name)
            return
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        done = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            env=environment | {"TZ": "UTC"} | dict(self.marker), cwd="/", timeout=DAEMON_SECONDS_MAX,
        )  # fmt: skip
        if done.returncode != 0:
            raise LocalError(f"the supervisor did not start:\n{done.stdout[-2000:]}", remedy="embassy local down")
        wait_until(self.is_running, seconds=DAEMON_SECONDS_MAX, what="the supervisor answers")

    def is_running(self) -> bool:
        """True when the supervisor answers."""
        try:
            return bool(self._call("getState")["statename"] == "RUNNING")
        except _GONE:
            return False

    def pid(self) -> int | None:
        """The supervisor's own process id."""
        try:
            return int(self._call("getPID"))
        except _GONE:
            return None

    def states(self) -> dict[str, ProcessState]:
        """State of every process; empty when the supervisor does not run."""
        try:
            answers = self._call("getAllProcessInfo")
        except _GONE:
            return {}
        return {
            each["name"]: ProcessState(
                name=each["name"],
                state=each["statename"],
                pid=each["pid"] or None,
                uptime_seconds=max(0, each["now"] - each["start"]) if each["pid"] else 0,
            )
            for each in answers
        }

    def start_process(self, name: str) -> None:
        """Start a process unless it runs or is about to; does not wait."""
        self._tolerant("startProcess", "ALREADY_STARTED", name, False)

    def stop_process(self, name: str) -> None:
        """Ask a process to stop; it stays stopped until it is started. Does not wait."""
        self._tolerant("stopProcess", "NOT_RUNNING", name, False)

    def signal_process(self, name: str, signal: int) -> None:
        """Send a signal to a process, and nothing else: if it ends, the supervisor starts it again."""
        state = self.states().get(name)
        if state is None or state.pid is None:
            raise LocalError(f"{name} does not run", remedy="embassy local up")
        os.kill(state.pid, signal)

    def shutdown(self, *, seconds: float) -> None:
        """End the supervisor, with what still runs."""
        try:
            pid = self.pid()
            self._call("shutdown")
        except _GONE:
            return
        except Fault:
            pid = self.pid()
        wait_until(lambda: pid is None or not _exists(pid), seconds=seconds, what="the supervisor ended")

    @property
    def _config(self) -> Path:
        return self.run / "supervisor.conf"

    def _call(self, method: str, *arguments: str | bool) -> Any:
        transport = SupervisorTransport(None, None, serverurl=f"unix://{self.socket}")
        with contextlib.closing(transport):
            return getattr(ServerProxy("http://localhost", transport=transport).supervisor, method)(*arguments)

    def _tolerant(self, method: str, harmless: str, *arguments: str | bool) -> None:
        try:
            self._call(method, *arguments)
        except Fault as fault:
            if harmless not in fault.faultString:
                raise LocalError(f"{method} {arguments[0]}: {fault.faultString}", remedy="embassy local up") from fault
        except _GONE as error:
            raise LocalError("the local system does not run", remedy="embassy local up") from error

    def _common(self) -> str:
        user = "user=root\n" if is_root() else ""
        return (
            "; Written by `embassy local up`.\n"
            f"[unix_http_server]\nfile={_text(self.socket)}\nchmod=0600\n"
            "[supervisord]\n"
            f"logfile={_text(self.logs / 'supervisor.log')}\nlogfile_maxbytes={LOG_BYTES_MAX}\n"
            f"logfile_backups={LOG_FILES_MAX}\npidfile={_text(self.run / 'supervisor.pid')}\n"
            f"childlogdir={_text(self.logs)}\nnodaemon=false\nminfds=1024\nminprocs=64\numask=077\n{user}"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        )

    def _section(self, program: Program) -> str:
        return (
            f"[program:{program.name}]\n"
            f"command={' '.join(_quoted(word) for word in program.command)}\n"
            f"directory={_text(self.run)}\n"
            "autostart=false\nautorestart=true\nstartsecs=1\nstartretries=1000000\n"
            f"stopsignal={program.signal}\nstopwaitsecs={program.stop_seconds}\nstopasgroup=true\nkillasgroup=true\n"
            f"redirect_stderr=true\nstdout_logfile={_text(self.logs / program.name)}.log\n"
            f"stdout_logfile_maxbytes={LOG_BYTES_MAX}\nstdout_logfile_backups={LOG_FILES_MAX}\n"
        )


def _text(path: Path) -> str:
    return str(path).replace("%", "%%")


def _quoted(word: str) -> str:
    """One word of a command line as supervisor splits it."""
    if '"' in word or "\n" in word:
        raise LocalError(f"{word!r} cannot stand in a command line", remedy="choose another folder")
    return '"' + word.replace("\\", "\\\\").replace("%", "%%") + '"'


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return not stat.parent.parent.exists()
