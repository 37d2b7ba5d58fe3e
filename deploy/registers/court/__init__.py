"""The court register: cases in states, parties, large documents with hashes, hearings, deadlines, decisions."""

from deploy.registers.court.actions import ACTIONS
from deploy.registers.court.generate import fill
from deploy.registers.reference import Reference

REFERENCE = Reference(name="court", purpose="cases, large documents, hearings, deadlines", fill=fill, actions=ACTIONS)
