"""Two registers on the whole system, written to by concurrent clients, looked at, compared: what scenarios share."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Self

import psycopg
import requests
from prometheus_client.parser import text_string_to_metric_families
from psycopg import sql

from consumers.status import RegisterStatus, embassy_status
from data_embassy.config import load_site
from deploy.local.apart import enter_command
from deploy.local.compare import Comparison, compare
from deploy.local.machine import LOOPBACK
from deploy.local.processes import ROLES, embassy_script
from deploy.local.system import LocalSystem
from deploy.registers.catalogue import REGISTERS
from deploy.registers.workload import Workload
from tests.support import odd_register
from tests.support.odd_register import MARK, OddWorkload

POPULATION: Final = "population"
ODD: Final = f"vault_{MARK}"
ODD_DATABASE: Final = f"Värav {MARK}"
SCALE: Final = 0.05
WAIT_SECONDS_MAX: Final = 300.0
"""For whatever comes by itself, on a machine that has other things to do."""
LEVEL_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.2
_IS_FAULT: Final = re.compile(r"level='(error|critical)'|^Traceback")


def wait_for(
    condition: Callable[[], bool], what: str | Callable[[], str], *, seconds: float = WAIT_SECONDS_MAX
) -> float:
    """Wait until it is so; return how long it took. Fails at the deadline, saying what is not so."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"after {seconds:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(_POLL_SECONDS)
    return time.monotonic() - began


@dataclass
class Registers:
    """The two registers of one system."""

    system: LocalSystem
    names: tuple[str, ...] = (POPULATION, ODD)
    _seed: int = 0

    @classmethod
    def make(cls, system: LocalSystem) -> Self:
        """Make both, fill them, and put them under replication while people work in them."""
        found = cls(system)
        with psycopg.connect(system.env()["home_postgres"], autocommit=True) as connection:
            for database in (POPULATION, ODD_DATABASE):
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        with psycopg.connect(system.database_dsn(POPULATION)) as connection:
            REGISTERS[POPULATION].generate(connection, scale=SCALE, seed=1)
        odd_register.create(system.database_dsn(ODD_DATABASE))
        with found.writers():
            system.add_register(POPULATION, tier=2)
            system.add_register(ODD, database=ODD_DATABASE, tier=1)
            found.wait_level()
        return found

    @contextmanager
    def writers(self, *, rate: float = 15.0) -> Iterator[Writers]:
        """People at work in both registers while the body runs."""
        self._seed += 1
        people = REGISTERS[POPULATION].workload(
            self.system.database_dsn(POPULATION), seed=self._seed, writers=2, rate=rate
        )
        with people, OddWorkload(self.system.database_dsn(ODD_DATABASE), seed=self._seed, writers=2, rate=rate) as odd:
            yield Writers(people, odd)

    def home_dsn(self, name: str) -> str:
        return self.system.env()["registers"][name]["home_dsn"]

    def standby_dsn(self, name: str) -> str:
        return self.system.env()["registers"][name]["standby_dsn"]

    def lag(self, name: str) -> float | None:
        """Embassy's clock minus the newest pulse in the standby; None when nobody can say."""
        query = "SELECT extract(epoch FROM clock_timestamp() - pulse_at) FROM embassy_local.position"
        with suppress(psycopg.Error), psycopg.connect(self.standby_dsn(name), connect_timeout=5) as connection:
            row = connection.execute(query).fetchone()
            return None if row is None or row[0] is None else float(row[0])
        return None

    def wait_arrived(self, since: float | None = None, *, seconds: float = WAIT_SECONDS_MAX) -> float:
        """Wait until what is written from now on (or from a time on) arrived in every standby; how long it took."""
        began = time.time() if since is None else since

        def has_arrived() -> bool:
            return all((lag := self.lag(name)) is not None and time.time() - lag > began for name in self.names)

        return wait_for(has_arrived, lambda: f"nothing arrives: { {name: self.lag(name) for name in self.names} }; "
                        f"{self.trouble()}", seconds=seconds)  # fmt: skip

    def wait_level(self, *names: str, lag: float = LEVEL_SECONDS) -> float:
        """Wait until these standbys (all, without names) are at most this far behind."""
        chosen = names or self.names

        def is_level() -> bool:
            return all((now := self.lag(name)) is not None and now < lag for name in chosen)

        return wait_for(is_level, lambda: f"not level: { {name: self.lag(name) for name in chosen} }; {self.trouble()}")

    def compare(self, name: str) -> Comparison:
        """The register, at rest, against its standby."""
        return compare(name, self.home_dsn(name), self.standby_dsn(name), deadline_seconds=WAIT_SECONDS_MAX)

    def assert_equal(self) -> int:
        """Both registers, at rest, equal their standbys, and nothing stopped; how many rows were compared."""
        rows = 0
        for name in self.names:
            found = self.compare(name)
            assert found.equal, found.differences
            rows += found.rows
        assert self.stops() == {}
        return rows

    def stops(self) -> dict[str, str]:
        """Registers that stand still at either site, by their cause."""
        found = {name: one.cause for name, one in self.status().items() if one.cause and one.state == "stopped"}
        for path in sorted(self.system.layout.site("home").glob("state/*/*.json")):
            content = json.loads(path.read_text())
            if content.get("cause") is not None and content.get("state") != "RUNNING":
                found[f"{path.parent.name}/{path.stem}"] = content["cause"]
        return found

    def stops_ever(self) -> list[str]:
        """Every stop and every fault of our own processes that their logs tell of, also those that are over."""
        lines = (line for role in ROLES for line in self._log(role).splitlines())
        return [line for line in lines if _IS_FAULT.search(line)]

    def _log(self, role: str) -> str:
        path = self.system.log_file(role)
        return path.read_text(errors="replace") if path.exists() else ""

    def status(self) -> dict[str, RegisterStatus]:
        """What `embassy status` says at the embassy, by register."""
        found = embassy_status(load_site(self.system.layout.site("embassy")), clock=lambda: dt.datetime.now(dt.UTC))
        return {one.register: one for one in found}

    def command(self, site: str, *arguments: str) -> str:
        """Run `embassy` at a site; its output, without what it says of its progress."""
        layout = self.system.layout
        command = [
            *enter_command(layout, site), str(embassy_script()), "--site", str(layout.site(site)), *arguments
        ]  # fmt: skip
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == 0, f"embassy {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def metrics_page(self, role: str) -> str:
        """What a process of ours shows."""
        port = getattr(self.system.layout.ports, role)
        answer = requests.get(f"http://{LOOPBACK}:{port}/metrics", timeout=20)
        answer.raise_for_status()
        return answer.text

    def metric(self, role: str, name: str, **labels: str) -> float | None:
        """One number of a page; None when it is not there."""
        for family in text_string_to_metric_families(self.metrics_page(role)):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return float(sample.value)
        return None

    def trouble(self) -> str:
        """What may explain a deadline: processes, stops, the ends of logs."""
        lines = [f"{line.name} {line.state} {line.uptime_seconds} s" for line in self.system.status()]
        with suppress(Exception):
            lines.append(str(self.status()))
        lines += [f"{role}:\n{self._log(role)[-1500:]}" for role in (*ROLES, "connect")]
        return "\n".join(lines)


@dataclass
class Writers:
    """People at work."""

    people: Workload
    odd: OddWorkload
    _before: tuple[int, int] = field(default=(0, 0))

    def done(self) -> tuple[int, int]:
        """Transactions so far, in either register."""
        return self.people.counters().transactions, sum(self.odd.done.values())

    def wait_done(self, each: int) -> None:
        """Wait until each register has seen this many more transactions."""
        goal = [count + each for count in self.done()]
        wait_for(
            lambda: all(now >= wanted for now, wanted in zip(self.done(), goal, strict=True)),
            lambda: f"writers did {self.done()} of {goal}",
        )
