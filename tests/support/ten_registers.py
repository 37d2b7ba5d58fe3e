"""All registers of the catalogue on one system: under replication, at work, audited, verified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Final

from deploy.local.references import add_references
from deploy.local.system import LocalSystem
from deploy.registers.catalogue import REGISTERS
from deploy.registers.workload import Workload
from tests.support.asking import ask
from tests.support.scenario import Registers

NAMES: Final = tuple(REGISTERS)
_AT_ONCE: Final = 3


def onboard(system: LocalSystem, scales: Mapping[str, float | None]) -> Registers:
    """The catalogue's registers of these scales under replication, level. One that is there keeps its size."""
    add_references(system, scales)
    registers = Registers(system, tuple(scales))
    registers.wait_level()
    return registers


@contextmanager
def at_work(
    registers: Registers, *, seed: int, rates: Mapping[str, float], writers: int = 2
) -> Iterator[dict[str, Workload]]:
    """People at work in all of them while the body runs."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                REGISTERS[name].workload(
                    registers.system.database_dsn(name), seed=seed, writers=writers, rate=rates[name]
                )
            )
            for name in registers.names
        }


def verify(registers: Registers) -> dict[str, int]:
    """Every register is equal by `embassy register verify` and by comparing all rows, whose numbers are returned."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        verified = dict(
            zip(
                registers.names,
                pool.map(lambda name: ask(registers, "register", "verify", name), registers.names),
                strict=True,
            )
        )
        compared = dict(zip(registers.names, pool.map(registers.compare, registers.names), strict=True))
    assert {name: (code, report["equal"]) for name, (code, report) in verified.items()} == dict.fromkeys(
        registers.names, (0, True)
    ), verified
    differences = [line for one in compared.values() for line in one.differences]
    assert differences == []
    return {name: one.rows for name, one in compared.items()}
