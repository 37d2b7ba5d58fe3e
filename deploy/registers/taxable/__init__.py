"""The register of taxable persons: wide declarations, movements by year, balances, notices without a key."""

from deploy.registers.reference import Reference
from deploy.registers.taxable.actions import ACTIONS
from deploy.registers.taxable.generate import fill

REFERENCE = Reference(
    name="taxable", purpose="wide declarations, movements by year, balances", fill=fill, actions=ACTIONS
)
