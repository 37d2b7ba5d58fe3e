"""The land register: properties, exact shares of ownership, mortgages by rank, easements, applications, history."""

from deploy.registers.land.actions import ACTIONS
from deploy.registers.land.generate import fill
from deploy.registers.reference import Reference

REFERENCE = Reference(
    name="land", purpose="properties, shares of ownership, mortgages, their history", fill=fill, actions=ACTIONS
)
