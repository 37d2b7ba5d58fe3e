"""The whole system on one machine: start, stop, look, break. `LocalSystem` is what the command line and tests use."""

import datetime as dt
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TypedDict

from deploy.local import broker, leftovers, monitoring, postgres, registers, services, sites
from deploy.local.exporter import fetch_agent
from deploy.local.jars import JarPaths, exclusive, jar_paths, locks_folder, silent
from deploy.local.layout import Layout, default_folder, load_layout, make_layout, remove
from deploy.local.link import LinkControl
from deploy.local.machine import LOOPBACK, LocalError, wait_until
from deploy.local.processes import (
    CONNECT,
    PASSAGES,
    PROCESSES,
    ROLES,
    SERVICES,
    Process,
    extras,
    listening,
    of_site,
    page_address,
    processes,
)
from deploy.local.services import Heaps
from deploy.local.standbys import grant_link, prepare_standby_server
from deploy.local.supervise import ProcessState, Supervisor
from deploy.local.trust import ensure_keys
from deploy.local.warm import warm_jars

START_SECONDS_MAX = 300
STOP_SECONDS_MAX = 60


class RegisterAddresses(TypedDict):
    """Superuser connection URIs of a register and its standby."""

    home_dsn: str
    standby_dsn: str


class Environment(TypedDict):
    """Addresses of a local system, for people with psql, for scripts, for tests."""

    registers: dict[str, RegisterAddresses]
    home_postgres: str
    embassy_postgres: str
    home_kafka: str
    embassy_kafka: str
    connect_url: str
    home_site: str
    embassy_site: str
    home_page: str
    embassy_page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStatus:
    """One line of `local status`."""

    name: str
    state: str
    pid: int | None
    uptime_seconds: int
    memory_mb: int | None
    port: int


