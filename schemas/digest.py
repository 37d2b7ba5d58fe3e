"""Digest of a table's rows (stream-v1 section 7): the same SQL text for the snapshot, the loader and verification.

Two seeded sums of hashes and a count: independent of the order of rows, sensitive to every row and to every
repetition. Meaningful only under the pinned settings of stream-v1 section 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum


class Algorithm(Enum):
    """How a row's text becomes two numbers."""

    HASH = "hash"
    """PostgreSQL's own hash: twice as fast, but promised to be the same only within one major version."""
    SHA256 = "sha256"

    @classmethod
    def between(cls, server_version: int, other_version: int) -> Algorithm:
        """What two servers can both compute; versions are `server_version_num`."""
        return cls.HASH if server_version // 10000 == other_version // 10000 else cls.SHA256


_PARTS = {
    Algorithm.HASH: ("pg_catalog.hashtextextended(r.t, 0)", "pg_catalog.hashtextextended(r.t, 1)"),
    Algorithm.SHA256: tuple(
        "('x' || pg_catalog.substr(pg_catalog.encode(pg_catalog.sha256("
        f"pg_catalog.convert_to(r.t, 'UTF8')), 'hex'), {start}, 16))::bit(64)::bigint"
        for start in (1, 17)
    ),
}


def quote(name: str) -> str:
    """A PostgreSQL identifier, always quoted; raises ValueError for what no identifier can hold."""
    if not name or "\0" in name:
        raise ValueError("an identifier is neither empty nor holds U+0000")
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A PostgreSQL text literal that means the same under every setting; raises ValueError for U+0000."""
    if "\0" in text:
        raise ValueError("a text never holds U+0000")
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def digest_sql(
    relation_schema: str,
    relation_name: str,
    columns: Sequence[str],
    *,
    algorithm: Algorithm = Algorithm.HASH,
    where: str = "",
) -> bytes:
    """A query with one row and two columns: number of rows, digest. `where` is a condition on `t`."""
    source = _rows(relation_schema, relation_name, columns, where=where)
    return f"SELECT {_sums(algorithm)} FROM ({source}) AS r".encode()  # noqa: S608 (quote() made the names)


def grouped_digest_sql(
    relation_schema: str,
    relation_name: str,
    columns: Sequence[str],
    *,
    group: str,
    algorithm: Algorithm,
    where: str = "",
) -> bytes:
    """A query with a row for each value of the expression `group` on `t`: the value, number of rows, digest."""
    source = _rows(relation_schema, relation_name, columns, where=where, more=f", {group} AS g")
    return f"SELECT r.g, {_sums(algorithm)} FROM ({source}) AS r GROUP BY r.g".encode()  # noqa: S608


def _rows(relation_schema: str, relation_name: str, columns: Sequence[str], *, where: str, more: str = "") -> str:
    row = f"ROW({', '.join(f't.{quote(column)}' for column in columns)})::text"
    table = f"{quote(relation_schema)}.{quote(relation_name)}"
    condition = f" WHERE {where}" if where else ""
    # OFFSET 0 keeps the text from being built twice per row.
    return f"SELECT {row} AS t{more} FROM ONLY {table} AS t{condition} OFFSET 0"  # noqa: S608


def _sums(algorithm: Algorithm) -> str:
    first, second = _PARTS[algorithm]
    return (
        "pg_catalog.count(*), pg_catalog.count(*) || ':' "
        f"|| coalesce(pg_catalog.sum({first}::numeric), 0) || ':' "
        f"|| coalesce(pg_catalog.sum({second}::numeric), 0)"
    )
