"""The company register: names in any case, boards, shares by number, kinds of filings that grow, activities."""

from deploy.registers.company.actions import ACTIONS
from deploy.registers.company.generate import fill
from deploy.registers.reference import Reference

REFERENCE = Reference(
    name="company", purpose="companies, their names, boards, shareholders and filings", fill=fill, actions=ACTIONS
)
