"""How far a load is: rows of `embassy_local`, written in the transaction of the rows they speak of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from data_embassy.postgres import Connection
from data_embassy.types import Lsn
from schemas.records import split_snapshot_run

TABLES: Final = b"""
CREATE SCHEMA IF NOT EXISTS embassy_local;
CREATE TABLE IF NOT EXISTS embassy_local.load (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    run bigint NOT NULL,                -- generation << 32 | attempt
    n bigint NOT NULL,                  -- number of the last snapshot record that was taken
    begin_record jsonb NOT NULL,
    consistent_point pg_catalog.pg_lsn, -- from SnapshotPoint
    slot text,
    is_temporary boolean,
    is_pre_data_done boolean NOT NULL DEFAULT false,
    is_post_data_done boolean NOT NULL DEFAULT false,
    is_complete boolean NOT NULL DEFAULT false,
    tables_done integer NOT NULL DEFAULT 0,
    rows_loaded bigint NOT NULL DEFAULT 0,
    bytes_loaded bigint NOT NULL DEFAULT 0,
    finished_at timestamptz
);
CREATE TABLE IF NOT EXISTS embassy_local.load_section (
    section text NOT NULL,
    part integer NOT NULL,
    parts integer NOT NULL,
    sql bytea NOT NULL,
    PRIMARY KEY (section, part)
);
CREATE TABLE IF NOT EXISTS embassy_local.load_table (
    number integer PRIMARY KEY,
    relation_schema text NOT NULL,
    relation_name text NOT NULL,
    columns text[] NOT NULL,
    estimated_rows bigint NOT NULL,
    estimated_bytes bigint NOT NULL,
    chunks integer NOT NULL DEFAULT 0,
    rows_loaded bigint NOT NULL DEFAULT 0,
    bytes_loaded bigint NOT NULL DEFAULT 0,
    digest text,
    is_done boolean NOT NULL DEFAULT false
);
-- What would fire under replica role, and how it was set: put back at promotion.
CREATE TABLE IF NOT EXISTS embassy_local.disabled (
    kind text NOT NULL CHECK (kind IN ('trigger', 'rule', 'event trigger')),
    relation_schema text NOT NULL,
    relation_name text NOT NULL,
    name text NOT NULL,
    enabled "char" NOT NULL,
    PRIMARY KEY (kind, relation_schema, relation_name, name)
);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadProgress:
    """How far a generation's load is, as of the caller's transaction."""

    run: int
    n: int
    begin: Mapping[str, Any]
    """The fields of SnapshotBegin: system_identifier, timeline, server_version, ..."""
    consistent_point: Lsn | None
    tables_done: int
    rows: int
    bytes: int
    is_pre_data_done: bool
    is_post_data_done: bool
    is_complete: bool

    @property
    def generation(self) -> int:
        """Generation that is loaded."""
        return split_snapshot_run(self.run)[0]

    @property
    def attempt(self) -> int:
        """Attempt at that generation."""
        return split_snapshot_run(self.run)[1]


@dataclass(slots=True, kw_only=True)
class TableState:
    """A table whose chunks arrive."""

    number: int
    relation_schema: str
    relation_name: str
    columns: list[str]
    chunks: int
    rows: int
    bytes: int
    is_done: bool


def read_progress(connection: Connection) -> LoadProgress | None:
    """The load's state, or None where no load was begun."""
    found = connection.execute("SELECT to_regclass('embassy_local.load') IS NOT NULL").fetchone()
    if found is None or not found[0]:
        return None
    row = connection.execute(
        "SELECT run, n, begin_record::text, consistent_point::text, tables_done, rows_loaded, bytes_loaded, "
        "is_pre_data_done, is_post_data_done, is_complete FROM embassy_local.load"
    ).fetchone()
    if row is None:
        return None
    return LoadProgress(
        run=row[0],
        n=row[1],
        begin=json.loads(row[2]),
        consistent_point=None if row[3] is None else Lsn.parse(row[3]),
        tables_done=row[4],
        rows=row[5],
        bytes=row[6],
        is_pre_data_done=row[7],
        is_post_data_done=row[8],
        is_complete=row[9],
    )


def read_tables(connection: Connection) -> dict[int, TableState]:
    """The tables announced so far, by number."""
    rows = connection.execute(
        "SELECT number, relation_schema, relation_name, columns, chunks, rows_loaded, bytes_loaded, is_done "
        "FROM embassy_local.load_table"
    ).fetchall()
    return {
        row[0]: TableState(
            number=row[0],
            relation_schema=row[1],
            relation_name=row[2],
            columns=row[3],
            chunks=row[4],
            rows=row[5],
            bytes=row[6],
            is_done=row[7],
        )
        for row in rows
    }
