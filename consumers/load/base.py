"""What a generation rests on when home sent only what differs from it (stream-v1 section 7.1)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from psycopg import sql

from consumers.load.errors import NEW_GENERATION
from data_embassy.errors import StreamError
from data_embassy.postgres import Connection
from data_embassy.types import Lsn
from schemas.ranges import KeyColumn, KeyRange
from schemas.records import snapshot_run

_TABLE: Final = b"""
CREATE TABLE IF NOT EXISTS embassy_local.load_base (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    generation bigint NOT NULL,
    attempt bigint NOT NULL,
    commit_lsn pg_catalog.pg_lsn NOT NULL
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A generation exactly behind one of its transactions."""

    generation: int
    attempt: int
    commit_lsn: int

    @property
    def run(self) -> int:
        """Run of its snapshot."""
        return snapshot_run(self.generation, self.attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Rows of a table that the base holds."""

    relation_schema: str
    relation_name: str
    columns: Sequence[str]
    key: Sequence[KeyColumn]
    ranges: Sequence[KeyRange]


class Sink(Protocol):
    """Takes rows as COPY text."""

    def __call__(self, data: bytes, rows: int) -> None: ...  # noqa: D102


class Bases(Protocol):
    """Where a base's rows come from, and who answers questions about it."""

    def answer(self, record: Mapping[str, Any], attempt: int, base: Base | None) -> None:
        """Answer a SnapshotQuestion of this attempt, about the base once home named it."""

    def copy(self, base: Base, kept: Kept, write: Sink) -> None:
        """Hand over the rows of the ranges; raises BaseMissing, TransportError."""


def base_of(record: Mapping[str, Any]) -> Base:
    """Read a SnapshotBase."""
    return Base(generation=record["generation"], attempt=record["attempt"], commit_lsn=record["commit_lsn"])


def store_base(connection: Connection, base: Base) -> None:
    """Keep it with the load (not committed)."""
    connection.execute(_TABLE)
    connection.execute(
        sql.SQL("INSERT INTO embassy_local.load_base (generation, attempt, commit_lsn) VALUES (%s, %s, %s)"),
        (base.generation, base.attempt, str(Lsn(base.commit_lsn))),
    )


def read_base(connection: Connection) -> Base | None:
    """The base of the load; None where home named none."""
    row = connection.execute("SELECT to_regclass('embassy_local.load_base') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        return None
    row = connection.execute("SELECT generation, attempt, commit_lsn::text FROM embassy_local.load_base").fetchone()
    return None if row is None else Base(generation=row[0], attempt=row[1], commit_lsn=Lsn.parse(row[2]))


def kept_of(record: Mapping[str, Any], *, relation: tuple[str, str], columns: Sequence[str]) -> Kept:
    """Read a SnapshotKept of a table; raises StreamError."""
    try:
        key = [KeyColumn(str(name), str(type_text)) for name, type_text in json.loads(record["key"])]
        ranges = [KeyRange.parse(one) for one in json.loads(record["ranges"])]
    except (ValueError, TypeError, RecursionError):
        raise StreamError("ranges of the snapshot cannot be read", remedy=NEW_GENERATION) from None
    return Kept(relation_schema=relation[0], relation_name=relation[1], columns=columns, key=key, ranges=ranges)
