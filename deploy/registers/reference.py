"""A reference register: what all of them offer, whatever they hold."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from random import Random
from typing import TypeAlias

from psycopg import Connection

from deploy.registers import invariants
from deploy.registers.draws import Action
from deploy.registers.loading import Load
from deploy.registers.workload import Spells, Workload

Fill: TypeAlias = Callable[[Load, float], None]
"""Writes the rows of a register of this scale into its empty tables."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One register, found in the folder `deploy/registers/<name>`.

    `purpose` says in a line what it holds. `demo_scale` fits a demo of ten registers on one machine. `spells`: people
    work in it now and then only.
    """

    name: str
    purpose: str
    fill: Fill
    actions: Mapping[Action, int]
    demo_scale: float = 0.1
    spells: Spells | None = None

    def generate(self, connection: Connection[tuple[object, ...]], *, scale: float, seed: int) -> dict[str, int]:
        """Create the register's schema and rows in an empty database; return the number of rows by table.

        Always the same rows for a seed and a scale; one transaction.
        """
        load = Load(connection, schema=self.name, rng=Random(seed))
        with connection.transaction():
            connection.execute(self._folder.joinpath("schema.sql").read_bytes())
            self.fill(load, scale)
            load.analyze()
        return load.rows

    def workload(self, dsn: str, *, seed: int, writers: int, rate: float) -> Workload:
        """People at work in it: `writers` that together begin about `rate` transactions a second (0: all they can)."""
        return Workload(
            dsn, name=self.name, actions=self.actions, seed=seed, writers=writers, rate=rate, spells=self.spells
        )

    def violations(self, connection: Connection[tuple[object, ...]]) -> dict[str, int]:
        """Names of the checks that found something, with how often; see `invariants.violations`."""
        return invariants.violations(connection, self.checks)

    @cached_property
    def checks(self) -> dict[str, str]:
        """Each invariant: a query that counts the rows that break it."""
        folder = self._folder.joinpath("checks")
        return {
            file.name.removesuffix(".sql"): file.read_text(encoding="utf-8")
            for file in sorted(folder.iterdir(), key=lambda file: file.name)
            if file.name.endswith(".sql")
        }

    @property
    def contract(self) -> Traversable:
        """The contract as a file."""
        return self._folder.joinpath("contract.toml")

    @property
    def tier(self) -> int:
        """Who goes first when the link cannot carry everything: 1."""
        return int(tomllib.loads(self.contract.read_text(encoding="utf-8"))["tier"])

    @property
    def _folder(self) -> Traversable:
        return files(f"deploy.registers.{self.name}")
