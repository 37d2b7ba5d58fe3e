"""The registers of a state, by name."""

from collections.abc import Mapping
from typing import Final

from deploy.registers import land, population, treasury
from deploy.registers.reference import Reference

REGISTERS: Final[Mapping[str, Reference]] = {
    one.name: one for one in (land.REFERENCE, population.REFERENCE, treasury.REFERENCE)
}
