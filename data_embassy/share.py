"""What one register may hold where many share a process: together they hold no more than a few alone would."""

from __future__ import annotations


def share_of(whole: int, registers: int, *, unshared: int, least: int) -> int:
    """One register's part of a bound: all of it for up to `unshared` registers, then less, but never below `least`."""
    return max(least, int(whole * unshared / max(unshared, registers)))
