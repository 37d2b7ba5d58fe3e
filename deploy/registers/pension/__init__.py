"""The register of pension insurance: entitlements by period, a partition of payments for each month, monthly runs."""

from deploy.registers.pension.actions import ACTIONS
from deploy.registers.pension.generate import fill
from deploy.registers.reference import Reference

REFERENCE = Reference(
    name="pension",
    purpose="entitlements by period, payments in monthly partitions and runs",
    fill=fill,
    actions=ACTIONS,
)
