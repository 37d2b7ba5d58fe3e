"""What can keep a snapshot from being taken."""

from __future__ import annotations

from data_embassy.errors import CheckFailed, DataEmbassyError


class SnapshotRefused(CheckFailed):
    """The register is not prepared, or holds what cannot be carried exactly."""


class SlotTimeout(CheckFailed):
    """A slot could not be made in time: an old transaction is still open."""


class SnapshotDisturbed(DataEmbassyError):
    """A schema change or a rewrite came between: this attempt is worth nothing, the next one begins at once."""

    def __init__(self, message: str) -> None:
        super().__init__(message, remedy="run the snapshot again when no schema changes are under way")
