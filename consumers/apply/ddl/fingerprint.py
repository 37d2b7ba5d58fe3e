"""Compares the catalog with the fingerprint that the register's pulse carries, whenever no schema change lies between.

A pulse takes the fingerprint a moment before it commits: the first one after a schema change may not know it yet. The
second one must.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from consumers.apply.changes import Text
from consumers.refusals import CatalogDiffers
from data_embassy.postgres import Connection
from schemas.records import UNCHANGED
from schemas.shared import CATALOG_FINGERPRINT

_REMEDY: Final = "at home: embassy register snapshot NAME"


class CatalogWatch:
    """One standby's catalog against the pulses of its register."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_settled = False
        self._own: str | None = None

    def forget(self) -> None:
        """The schema changes, here or there."""
        self._is_settled = False
        self._own = None

    def follow(self, pulses: Iterable[Mapping[str, Text]]) -> None:
        """Compare with the newest of these pulses; raises CatalogDiffers."""
        for row in pulses:
            told, is_settled = row.get("catalog"), self._is_settled
            self._is_settled = True
            if not is_settled or not told or told in (UNCHANGED, self._own):
                continue
            self._own = self._read()
            if told != self._own:
                raise CatalogDiffers(
                    "the standby's tables, columns, indexes or enums are not the register's:"
                    " a schema change passed unseen, or somebody changed the standby",
                    remedy=_REMEDY,
                )

    def _read(self) -> str:
        row = self._connection.execute(CATALOG_FINGERPRINT).fetchone()
        assert row is not None
        return str(row[0])
