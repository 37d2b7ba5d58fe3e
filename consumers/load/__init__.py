"""Load a generation: the snapshot records of stream-v1 section 7 become a database of their own.

The receiver calls `open_generation` when it meets a SnapshotBegin, then gives the snapshot's records in order to a
`GenerationLoader`, always inside its own transaction on the generation's database, writes its position in the same
transaction and commits. Nothing here commits, so a kill at any point continues exactly at the last commit. After a
rollback make a new loader: it reads its state from `embassy_local.load`.
"""

from consumers.load.base import Base, Bases, Kept, Sink, base_of
from consumers.load.database import drop_generation, drop_other, open_generation
from consumers.load.errors import AttemptSuperseded, LoadDivergence, LoadFailed
from consumers.load.loader import GenerationLoader
from consumers.load.state import LoadProgress

__all__ = [
    "AttemptSuperseded",
    "Base",
    "Bases",
    "GenerationLoader",
    "Kept",
    "LoadDivergence",
    "LoadFailed",
    "LoadProgress",
    "Sink",
    "base_of",
    "drop_generation",
    "drop_other",
    "open_generation",
]
