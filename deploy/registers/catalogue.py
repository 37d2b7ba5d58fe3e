"""The registers of a state, by name."""

from collections.abc import Mapping
from typing import Final

from deploy.registers import population, treasury
from deploy.registers.reference import Reference

REGISTERS: Final[Mapping[str, Reference]] = {one.name: one for one in (population.REFERENCE, treasury.REFERENCE)}
