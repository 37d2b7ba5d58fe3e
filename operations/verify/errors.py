"""What keeps a verification from an answer."""

from __future__ import annotations

from data_embassy.errors import CheckFailed, DataEmbassyError, TransportError


class PointBlocked(CheckFailed):
    """No consistent point came in time: an older transaction of the register is still open."""


class NotPrepared(CheckFailed):
    """The register lacks what a verification needs."""


class NeverStill(CheckFailed):
    """What was to be compared changed its form again and again."""


class PointNotReached(TransportError):
    """The embassy does not answer. Whether the standby is equal is not known."""


class AttemptLost(DataEmbassyError):
    """The witness at the embassy went, or the register moved on: the next attempt begins at once."""

    def __init__(self, message: str) -> None:
        super().__init__(message, remedy="run the verification again")
