"""The registers of a state, by name."""

from collections.abc import Mapping
from typing import Final

from deploy.registers import cadastre, company, court, gazette, identity, land, pension, population, taxable, treasury
from deploy.registers.reference import Reference

_ALL: Final = (
    cadastre.REFERENCE,
    company.REFERENCE,
    court.REFERENCE,
    gazette.REFERENCE,
    identity.REFERENCE,
    land.REFERENCE,
    pension.REFERENCE,
    population.REFERENCE,
    taxable.REFERENCE,
    treasury.REFERENCE,
)
REGISTERS: Final[Mapping[str, Reference]] = {one.name: one for one in _ALL}
