"""The treasury: accounts of the state, a double-entry ledger, payment orders, the end of the day."""

from deploy.registers.reference import Reference
from deploy.registers.treasury.actions import ACTIONS
from deploy.registers.treasury.generate import fill

REFERENCE = Reference(
    name="treasury", purpose="a double-entry ledger of exact amounts, payment orders", fill=fill, actions=ACTIONS
)
