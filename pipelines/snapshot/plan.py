"""What is read, and in which pieces. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Final

from schemas.digest import quote

PAGE_BYTES: Final = 8192
RANGE_PAGES: Final = 4096
"""32 MiB of heap: small enough that two workers share one large table, large enough that a transaction per range
costs nothing."""
CHUNK_BYTES: Final = 1 << 20
PART_BYTES: Final = 1 << 20
CHUNK_BYTES_MAX: Final = (64 << 20) - 4096
"""Largest row as COPY text: a record holds 64 MiB with its framing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as it is under the snapshot."""

    number: int
    oid: int
    filenode: int
    relation_schema: str
    relation_name: str
    columns: tuple[str, ...]
    estimated_rows: int
    heap_bytes: int

    @property
    def quoted(self) -> str:
        """Its name in SQL."""
        return f"{quote(self.relation_schema)}.{quote(self.relation_name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Pages of a table, from `first` up to and without `end` (None: to the end)."""

    table: Table
    first: int
    end: int | None


def ranges(table: Table) -> list[Range]:
    """Cut a table into ranges; the last one is open, so that no row is missed however the file grew since."""
    starts = range(0, max(1, -(-table.heap_bytes // PAGE_BYTES)), RANGE_PAGES)
    ends = [*starts[1:], None]
    return [Range(table=table, first=first, end=end) for first, end in zip(starts, ends, strict=True)]


def copy_sql(piece: Range) -> str:
    """COPY of one range. Generated columns are not among the columns; children are tables of their own."""
    columns = ", ".join(map(quote, piece.table.columns))
    bounds = []
    if piece.first:
        bounds.append(f"ctid >= '({piece.first},0)'::tid")
    if piece.end is not None:
        bounds.append(f"ctid < '({piece.end},0)'::tid")
    where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
    return f"COPY (SELECT {columns} FROM ONLY {piece.table.quoted}{where}) TO STDOUT"  # noqa: S608 (quoted)


def chunks(rows: Iterable[bytes], *, target: int = CHUNK_BYTES) -> Iterator[tuple[bytes, int]]:
    """Join rows of COPY text into chunks of about `target` bytes; a wider row goes alone. Yields (data, rows)."""
    gathered: list[bytes] = []
    size = 0
    for row in rows:
        if gathered and size + len(row) > target:
            yield b"".join(gathered), len(gathered)
            gathered, size = [], 0
        gathered.append(row)
        size += len(row)
    if gathered:
        yield b"".join(gathered), len(gathered)


def parts(text: bytes, *, size: int = PART_BYTES) -> list[bytes]:
    """Cut a section into parts; an empty section has one empty part."""
    return [text[start : start + size] for start in range(0, len(text), size)] or [b""]


_FIRST_ENTRY: Final = re.compile(rb"^--\n-- (?:Name|TOC entry)", re.MULTILINE)
_FOOTER: Final = re.compile(rb"\n--\n-- PostgreSQL database dump complete\n--\n+(?:\\unrestrict [0-9A-Za-z]+\n+)?\Z")


def bare_sql(dumped: bytes) -> bytes:
    r"""What pg_restore wrote, without its header and footer: psql's \restrict and the settings of one version.

    The loader makes its own settings. Only the fixed head and foot are cut, never anything by search within: the
    text of a function may look like either.
    """
    first = _FIRST_ENTRY.search(dumped)
    if first is None:
        return b""
    body = dumped[first.start() :]
    footer = _FOOTER.search(body)
    if footer is None:
        raise ValueError("pg_restore's output does not end as expected")
    return body[: footer.start()] + b"\n"


_OWN_TRIGGER: Final = re.compile(r" EVENT TRIGGER - data_embassy_(?:ddl_command_end|sql_drop|table_rewrite) ")
_EXCLUDED: Final = re.compile(r"^\d+; \d+ \d+ (?:USER MAPPING|PUBLICATION|PUBLICATION TABLE|SUBSCRIPTION) ")


def kept_entries(listing: str) -> str:
    """pg_restore's list without what must not exist in a standby.

    Publications and subscriptions; user mappings (they hold foreign passwords); the event triggers of data_embassy:
    they would note the standby's own DDL a second time.
    """
    kept = [line for line in listing.splitlines() if not (_OWN_TRIGGER.search(line) or _EXCLUDED.match(line))]
    return "\n".join(kept) + "\n"


def refresh_order(views: Mapping[int, tuple[str, str]], reads: Iterable[tuple[int, int]]) -> list[tuple[str, str]]:
    """Materialized views so that each comes behind those it reads, directly or through plain views.

    `reads` are pairs (relation, relation that it reads) over views of both kinds.
    """
    sorter: TopologicalSorter[int] = TopologicalSorter(dict.fromkeys(sorted(views), ()))
    for reader, read in reads:
        sorter.add(reader, read)
    return [views[oid] for oid in sorter.static_order() if oid in views]
