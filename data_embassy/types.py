"""Small types with one meaning each."""

from __future__ import annotations

import re
from typing import Self

_LSN = re.compile(r"\A([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})\Z")


class Lsn(int):
    """A PostgreSQL log sequence number: a byte position in the write-ahead log.

    `str()` gives PostgreSQL's own form (pg_lsn, PostgreSQL 18 documentation 8.20).
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `0/16B3748`; raises ValueError for anything else."""
        match = _LSN.match(text)
        if match is None:
            raise ValueError(f"not an LSN: {text!r}")
        return cls((int(match[1], 16) << 32) | int(match[2], 16))

    def __str__(self) -> str:
        return f"{self >> 32:X}/{self & 0xFFFFFFFF:X}"

    def __repr__(self) -> str:
        return f"Lsn({str(self)!r})"


class SessionNumber(int):
    """Number of a capture session: `timeline << 32 | sequence` (stream-v1 section 2)."""

    __slots__ = ()

    @property
    def timeline(self) -> int:
        """Timeline of the register when the session began."""
        return self >> 32

    def __str__(self) -> str:
        return f"{self >> 32}.{self & 0xFFFFFFFF}"
