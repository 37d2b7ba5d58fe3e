"""Large things through the whole system: registers made for it, what processes hold at most, how long it takes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import psycopg
from psycopg import sql

from deploy.local.system import LocalSystem
from tests.support.scenario import Registers

RECEIVE_MB_MAX: Final = 400
FORWARD_MB_MAX: Final = 250
IMAGE: Final = "(SELECT string_agg(decode(md5(g::text || '{salt}'), 'hex'), '') FROM generate_series(1, {size} / 16) g)"
"""SQL: bytes that cannot be compressed."""
LETTER: Final = "(SELECT string_agg(md5(g::text || '{salt}'), '') FROM generate_series(1, {size} / 32) g)"
WAIT_SECONDS_MAX: Final = 900.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a process used between two looks."""

    peak_mb: int
    """Most resident memory, as the kernel kept count (VmHWM): every page it had, shared ones included."""
    cpu_seconds: float
    threads: int


@dataclass
class Meter:
    """Watches processes of a system; they must not be restarted meanwhile."""

    system: LocalSystem
    names: Sequence[str] = ("forward", "receive")
    _pids: dict[str, int] = field(default_factory=dict)
    _cpu: dict[str, float] = field(default_factory=dict)

    def start(self) -> Self:
        """Forget the peaks so far."""
        self._pids = self._now()
        for name, pid in self._pids.items():
            Path(f"/proc/{pid}/clear_refs").write_text("5")
            self._cpu[name] = _cpu_seconds(pid)
        return self

    def stop(self) -> dict[str, Use]:
        """What each used since the start."""
        now = self._now()
        assert now == self._pids, f"started anew: {now} instead of {self._pids}"
        return {
            name: Use(
                peak_mb=_status(pid, "VmHWM") // 1024,
                cpu_seconds=round(_cpu_seconds(pid) - self._cpu[name], 2),
                threads=_status(pid, "Threads"),
            )
            for name, pid in self._pids.items()
        }

    def _now(self) -> dict[str, int]:
        return {line.name: line.pid for line in self.system.status() if line.name in self.names and line.pid}


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def make_register(system: LocalSystem, name: str, *statements: str) -> Registers:
    """A register in a database of its own, made by these statements, streaming into its standby."""
    with psycopg.connect(system.env()["home_postgres"], autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with psycopg.connect(system.database_dsn(name)) as connection:
        for statement in statements:
            connection.execute(statement.encode())
    system.add_register(name)
    registers = Registers(system, (name,))
    registers.wait_level()
    return registers


def run(registers: Registers, name: str, *statements: str) -> float:
    """Run each statement in a transaction of its own at home; returns seconds."""
    began = time.monotonic()
    with psycopg.connect(registers.home_dsn(name), autocommit=True) as home:
        for statement in statements:
            home.execute(statement.encode())
    return time.monotonic() - began


@contextmanager
def measured(system: LocalSystem, found: dict[str, Use], *names: str) -> Iterator[None]:
    """Fills `found` with what the processes used while the body ran."""
    meter = Meter(system, names or ("forward", "receive")).start()
    yield
    found |= meter.stop()


def assert_small(found: dict[str, Use]) -> None:
    """The promised bounds."""
    assert found["receive"].peak_mb < RECEIVE_MB_MAX, found
    assert found["forward"].peak_mb < FORWARD_MB_MAX, found


def shown(use: dict[str, Use]) -> dict[str, Any]:
    """As it is printed."""
    return {name: asdict(one) for name, one in use.items()}


def arrive(registers: Registers, *, seconds: float = WAIT_SECONDS_MAX) -> float:
    """Seconds until what was written before arrives, for which much may be written."""
    return registers.wait_arrived(seconds=seconds)
