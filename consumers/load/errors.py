"""What can go wrong while a generation is loaded.

Messages name tables by their number in `embassy_local.load_table`: names of relations stay out of logs.
"""

from __future__ import annotations

from data_embassy.errors import ApplyError

NEW_GENERATION = "at home: embassy register snapshot NAME"


class LoadDivergence(ApplyError):
    """What was loaded is not what the snapshot states."""


class LoadFailed(ApplyError):
    """PostgreSQL refused a part of the snapshot."""


class AttemptSuperseded(ApplyError):
    """A record of a later attempt of the generation arrived: open that attempt and start again there."""

    def __init__(self, run: int) -> None:
        super().__init__(
            "a later attempt of this generation began", remedy="none: the receiver opens the later attempt itself"
        )
        self.run = run
