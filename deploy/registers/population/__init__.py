"""The population register: people, their codes, families, homes and papers, generated from a seed.

`generate` fills an empty database, `Workload` keeps several writers busy in it, `violations` counts what must never be
seen in it.
"""

from deploy.registers.population.generate import generate
from deploy.registers.population.invariants import violations
from deploy.registers.population.workload import Workload

__all__ = ["Workload", "generate", "violations"]
