"""Take a generation: one exact snapshot of a register, written into its home topic (stream-v1 section 7).

The order of the steps is what makes it exact: SnapshotBegin is acknowledged before the slot exists, so that every
change after the consistent point stands behind SnapshotBegin; the snapshot that the slot exports holds exactly the
transactions that committed up to the consistent point; everything is read under it.
"""

from pipelines.snapshot.errors import BaseRefused, BaseSilent, SlotTimeout, SnapshotDisturbed, SnapshotRefused
from pipelines.snapshot.take import take_snapshot
from pipelines.snapshot.words import Options, Progress, Taken

__all__ = [
    "BaseRefused",
    "BaseSilent",
    "Options",
    "Progress",
    "SlotTimeout",
    "SnapshotDisturbed",
    "SnapshotRefused",
    "Taken",
    "take_snapshot",
]
