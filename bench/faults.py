"""The faults of the campaign, each by one function: it returns once the fault is over, not once the system is well.

A fault that has a length takes it from the campaign's random generator, so that a seed gives the same schedule.
"""

from __future__ import annotations

import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Final, LiteralString

import psycopg
from psycopg import sql

from deploy.local.apart import enter_command
from deploy.local.processes import CONNECT, ROLES, SERVICES, SITE_OF_ROLE, embassy_script
from deploy.local.sites import STANDBY_ROLE
from deploy.local.system import LocalSystem
from tests.support.forwarding import running
from tests.support.scenario import POPULATION, Registers, wait_for

EVERYTHING: Final = (*SERVICES, CONNECT, *ROLES)
FREEZABLE: Final = ("forward", "receive", CONNECT, "home-kafka", "embassy-kafka")
FORWARD_POINTS: Final = ("before_produce", "after_produce", "before_ack", "after_ack")
RECEIVE_POINTS: Final = (
    "before_open", "after_open", "before_apply", "before_copy", "after_copy", "before_merge", "after_merge",
    "after_apply", "before_commit", "after_commit", "before_receipt", "after_receipt",
)  # fmt: skip
POINT_SECONDS_MAX: Final = 240.0
SLOW_MS: Final = 300.0
NARROW_KBIT: Final = 1000.0
FLAPS: Final = 6
KILLS_IN_A_ROW: Final = 5


@dataclass(slots=True)
class Scene:
    """Where faults happen."""

    registers: Registers
    over_at: float = 0.0
    """When the last fault was over, by the clock that pulses carry."""
    killed: int = 0
    """Processes that died of SIGKILL."""
    _sites: dict[str, Path] = field(default_factory=dict)

    @property
    def system(self) -> LocalSystem:
        """The system that the faults strike."""
        return self.registers.system

    def is_over(self) -> None:
        """From now on it may recover."""
        self.over_at = time.time()

    def kill(self, *names: str) -> None:
        """Kill processes, one at once after the other."""
        for name in names:
            self.system.kill(name)
            self.killed += 1

    def is_alive(self, name: str) -> bool:
        """True while a process runs, ready or not."""
        return any(one.name == name and one.state == "running" for one in self.system.status())

    @contextmanager
    def second(self, role: str, *, group: str | None = None) -> Iterator[None]:
        """One more process of a role, of the same site, killed in the end; a forwarder may have a group of its own."""
        command = ["-m", "tests.support.forward_worker", str(self._second_site("home")), str(group)]
        if group is None:
            command = [str(embassy_script()), "--site", str(self._second_site(SITE_OF_ROLE[role])), "run", role]
        with self._run(role, command):
            yield
        self.killed += 1

    def die_at(self, role: str, point: str) -> None:
        """Let a role end at a point of its work instead of its ordinary process."""
        self.system.stop(role)
        site = str(self.system.layout.site(SITE_OF_ROLE[role]))
        with self._run(role, [str(embassy_script()), "--site", site, "run", role], point=point) as wait:
            assert wait(POINT_SECONDS_MAX) == -signal.SIGKILL, f"{role} ended before {point}"
        self.is_over()
        self.killed += 1
        self.system.start(role)

    @contextmanager
    def _run(self, role: str, command: list[str], *, point: str = "") -> Iterator[Callable[[float], int]]:
        layout = self.system.layout
        python = [sys.executable] if command[0] == "-m" else []
        whole = [*enter_command(layout, SITE_OF_ROLE[role]), *python, *command]
        if point:
            whole = ["env", f"EMBASSY_FAILPOINT={point}", *whole]
        with running(whole, layout.logs / f"{role}.second.log") as process:
            yield process.wait

    def _second_site(self, name: str) -> Path:
        """A site's folder for a second process: everything is the same, but it shows no metrics."""
        if name not in self._sites:
            first = self.system.layout.site(name)
            folder = self.system.layout.run / f"second-{name}"
            folder.mkdir(mode=0o700)
            for entry in first.iterdir():
                if entry.name != "site.toml":
                    (folder / entry.name).symlink_to(entry)
            shutil.copy2(first / "site.toml", folder / "site.toml")
            text = (first / "site.toml").read_text().partition("[metrics]")[0]
            (folder / "site.toml").write_text(text)
            self._sites[name] = folder
        return self._sites[name]

    def execute(self, dsn: str, statement: LiteralString, *arguments: object) -> list[tuple[object, ...]]:
        """What a DBA of either site does."""
        with psycopg.connect(dsn, autocommit=True) as connection:
            return connection.execute(statement, arguments).fetchall()


