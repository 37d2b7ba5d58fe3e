"""The loader: takes snapshot records in order, inside the caller's transaction (stream-v1 section 7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from consumers.load import finish
from consumers.load.base import Base, Bases, base_of, kept_of, read_base, store_base
from consumers.load.copying import CopyRun, refusals
from consumers.load.errors import NEW_GENERATION, AttemptSuperseded, LoadDivergence
from consumers.load.state import LoadProgress, TableState, read_progress, read_tables
from data_embassy.errors import StreamError
from data_embassy.postgres import Connection
from data_embassy.types import Lsn
from schemas.records import FINGERPRINTS, MAGIC, ORIGIN_SNAPSHOT, RecordKey, decode

_SESSION: Final = b"""
SET LOCAL session_replication_role = 'replica';
SET LOCAL synchronous_commit = off;
SET LOCAL check_function_bodies = off;
SET LOCAL row_security = off;
SET LOCAL default_table_access_method = heap;
SET LOCAL default_tablespace = '';
SET LOCAL maintenance_work_mem = '256MB'
"""
_QUESTION: Final = MAGIC + FINGERPRINTS["SnapshotQuestion"]
_PARTS_MAX: Final = 1024
"""Bound on the parts of a section: with 1 MiB each, what PostgreSQL takes as one command."""


class GenerationLoader:
    """Builds one generation on a connection to its database; the caller owns the transaction.

    `take` writes rows and its own progress and never commits. After a rollback make a new loader.
    """

    def __init__(self, connection: Connection, bases: Bases | None = None) -> None:
        progress = read_progress(connection)
        if progress is None:
            raise AssertionError("open_generation comes first")
        self._connection = connection
        self._progress = progress
        self._tables = read_tables(connection)
        self._run = progress.run
        self._n = progress.n
        self._touched: set[int] = set()
        self._bases = bases
        self._base: Base | None = None
        row = connection.execute("SELECT current_setting('server_version_num')::integer").fetchone()
        assert row is not None
        self._is_same_major = row[0] // 10000 == int(progress.begin["server_version"]) // 10000

    @property
    def progress(self) -> LoadProgress:
        """How far the load is, as of the last `take`."""
        return self._progress

    def take(self, records: Sequence[tuple[RecordKey, bytes]]) -> LoadProgress:
        """Load records of the snapshot, in order; repeated ones and those of earlier attempts are dropped.

        The more records at once, the better: chunks of one table in a row become one COPY. Raises AttemptSuperseded
        (what stood before the later attempt is loaded), LoadDivergence, LoadFailed, StreamError; psycopg's
        OperationalError passes through. After any of these but AttemptSuperseded the caller rolls back.
        """
        self._connection.execute(_SESSION)
        copy = CopyRun(self._connection)
        superseded: AttemptSuperseded | None = None
        # Home asks, hears the answers and goes on: what it wrote behind a question shows that nobody waits any more.
        waiting = max((key.n for key, value in records if not value.startswith(_QUESTION)), default=0)
        try:
            for key, value in records:
                if key.origin == ORIGIN_SNAPSHOT and key.run > self._run:
                    superseded = AttemptSuperseded(key.run)
                    break
                if self._is_next(key):
                    self._take(copy, *decode(value), is_waited_for=key.n > waiting)
                    self._n = key.n
            copy.end()
        except BaseException as error:
            copy.abort(error)
            raise
        self._save()
        if superseded is not None:
            raise superseded
        return self._progress

    def _is_next(self, key: RecordKey) -> bool:
        if key.origin != ORIGIN_SNAPSHOT or key.run < self._run or key.n <= self._n:
            return False
        if key.n > self._n + 1:
            raise StreamError(f"snapshot records {self._n + 1} to {key.n - 1} are missing", remedy=NEW_GENERATION)
        if self._progress.is_complete:
            raise StreamError("snapshot records follow after the snapshot's end", remedy=NEW_GENERATION)
        return True

    def _take(self, copy: CopyRun, name: str, record: dict[str, Any], *, is_waited_for: bool) -> None:
        if name == "SnapshotChunk":
            self._chunk(copy, record)
            return
        copy.end()
        match name:
            case "SnapshotQuestion":
                if self._bases is not None and is_waited_for:
                    self._bases.answer(record, self._progress.attempt, self._named_base())
            case "SnapshotBase":
                self._base = base_of(record)
                store_base(self._connection, self._base)
            case "SnapshotKept":
                self._kept(copy, record)
            case "SnapshotPoint":
                self._point(record)
            case "SnapshotSection":
                self._section(record)
            case "SnapshotTable":
                self._table(record)
            case "SnapshotTableEnd":
                self._table_end(record)
            case "SnapshotEnd":
                self._end(record)
            case _:
                raise StreamError(f"a {name} stands among the records of a snapshot", remedy=NEW_GENERATION)

    def _point(self, record: dict[str, Any]) -> None:
        self._connection.execute(
            "UPDATE embassy_local.load SET consistent_point = %s::pg_catalog.pg_lsn, slot = %s, is_temporary = %s",
            (str(Lsn(record["consistent_point"])), record["slot"], record["is_temporary"]),
        )

    def _section(self, record: dict[str, Any]) -> None:
        section, part, parts = record["section"], record["part"], record["parts"]
        if section not in ("pre-data", "post-data") or not 1 <= part <= parts <= _PARTS_MAX:
            raise StreamError("a section of the snapshot is numbered wrongly", remedy=NEW_GENERATION)
        self._connection.execute(
            "INSERT INTO embassy_local.load_section (section, part, parts, sql) VALUES (%s, %s, %s, %s)",
            (section, part, parts, record["sql"]),
        )
        if part < parts:
            return
        stored = self._connection.execute(
            "SELECT sql FROM embassy_local.load_section WHERE section = %s ORDER BY part", (section,)
        ).fetchall()
        if len(stored) != parts:
            raise StreamError("a section of the snapshot is incomplete", remedy=NEW_GENERATION)
        if section == "post-data" and any(not table.is_done for table in self._tables.values()):
            raise StreamError("the snapshot's post-data stands before the end of its tables", remedy=NEW_GENERATION)
        self._run_section(section, b"".join(row[0] for row in stored))

    def _run_section(self, section: str, text: bytes) -> None:
        with refusals(f"the {section} section"):
            self._connection.execute("SELECT set_config('search_path', '', true)")
            self._connection.execute(text or b"SELECT", prepare=False)
            self._connection.execute("SELECT set_config('search_path', 'pg_catalog', true)")
            # The text may set what later statements rely on.
            self._connection.execute(_SESSION)
            if section == "post-data":
                finish.silence(self._connection)
        column = b"is_pre_data_done" if section == "pre-data" else b"is_post_data_done"
        self._connection.execute(b"UPDATE embassy_local.load SET " + column + b" = true")

    def _table(self, record: dict[str, Any]) -> None:
        table = TableState(
            number=record["table"],
            relation_schema=record["relation_schema"],
            relation_name=record["relation_name"],
            columns=record["columns"],
            chunks=0,
            rows=0,
            bytes=0,
            is_done=False,
        )
        if table.number in self._tables:
            raise StreamError(f"table {table.number} of the snapshot begins twice", remedy=NEW_GENERATION)
        self._tables[table.number] = table
        self._connection.execute(
            "INSERT INTO embassy_local.load_table"
            " (number, relation_schema, relation_name, columns, estimated_rows, estimated_bytes)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (
                table.number, table.relation_schema, table.relation_name, table.columns,
                record["estimated_rows"], record["estimated_bytes"],
            ),
        )  # fmt: skip
        with refusals(f"table {table.number}"):
            # An extension's script may have put rows of its own into its tables.
            self._connection.execute(finish.empty_sql(table))

    def _chunk(self, copy: CopyRun, record: dict[str, Any]) -> None:
        table = self._next_chunk(record)
        data, rows = record["data"], record["rows"]
        if data[-1:] != b"\n" or data.count(b"\n") != rows:
            raise LoadDivergence(
                f"a chunk of table {table.number} does not hold the rows it states", remedy=NEW_GENERATION
            )
        copy.write(table, data, rows)
        table.chunks += 1
        table.rows += rows
        table.bytes += len(data)
        self._touched.add(table.number)

    def _kept(self, copy: CopyRun, record: dict[str, Any]) -> None:
        table = self._next_chunk(record)
        base = self._named_base()
        if base is None or self._bases is None:
            raise StreamError("the snapshot keeps rows of a base that it does not name", remedy=NEW_GENERATION)
        kept = kept_of(record, relation=(table.relation_schema, table.relation_name), columns=table.columns)
        taken = 0

        def write(data: bytes, rows: int) -> None:
            nonlocal taken
            taken += rows
            copy.write(table, data, rows)

        self._bases.copy(base, kept, write)
        if taken != record["rows"]:
            raise LoadDivergence(
                f"the base holds {taken} rows of ranges of table {table.number}, {record['rows']} at home",
                remedy=NEW_GENERATION,
            )
        table.chunks += 1
        table.rows += taken
        self._touched.add(table.number)

    def _named_base(self) -> Base | None:
        self._base = self._base or read_base(self._connection)
        return self._base

    def _next_chunk(self, record: dict[str, Any]) -> TableState:
        table = self._known(record["table"])
        if record["chunk"] != table.chunks + 1:
            raise StreamError(f"a chunk of table {table.number} is missing or repeated", remedy=NEW_GENERATION)
        return table

    def _table_end(self, record: dict[str, Any]) -> None:
        table = self._known(record["table"])
        with refusals(f"the digest of table {table.number}"):
            finish.check_table(self._connection, table, record, is_same_major=self._is_same_major)
        table.is_done = True
        self._connection.execute(
            "UPDATE embassy_local.load_table SET digest = %s, is_done = true WHERE number = %s",
            (record["digest"], table.number),
        )
        self._touched.add(table.number)

    def _end(self, record: dict[str, Any]) -> None:
        tables = self._tables.values()
        stated = (record["tables"], record["rows"], record["bytes"])
        loaded = (len(tables), sum(table.rows for table in tables), sum(table.bytes for table in tables))
        if stated != loaded or any(not table.is_done for table in tables):
            raise LoadDivergence("the snapshot's totals are not what was loaded", remedy=NEW_GENERATION)
        row = self._connection.execute(
            "SELECT is_pre_data_done AND is_post_data_done FROM embassy_local.load"
        ).fetchone()
        if row is None or not row[0]:
            raise StreamError("the snapshot ends without its sections", remedy=NEW_GENERATION)
        with refusals("the sequences"):
            finish.set_sequences(self._connection, record["sequences"])
            self._connection.execute("ANALYZE")
        self._connection.execute(
            "UPDATE embassy_local.load SET is_complete = true,"
            " finished_at = timestamptz 'epoch' + %s * interval '1 microsecond'",
            (record["finished_at"],),
        )

    def _known(self, number: int) -> TableState:
        table = self._tables.get(number)
        if table is None or table.is_done:
            raise StreamError(f"table {number} of the snapshot was not begun or has ended", remedy=NEW_GENERATION)
        return table

    def _save(self) -> None:
        for number in sorted(self._touched):
            table = self._tables[number]
            self._connection.execute(
                "UPDATE embassy_local.load_table SET chunks = %s, rows_loaded = %s, bytes_loaded = %s"
                " WHERE number = %s",
                (table.chunks, table.rows, table.bytes, number),
            )
        self._touched.clear()
        done = self._connection.execute(
            "UPDATE embassy_local.load SET n = %s, tables_done = %s, rows_loaded = %s, bytes_loaded = %s",
            (
                self._n,
                sum(table.is_done for table in self._tables.values()),
                sum(table.rows for table in self._tables.values()),
                sum(table.bytes for table in self._tables.values()),
            ),
        )
        assert done.rowcount == 1
        progress = read_progress(self._connection)
        assert progress is not None
        self._progress = progress
