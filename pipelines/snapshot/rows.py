"""Sections and tables as snapshot records (stream-v1 section 7)."""

from __future__ import annotations

from collections.abc import Iterable

from data_embassy.failpoint import hit
from pipelines.snapshot.errors import SnapshotDisturbed
from pipelines.snapshot.plan import Table, parts
from pipelines.snapshot.reader import Chunk, TableDone
from pipelines.snapshot.segments import Kept
from pipelines.snapshot.telling import Telling
from pipelines.snapshot.words import Totals
from pipelines.snapshot.writer import RecordWriter


def write_section(writer: RecordWriter, section: str, text: bytes) -> None:
    """A section of the schema, in as many parts as it needs."""
    pieces = parts(text)
    for number, piece in enumerate(pieces, start=1):
        writer.write("SnapshotSection", {"section": section, "part": number, "parts": len(pieces), "sql": piece})


def write_tables(writer: RecordWriter, items: Iterable[Chunk | Kept | TableDone], telling: Telling) -> None:
    """What is read or kept, as it comes; raises SnapshotDisturbed when a table's rows are not all there."""
    totals = telling.totals
    for item in items:
        _announce(writer, item.table, totals)
        if isinstance(item, Chunk):
            _write_chunk(writer, item, totals)
        elif isinstance(item, Kept):
            _write_kept(writer, item, totals)
        else:
            _write_end(writer, item, totals)
        telling.tell_rows()


def _announce(writer: RecordWriter, table: Table, totals: Totals) -> None:
    if table.number in totals.chunks:
        return
    totals.chunks[table.number] = 0
    totals.table_rows[table.number] = 0
    writer.write(
        "SnapshotTable",
        {
            "table": table.number,
            "relation_schema": table.relation_schema,
            "relation_name": table.relation_name,
            "columns": list(table.columns),
            "estimated_rows": table.estimated_rows,
            "estimated_bytes": table.heap_bytes,
        },
    )


def _write_chunk(writer: RecordWriter, chunk: Chunk, totals: Totals) -> None:
    number = chunk.table.number
    totals.chunks[number] += 1
    totals.table_rows[number] += chunk.rows
    totals.rows += chunk.rows
    totals.bytes += len(chunk.data)
    writer.write(
        "SnapshotChunk",
        {"table": number, "chunk": totals.chunks[number], "rows": chunk.rows, "data": chunk.data},
    )
    hit("chunk")


def _write_kept(writer: RecordWriter, kept: Kept, totals: Totals) -> None:
    number = kept.table.number
    totals.chunks[number] += 1
    totals.table_rows[number] += kept.rows
    totals.rows += kept.rows
    totals.rows_kept += kept.rows
    writer.write("SnapshotKept", kept.record(totals.chunks[number]))
    hit("kept")


def _write_end(writer: RecordWriter, item: TableDone, totals: Totals) -> None:
    rows = totals.table_rows[item.table.number]
    if item.rows != rows:
        raise SnapshotDisturbed(f"{item.table.quoted}: {rows} rows were read, {item.rows} are there")
    writer.write(
        "SnapshotTableEnd",
        {
            "table": item.table.number,
            "chunks": totals.chunks[item.table.number],
            "rows": rows,
            "digest": item.digest,
        },
    )
    totals.tables_done += 1
