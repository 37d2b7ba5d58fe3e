"""Frames: which changes of a list belong to which source transaction."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One transaction's slice `[first:last)` of a list of changes, or a piece of it."""

    transaction: int
    commit_lsn: int | None
    """None for a piece of a transaction whose END was not seen yet."""
    event_count: int
    first: int
    last: int
