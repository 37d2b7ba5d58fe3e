"""What can keep a snapshot from being taken."""

from __future__ import annotations

from data_embassy.errors import CheckFailed, DataEmbassyError, TransportError


class SnapshotRefused(CheckFailed):
    """The register is not prepared, or holds what cannot be carried exactly."""


class SlotTimeout(CheckFailed):
    """A slot could not be made in time: an old transaction is still open."""


class SnapshotDisturbed(DataEmbassyError):
    """A schema change or a rewrite came between: this attempt is worth nothing, the next one begins at once."""

    def __init__(self, message: str) -> None:
        super().__init__(message, remedy="run the snapshot again when no schema changes are under way")


class BaseRefused(CheckFailed):
    """The embassy holds nothing that a snapshot of what differs could rest on."""

    def __init__(self, message: str, *, register: str) -> None:
        super().__init__(message, remedy=f"send everything: embassy register snapshot {register}")


class BaseSilent(TransportError):
    """The embassy does not answer what its standby holds."""

    def __init__(self, seconds: float, *, register: str) -> None:
        super().__init__(
            f"the embassy did not answer for {seconds:.0f} s what its standby holds",
            remedy="see embassy status here and there, then run it again;"
            f" or send everything: embassy register snapshot {register}",
        )
