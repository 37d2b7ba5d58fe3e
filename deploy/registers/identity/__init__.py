"""The register of identity documents: photos, chips with serials, certificates that flip, revocation lists."""

from deploy.registers.identity.actions import ACTIONS
from deploy.registers.identity.generate import fill
from deploy.registers.reference import Reference

REFERENCE = Reference(
    name="identity", purpose="passports and cards, photos, certificates, revocation lists", fill=fill, actions=ACTIONS
)