class LocalSystem:
    """One local system in a folder. Two objects of one folder are the same system."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        heaps: Heaps | None = None,
        progress: Callable[[str], None] = silent,
        is_apart: bool = False,
    ) -> None:
        self.folder = (folder or default_folder()).absolute()
        self._heaps = heaps or Heaps()
        self._is_apart = is_apart
        self.say = progress
        self._made: tuple[Layout, dict[str, Process]] | None = None
        self._preparing = Lock()  # The DBA's script is about roles that all registers share.

    # -- start and stop ---------------------------------------------------------------------------------------------

    def up(self, *, has_roles: bool = True, has_monitoring: bool = False, has_pages: bool = False) -> None:
        """Start everything that does not run, in order, and wait until all of it is ready.

        `has_roles=False` leaves out our own processes; `has_monitoring` brings each site's Prometheus and Alertmanager,
        `has_pages` its status page, then and at every later start. Raises LocalError at a deadline; what runs goes on
        running.
        """
        with self._exclusive():
            if has_monitoring:
                monitoring.require()
            layout = make_layout(
                self.folder, is_apart=self._is_apart, has_monitoring=has_monitoring, has_pages=has_pages
            )
            wanted = PROCESSES if has_roles else (*SERVICES, CONNECT)
            sites.write_sites(layout, now=dt.datetime.now(dt.UTC))
            ensure_keys(layout)
            paths = warm_jars(self.say)
            self._prepare(layout, paths)
            self._supervisor.write_config([process.program for process in self._processes.values()])
            self._supervisor.start()
            if layout.is_apart:
                self._start([PASSAGES])
            self._start(SERVICES)
            prepare_standby_server(layout)
            grant_link(layout)
            self._start(name for name in wanted if name not in SERVICES)
            if extras(layout):
                self._start(extras(layout))

    def down(self, *, keep_data: bool = False) -> None:
        """Stop everything; without `keep_data` the folder goes as well. Harmless when nothing runs."""
        with self._exclusive():
            layout = load_layout(self.folder)
            if layout is None:
                return
            self.say("stopping" if keep_data else "stopping and removing everything")
            if keep_data and self._supervisor.is_running():
                self._stop_gently()
            leftovers.end(self.folder)
            if not keep_data:
                remove(self.folder)

    def _prepare(self, layout: Layout, paths: JarPaths) -> None:
        """Make clusters, brokers' storage and the plugin folder, side by side."""
        self.say("preparing both sites")
        if layout.has_monitoring:
            fetch_agent(self.say)
            monitoring.write(layout)
        servers = (services.home_postgres(layout), services.embassy_postgres(layout))
        brokers = (services.home_broker(layout, self._heaps), services.embassy_broker(layout, self._heaps))
        with ThreadPoolExecutor(max_workers=5) as pool:
            tasks = [pool.submit(postgres.make_cluster, server) for server in servers]
            tasks += [pool.submit(broker.write_config, each, paths) for each in brokers]
            tasks.append(pool.submit(services.write_connect, layout, paths, self.say))
            for task in tasks:
                task.result()

    def _start(self, names: Iterable[str]) -> None:
        wanted = list(names)
        self.say("starting " + ", ".join(wanted))
        for name in wanted:
            self._supervisor.start_process(name)
        self.wait_running(*wanted)

    def _stop_gently(self) -> None:
        """Writers before what they write to."""
        for wave in (extras(self.layout), ROLES, (CONNECT, "link"), SERVICES):
            self.stop(*wave)
        self._supervisor.shutdown(seconds=STOP_SECONDS_MAX)

    # -- registers --------------------------------------------------------------------------------------------------

    def add_register(self, name: str, *, database: str | None = None, tier: int = 1, terms: str = "") -> None:
        """Bring an existing database of home's server under replication: contracts, DBA's part, snapshot, capture.

        `terms`: a contract's text, which may lack lane, tier and source. Adding a register again is harmless, and
        several may be added at once. Raises LocalError with the failed command's last lines.
        """
        done = self.layout.operator / f"{name}.added"
        if done.exists():
            return
        with self._preparing:
            sites.write_contracts(self.layout, name=name, database=database or name, tier=tier, terms=terms)
            self.say(f"{name}: preparing the database")
            registers.prepare(self.layout, name)
        self.say(f"{name}: snapshot, then capture")
        registers.command(self.layout, "home", "register", "snapshot", name)
        done.touch()

    # -- single processes -------------------------------------------------------------------------------------------

    def kill(self, name: str, with_signal: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a process. After SIGKILL returns when it is gone; the supervisor brings it back."""
        pid = self._state(name).pid
        self._supervisor.signal_process(name, with_signal)
        if with_signal == signal.SIGKILL and pid is not None:
            # Until the supervisor knows: before, it would call the dead process running.
            wait_until(lambda: self._state(name).pid != pid, seconds=STOP_SECONDS_MAX, what=f"{name} is gone")

    def stop(self, *names: str) -> None:
        """Stop processes, side by side; they stay stopped."""
        known = [self._known(name) for name in names]
        wait_until(lambda: self._are_stopped(known), seconds=STOP_SECONDS_MAX, what=f"{', '.join(known)} stopped")

    def start(self, name: str) -> None:
        """Start a stopped process and wait until it is ready."""
        self._supervisor.start_process(self._known(name))
        self.wait_running(name)

    def restart(self, *names: str) -> None:
        """Stop and start processes, side by side, and wait until they are ready."""
        self.stop(*names)
        for name in names:
            self._supervisor.start_process(name)
        self.wait_running(*names)

    def wait_running(self, *names: str, seconds: float = START_SECONDS_MAX) -> None:
        """Return when these processes (all, without names) run and are ready; raises LocalError at the deadline."""
        missing = list(names or self._processes)
        deadline = time.monotonic() + seconds

        def is_done() -> bool:
            states = self._supervisor.states()
            missing[:] = [name for name in missing if not self._is_usable(name, states.get(name))]
            return not missing

        try:
            wait_until(is_done, seconds=deadline - time.monotonic(), what="processes are ready")
        except LocalError as error:
            raise LocalError(
                f"not ready after {seconds:g} s: {', '.join(missing)}", remedy=f"embassy local logs {missing[0]}"
            ) from error

    def destroy_site(self, name: str) -> None:
        """Stop all of a site's processes and delete all its folders, as if the country were gone."""
        self.stop(*of_site(name, self.layout))
        shutil.rmtree(self.layout.site(name))

    # -- looking ----------------------------------------------------------------------------------------------------

    def status(self) -> list[ProcessStatus]:
        """Every process, whether it runs or not; raises LocalError when there is no system in the folder."""
        ports = listening(self.layout)
        states = self._supervisor.states()
        lines = []
        for name, port in ports.items():
            state = states.get(name) or ProcessState(name=name, state="STOPPED", pid=None, uptime_seconds=0)
            lines.append(
                ProcessStatus(
                    name=name, state=state.state.lower(), pid=state.pid, uptime_seconds=state.uptime_seconds,
                    memory_mb=leftovers.memory_mb(state.pid) if state.pid else None, port=port,
                )
            )  # fmt: skip
        return lines

    def is_up(self) -> bool:
        """True when a supervisor runs for this folder."""
        return load_layout(self.folder) is not None and self._supervisor.is_running()

    def env(self) -> Environment:
        """Addresses of everything, with superuser passwords."""
        layout = self.layout
        home, embassy = services.home_postgres(layout), services.embassy_postgres(layout)
        ports = layout.ports
        return Environment(
            registers={
                name: RegisterAddresses(home_dsn=home.dsn(database), standby_dsn=embassy.dsn(name))
                for name, database in registers.databases(layout).items()
            },
            home_postgres=home.dsn(),
            embassy_postgres=embassy.dsn(),
            home_kafka=f"{LOOPBACK}:{ports.home_kafka}",
            embassy_kafka=f"{LOOPBACK}:{ports.embassy_kafka}",
            connect_url=f"http://{LOOPBACK}:{ports.connect}",
            home_site=str(layout.site("home")),
            embassy_site=str(layout.site("embassy")),
            home_page=page_address(layout, "home"),
            embassy_page=page_address(layout, "embassy"),
        )

    def database_dsn(self, database: str) -> str:
        """Superuser's connection URI of any database at home."""
        return services.home_postgres(self.layout).dsn(database)

    @property
    def layout(self) -> Layout:
        """Folder and ports; raises LocalError when there is no system in the folder."""
        layout = load_layout(self.folder)
        if layout is None:
            raise LocalError(f"no local system in {self.folder}", remedy="embassy local up")
        return layout

    @property
    def link(self) -> LinkControl:
        """The long link's switch."""
        return LinkControl(self.layout.socket("link"))

    def log_file(self, name: str) -> Path:
        """A process's log."""
        if name != "supervisor":
            self._known(name)
        return self.layout.logs / f"{name}.log"

    @property
    def _supervisor(self) -> Supervisor:
        layout = self.layout
        return Supervisor(
            run=layout.run, logs=layout.logs, socket=layout.socket("supervisor"),
            marker={leftovers.MARKER: str(self.folder)},
        )  # fmt: skip

    @property
    def _processes(self) -> dict[str, Process]:
        """Made anew where another object of this folder has brought more of them."""
        layout = self.layout
        if self._made is None or self._made[0] != layout:
            self._made = layout, processes(layout, jar_paths(), self._heaps)
        return self._made[1]

    def _is_usable(self, name: str, state: ProcessState | None) -> bool:
        return state is not None and state.is_running and self._processes[self._known(name)].is_ready()

    def _are_stopped(self, names: Iterable[str]) -> bool:
        """Asks again where needed: a process that ends by itself at that moment would be started again."""
        states = [self._state(name) for name in names]
        for state in states:
            if state.state in ("RUNNING", "STARTING", "BACKOFF"):
                self._supervisor.stop_process(state.name)
        return all(state.state == "STOPPED" for state in states)

    def _state(self, name: str) -> ProcessState:
        known = self._supervisor.states()
        if name not in known:
            raise LocalError(f"no process {name} (known: {', '.join(PROCESSES)})", remedy="embassy local status")
        return known[name]

    def _known(self, name: str) -> str:
        if name not in self._processes:
            raise LocalError(f"no process {name} (known: {', '.join(PROCESSES)})", remedy="embassy local status")
        return name

    def _exclusive(self) -> AbstractContextManager[None]:
        mark = sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return exclusive(locks_folder() / f"{mark}.lock")
