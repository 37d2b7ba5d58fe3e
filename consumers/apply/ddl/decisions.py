"""What an operator decided about a schema change that cannot be replayed, as the replay asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from consumers.refusals import DdlNotReplayed


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Run this SQL instead of the change; None runs nothing."""

    sql: str | None


Decide = Callable[[int, str], Decision | None]
"""From the ddl row's id and digest to the decision about it."""


def undecided(number: int, digest: str) -> Decision | None:
    """Nothing was decided."""
    del number, digest
    return None


@dataclass(frozen=True, slots=True)
class Pending:
    """The change that waits for a decision, as the operator is shown it at the embassy."""

    id: int
    digest: str
    tag: str
    text: str
    reason: str


class Undecided(DdlNotReplayed):
    """As DdlNotReplayed, with what the operator needs to know; it is one class to everybody outside."""

    def __init__(self, pending: Pending) -> None:
        super().__init__(
            f"schema change {pending.id} ({pending.tag}) cannot be replayed: {pending.reason}",
            remedy=f"see it with embassy register decide NAME; then embassy register decide NAME --ddl {pending.id} "
            "--skip or --run-file FILE; or at home: embassy register snapshot NAME",
        )
        self.pending = pending

    @property
    def cause_class(self) -> str:
        """The documented name."""
        return DdlNotReplayed.__name__
