"""Digest of a table's rows (stream-v1 section 7): the same SQL text for the snapshot, the loader and verification.

Two seeded sums of hashes and a count: independent of the order of rows, sensitive to every row and to every
repetition. Meaningful only under the pinned settings of stream-v1 section 8.
"""

from __future__ import annotations

from collections.abc import Sequence


def quote(name: str) -> str:
    """A PostgreSQL identifier, always quoted; raises ValueError for what no identifier can hold."""
    if not name or "\0" in name:
        raise ValueError("an identifier is neither empty nor holds U+0000")
    return '"' + name.replace('"', '""') + '"'


def digest_sql(relation_schema: str, relation_name: str, columns: Sequence[str]) -> bytes:
    """A query with one row and two columns: number of rows, digest."""
    row = f"ROW({', '.join(f't.{quote(column)}' for column in columns)})::text"
    table = f"{quote(relation_schema)}.{quote(relation_name)}"
    # OFFSET 0 keeps the text from being built twice per row.
    return (
        "SELECT pg_catalog.count(*), pg_catalog.count(*) || ':' "  # noqa: S608 (quote() made the names)
        "|| coalesce(pg_catalog.sum(pg_catalog.hashtextextended(r.t, 0)::numeric), 0) || ':' "
        "|| coalesce(pg_catalog.sum(pg_catalog.hashtextextended(r.t, 1)::numeric), 0) "
        f"FROM (SELECT {row} AS t FROM ONLY {table} AS t OFFSET 0) AS r"
    ).encode()
