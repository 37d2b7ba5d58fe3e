"""The land cadastre: parcels that cover their districts, surveys that make new ones of old, what stands on them."""

from deploy.registers.cadastre.actions import ACTIONS
from deploy.registers.cadastre.generate import fill
from deploy.registers.reference import Reference

REFERENCE = Reference(
    name="cadastre",
    purpose="parcels as polygons, splits and merges, buildings, restrictions on land",
    fill=fill,
    actions=ACTIONS,
)
