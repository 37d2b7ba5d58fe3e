"""Cuts a group at its schema changes and at its truncates. Pure."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from consumers.apply.changes import Decoded, ShapeChanges
from consumers.apply.images import Slice

TableName = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Segment:
    """Row changes by table, and the tables that are truncated together after them."""

    tables: dict[TableName, list[Slice]] = field(default_factory=dict)
    truncated: list[TableName] = field(default_factory=list)


def cut_segments(decoded: Decoded) -> list[Segment]:
    """The truncates, then all changes that come after the last truncate of their table.

    What a group writes into a table before it truncates it leaves nothing behind, and other tables do not depend on
    it. So a register that fills and truncates a staging table all the time costs little more than one that does not.
    """
    begins: dict[TableName, int] = {}
    together: list[list[TableName]] = []
    for last, tables in _truncates(decoded):
        begins |= dict.fromkeys(tables, last)
        if tables not in together:
            together.append(tables)
    tail = _slices(decoded, begins)
    segments = [Segment(truncated=tables) for tables in together]
    return [*segments, Segment(tables=tail)] if tail or not segments else segments


def cut_at(decoded: Decoded, places: Sequence[int]) -> list[Decoded]:
    """The changes before the first place, between the places, and from the last one on; places stay what they are."""
    bounds = [0, *places, decoded.count]
    return [
        replace(decoded, shapes=tuple(_between(decoded, first, last)), ddl=(), pulses=())
        for first, last in itertools.pairwise(bounds)
    ]


def _between(decoded: Decoded, first: int, last: int) -> Iterator[ShapeChanges]:
    for shape in decoded.shapes:
        low, high = bisect_left(shape.places, first), bisect_left(shape.places, last)
        if low == 0 and high == len(shape.places):
            yield shape
        elif low < high:
            yield replace(
                shape,
                places=shape.places[low:high],
                ops=shape.ops[low:high],
                columns=None if shape.columns is None else shape.columns.slice(low, high - low),
                records=None if shape.records is None else shape.records[low:high],
            )


def _truncates(decoded: Decoded) -> list[tuple[int, list[TableName]]]:
    """(place behind, tables) of truncates that directly follow each other in one transaction.

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
    runs: list[tuple[int, list[TableName]]] = []
    for place, table in found:
        if runs and runs[-1][0] == place and place not in starts:
            _, tables = runs[-1]
            runs[-1] = (place + 1, tables if table in tables else [*tables, table])
        else:
            runs.append((place + 1, [table]))
    return runs


def _slices(decoded: Decoded, begins: Mapping[TableName, int]) -> dict[TableName, list[Slice]]:
    """Each table's changes from its place on."""
    slices: dict[TableName, list[Slice]] = {}
    for shape in decoded.shapes:
        name = (shape.schema.relation_schema, shape.schema.relation_name)
        first = bisect_left(shape.places, begins.get(name, 0))
        if first < len(shape.places):
            slices.setdefault(name, []).append(Slice(shape=shape, first=first, last=len(shape.places)))
    return slices
