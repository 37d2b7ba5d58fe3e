"""The population register: people, their codes, families, homes and papers."""

from deploy.registers.population.actions import ACTIONS
from deploy.registers.population.generate import fill
from deploy.registers.reference import Reference

REFERENCE = Reference(
    name="population", purpose="people, their codes, families, homes and papers", fill=fill, actions=ACTIONS
)
