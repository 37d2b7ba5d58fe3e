"""The state gazette: acts in numbered issues, every text that they ever had, readers who wait for certain words."""

from deploy.registers.gazette.actions import ACTIONS
from deploy.registers.gazette.generate import fill
from deploy.registers.reference import Reference
from deploy.registers.workload import Spells

REFERENCE = Reference(
    name="gazette",
    purpose="acts in numbered issues, their amendments and consolidated texts, full-text search",
    fill=fill,
    actions=ACTIONS,
    # Issues come out, and then nothing happens for long.
    spells=Spells(busy_seconds=5.0, idle_seconds=85.0),
)
