"""The reference registers that `local up` brings along: their databases, filled, then put under replication."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import psycopg
from psycopg import sql

from deploy.local.machine import LocalError
from deploy.local.system import LocalSystem
from deploy.registers import pgbench
from deploy.registers.catalogue import REGISTERS

NAMES = ("population", "pgbench")
"""Those that come without being asked for."""
KNOWN = (*REGISTERS, "pgbench")
AT_ONCE: Final = 4
"""Registers that come under replication side by side: much of it is waiting for each other's processes."""
SEED = 1
_PGBENCH_TIER = 3


def add_references(system: LocalSystem, scales: Mapping[str, float | None]) -> None:
    """Make, fill and replicate several reference registers, side by side."""
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        list(pool.map(lambda name: add_reference(system, name, scales[name]), scales))


def add_reference(system: LocalSystem, name: str, scale: float | None = None) -> None:
    """Make and fill a reference register unless it is there, and replicate it. Harmless when it is replicated."""
    fill_reference(system, name, scale)
    replicate_reference(system, name)


def replicate_reference(system: LocalSystem, name: str) -> None:
    """Replicate a reference register that is filled; it may be in use meanwhile."""
    if name in REGISTERS:
        reference = REGISTERS[name]
        system.add_register(name, tier=reference.tier, terms=reference.contract.read_text(encoding="utf-8"))
    else:
        system.add_register(name, tier=_PGBENCH_TIER)


def fill_reference(system: LocalSystem, name: str, scale: float | None = None) -> None:
    """Make and fill a reference register's database unless it is replicated already.

    `scale`: of pgbench whole numbers, 100,000 accounts each; without one a size that suits a demo.
    """
    if name not in KNOWN:
        raise LocalError(f"no reference register {name} (known: {', '.join(KNOWN)})", remedy="choose one of them")
    if name in system.env()["registers"]:
        return
    dsn = system.database_dsn(name)
    with psycopg.connect(system.env()["home_postgres"], autocommit=True) as connection:
        database = sql.Identifier(name)
        # Left over from a start that was interrupted: filling is one piece.
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(database))
    system.say(f"{name}: generating")
    if name in REGISTERS:
        reference = REGISTERS[name]
        with psycopg.connect(dsn) as connection:
            reference.generate(connection, scale=scale or reference.demo_scale, seed=SEED)
    else:
        pgbench.initialise(dsn, scale=int(scale or 1))