Strike = Callable[[Scene, Random], None]


def _length(rng: Random) -> float:
    """Seconds that a fault lasts."""
    return rng.choices((1.0, 3.0, 8.0, 20.0, 60.0), (30, 36, 24, 8, 2))[0]


def _kill(name: str, scene: Scene, _rng: Random) -> None:
    scene.kill(name)


def _point(role: str, point: str, scene: Scene, rng: Random) -> None:
    scene.die_at(role, f"{point}:{rng.randint(1, 6)}")


def _together(scene: Scene, rng: Random) -> None:
    scene.kill(*rng.sample(EVERYTHING, rng.randint(2, 5)))


def _everything(scene: Scene, rng: Random) -> None:
    scene.kill(*rng.sample(EVERYTHING, len(EVERYTHING)))


def _again(scene: Scene, rng: Random) -> None:
    """The same process dies again, now and then before it is ready."""
    name = rng.choice(ROLES)
    for _ in range(KILLS_IN_A_ROW):
        scene.kill(name)
        if rng.random() < 0.7:
            scene.system.wait_running(name)
        else:
            wait_for(lambda: scene.is_alive(name), f"{name} lives")


def _restart(scene: Scene, rng: Random) -> None:
    scene.system.restart(rng.choice(EVERYTHING))


@contextmanager
def _still(scene: Scene, name: str) -> Iterator[None]:
    """A process stands still meanwhile."""
    scene.system.kill(name, signal.SIGSTOP)
    try:
        yield
    finally:
        scene.system.kill(name, signal.SIGCONT)


def _freeze(name: str, scene: Scene, rng: Random) -> None:
    with _still(scene, name):
        time.sleep(_length(rng))  # The fault itself has a length.


def _cut(scene: Scene, rng: Random, *, is_silent: bool = False, seconds: float | None = None) -> None:
    scene.system.link.cut(is_silent=is_silent)
    try:
        time.sleep(_length(rng) if seconds is None else seconds)
    finally:
        scene.system.link.mend()


def _flap(scene: Scene, rng: Random) -> None:
    for _ in range(FLAPS):
        _cut(scene, rng, is_silent=rng.random() < 0.5, seconds=rng.uniform(0.1, 1.5))
        time.sleep(rng.uniform(0.1, 1.0))


def _slow(scene: Scene, rng: Random) -> None:
    scene.system.link.delay(SLOW_MS)
    try:
        time.sleep(_length(rng))
        _cut(scene, rng, seconds=0.0)  # What is on the way is lost.
    finally:
        scene.system.link.delay(0)


def _narrow(scene: Scene, rng: Random) -> None:
    scene.system.link.rate(NARROW_KBIT)
    try:
        time.sleep(_length(rng))
        _cut(scene, rng, seconds=0.0)  # In the middle of an envelope.
    finally:
        scene.system.link.rate(0)


def _end_capture_session(scene: Scene, _rng: Random) -> None:
    scene.execute(
        scene.system.env()["home_postgres"],
        "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active AND NOT temporary",
    )


def _end_receiver_sessions(scene: Scene, _rng: Random) -> None:
    scene.execute(
        scene.system.env()["embassy_postgres"],
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s",
        STANDBY_ROLE,
    )


def _lock_standby(scene: Scene, rng: Random) -> None:
    """Somebody at the embassy holds locks on tables that are written to."""
    tables = [sql.Identifier("population", name) for name in ("person", "address", "residence")]
    with psycopg.connect(scene.registers.standby_dsn(POPULATION)) as connection:
        connection.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(sql.SQL(", ").join(tables)))
        time.sleep(_length(rng))


