"""The reference registers that `local up` brings along: their databases, filled, then put under replication."""

from dataclasses import dataclass

import psycopg
from psycopg import sql

from deploy.local.machine import LocalError
from deploy.local.system import LocalSystem

NAMES = ("population", "pgbench")
SEED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Sizes: `population` 1 is about 200,000 rows, `pgbench` 1 about 100,000."""

    population: float = 1.0
    pgbench: int = 1


def add_reference(system: LocalSystem, name: str, scale: Scale | None = None) -> None:
    """Make and fill a reference register unless it is there, and replicate it. Harmless when it is replicated."""
    fill_reference(system, name, scale)
    replicate_reference(system, name)


def replicate_reference(system: LocalSystem, name: str) -> None:
    """Replicate a reference register that is filled; it may be in use meanwhile."""
    system.add_register(name, tier=1 + NAMES.index(name))


def fill_reference(system: LocalSystem, name: str, scale: Scale | None = None) -> None:
    """Make and fill a reference register's database unless it is replicated already."""
    if name not in NAMES:
        raise LocalError(f"no reference register {name} (known: {', '.join(NAMES)})", remedy="choose one of them")
    if name in system.env()["registers"]:
        return
    scale = scale or Scale()
    dsn = system.database_dsn(name)
    with psycopg.connect(system.env()["home_postgres"], autocommit=True) as connection:
        database = sql.Identifier(name)
        # Left over from a start that was interrupted: filling is one piece.
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(database))
    system.say(f"{name}: generating")
    if name == "population":
        from deploy.registers import population  # noqa: PLC0415

        with psycopg.connect(dsn) as connection:
            population.generate(connection, scale=scale.population, seed=SEED)
    else:
        from deploy.registers import pgbench  # noqa: PLC0415

        pgbench.initialise(dsn, scale=scale.pgbench)
