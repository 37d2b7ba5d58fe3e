"""Exact and fast apply of decoded changes to a standby.

`Decoder` turns record values into checked columns, `Applier` writes them inside the caller's transaction, over a
connection that `prepare_session` made ready.
"""

from consumers.apply.applier import Applier
from consumers.apply.changes import Applied, DdlRow, Decoded, Frame
from consumers.apply.decode import Decoder
from consumers.apply.errors import (
    BrokenFrame,
    DamagedChange,
    Divergence,
    Refused,
    ShapeMismatch,
    TableMissing,
    UnidentifiedRow,
    UnknownShape,
)
from consumers.apply.session import prepare_session

__all__ = [
    "Applied",
    "Applier",
    "BrokenFrame",
    "DamagedChange",
    "DdlRow",
    "Decoded",
    "Decoder",
    "Divergence",
    "Frame",
    "Refused",
    "ShapeMismatch",
    "TableMissing",
    "UnidentifiedRow",
    "UnknownShape",
    "prepare_session",
]