def _two_forwarders(scene: Scene, rng: Random) -> None:
    """Both forward both registers, each in a group of its own."""
    with scene.second("forward", group="second"):
        scene.registers.wait_arrived()
        time.sleep(_length(rng))
        scene.kill("forward")


def _standby_forwarder(scene: Scene, rng: Random) -> None:
    """A second worker of the same group comes, takes its share, and dies."""
    with scene.second("forward"):
        time.sleep(5 + _length(rng))
        scene.registers.wait_arrived()


def _zombie_forwarder(scene: Scene, rng: Random) -> None:
    """The first one stands still until the second has taken over, then goes on."""
    with scene.second("forward"):
        time.sleep(5)
        with _still(scene, "forward"):
            scene.registers.wait_arrived()
        time.sleep(_length(rng))


def _two_receivers(scene: Scene, rng: Random) -> None:
    """The second one waits for the lock, and has it once the first one is dead."""
    with scene.second("receive"):
        time.sleep(5 + _length(rng))
        scene.kill("receive")
        scene.registers.wait_arrived()


def _zombie_receiver(scene: Scene, rng: Random) -> None:
    """The first one stands still and loses its sessions; the second one takes over; then the first one goes on."""
    with scene.second("receive"):
        time.sleep(5)
        with _still(scene, "receive"):
            _end_receiver_sessions(scene, rng)
            scene.registers.wait_arrived()
        time.sleep(_length(rng))


def _kinds() -> dict[str, tuple[int, Strike]]:
    found: dict[str, tuple[int, Strike]] = {f"kill -9 {name}": (1, partial(_kill, name)) for name in EVERYTHING}
    for role, points in (("forward", FORWARD_POINTS), ("receive", RECEIVE_POINTS)):
        found |= {f"{role} dies at {point}": (1, partial(_point, role, point)) for point in points}
    found |= {f"{name} stands still (SIGSTOP, SIGCONT)": (1, partial(_freeze, name)) for name in FREEZABLE}
    found |= {
        "two to five processes killed at once": (12, _together),
        "all nine processes killed at once": (1, _everything),
        "one process killed five times in a row": (3, _again),
        "one process stopped and started in order": (1, _restart),
        "link: every connection reset": (1, partial(_cut, seconds=0.0)),
        "link cut": (1, _cut),
        "link cut silently": (1, partial(_cut, is_silent=True)),
        "link flapping, some cuts silent": (1, _flap),
        f"link at {SLOW_MS:g} ms round trip, then reset": (1, _slow),
        f"link at {NARROW_KBIT:g} kbit/s, then reset": (1, _narrow),
        "capture's database session ended": (1, _end_capture_session),
        "receiver's database sessions ended": (1, _end_receiver_sessions),
        "locks held on a standby's tables": (1, _lock_standby),
        "two forwarders forward the same, one is killed": (1, _two_forwarders),
        "a second forwarder joins and is killed": (1, _standby_forwarder),
        "frozen forwarder goes on beside its successor": (1, _zombie_forwarder),
        "two receivers, the first is killed": (1, _two_receivers),
        "frozen receiver goes on beside its successor": (1, _zombie_receiver),
    }
    return found


KINDS: Final = _kinds()
"""By their names: how often each stands in a round, and what it does."""


def schedule(seed: int, count: int, *, only: str = "") -> list[str]:
    """The kinds of so many faults: rounds that hold every kind (or those that match `only`), in orders of their own."""
    rng, found = Random(f"schedule/{seed}"), list[str]()
    while len(found) < count:
        one = [name for name, (weight, _) in KINDS.items() if re.search(only, name) for _ in range(weight)]
        rng.shuffle(one)
        found += one
    return found[:count]


def strike(scene: Scene, kind: str, rng: Random) -> None:
    """Let it happen; `scene.over_at` says when it was over."""
    scene.over_at = 0.0
    KINDS[kind][1](scene, rng)
    if not scene.over_at:
        scene.is_over()
