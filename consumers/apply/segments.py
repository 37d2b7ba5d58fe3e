"""Cuts a group at its truncates. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from consumers.apply.changes import Decoded
from consumers.apply.images import Slice

TableName = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Segment:
    """Row changes by table, and the tables that are truncated together after them."""

    tables: dict[TableName, list[Slice]] = field(default_factory=dict)
    truncated: list[TableName] = field(default_factory=list)


def cut_segments(decoded: Decoded) -> Iterator[Segment]:
    """The group's segments in order."""
    first = 0
    for place, last, tables in _truncates(decoded):
        yield Segment(tables=_slices(decoded, first, place), truncated=tables)
        first = last
    tail = _slices(decoded, first, decoded.count)
    if tail or not first:
        yield Segment(tables=tail)


def _truncates(decoded: Decoded) -> list[tuple[int, int, list[TableName]]]:
    """(place, place behind, tables) of truncates that directly follow each other in one transaction.

    The register truncated them in one statement or in several; in one they are right either way, because nothing
    happened in between, and only together may tables go that refer to each other.
    """
    found = sorted(
        (place, (shape.schema.relation_schema, shape.schema.relation_name))
        for shape in decoded.shapes
        if "t" in shape.ops
        for place, op in zip(shape.places, shape.ops, strict=True)
        if op == "t"
    )
    starts = {frame.first for frame in decoded.frames}
    runs: list[tuple[int, int, list[TableName]]] = []
    for place, table in found:
        if runs and runs[-1][1] == place and place not in starts:
            begin, _, tables = runs[-1]
            runs[-1] = (begin, place + 1, tables if table in tables else [*tables, table])
        else:
            runs.append((place, place + 1, [table]))
    return runs


def _slices(decoded: Decoded, first: int, last: int) -> dict[TableName, list[Slice]]:
    """Each table's changes at the places `first` to `last` (exclusive)."""
    slices: dict[TableName, list[Slice]] = {}
    for shape in decoded.shapes:
        part = Slice(shape=shape, first=bisect_left(shape.places, first), last=bisect_left(shape.places, last))
        if part.first < part.last:
            slices.setdefault((shape.schema.relation_schema, shape.schema.relation_name), []).append(part)
    return slices
