"""The registers of a state, by name."""

from collections.abc import Mapping
from typing import Final

from deploy.registers import court, land, population, treasury
from deploy.registers.reference import Reference

REGISTERS: Final[Mapping[str, Reference]] = {
    one.name: one for one in (court.REFERENCE, land.REFERENCE, population.REFERENCE, treasury.REFERENCE)
}
