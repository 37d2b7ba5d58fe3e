"""The set-based path for a table without a key: rows that are equal in every column cannot be told apart.

A table is then a multiset of images, and a group's net effect is a number per image. An update is a deletion of the
old image and an insertion of the new one. Deletes come before inserts, so every state in between is a part of the
state before or after the group, and no constraint breaks.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from consumers.apply import statements
from consumers.apply.errors import Divergence, UnidentifiedRow
from consumers.apply.images import Images, pick
from consumers.apply.staging import Staging, copy_columns, hash_joins
from consumers.apply.table import Table
from data_embassy.postgres import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageNet:
    """Net effect per image, each named by a place where it stands."""

    inserted: list[int]
    """Places of images to insert, one entry for each row."""
    needed: list[tuple[int, int, int]]
    """(place, rows that must exist now, rows to delete)."""


def fold_images(ops: list[str], old: list[int], new: list[int]) -> ImageNet:
    """Reduce changes to a number per image. `old` and `new` number the images; unused ones are not read."""
    balance: dict[int, int] = {}
    lowest: dict[int, int] = {}
    for op, before, after in zip(ops, old, new, strict=True):
        if op != "c":
            balance[before] = balance.get(before, 0) - 1
            lowest[before] = min(lowest.get(before, 0), balance[before])
        if op != "d":
            balance[after] = balance.get(after, 0) + 1
    return ImageNet(
        inserted=[image for image, count in balance.items() for _ in range(max(count, 0))],
        needed=[(image, -low, max(-balance[image], 0)) for image, low in lowest.items() if low < 0],
    )


class ImageMerge:
    """Merges groups of changes of tables without a key."""

    def __init__(self, connection: Connection, staging: Staging) -> None:
        self._connection = connection
        self._staging = staging

    def apply(self, table: Table, images: Images, frame_starts: AbstractSet[int]) -> sql.Identifier | None:
        """Apply the changes of one table; returns the staging of the inserted rows when it is needed."""
        columns, net = _net_effect(table, images, frame_starts)
        if net.needed:
            self._delete(table, columns, net.needed)
        return self._insert(table, columns, net.inserted) if net.inserted else None

    def _delete(self, table: Table, columns: dict[int, pa.Array], needed: list[tuple[int, int, int]]) -> None:
        stage = self._staging.empty(table, "images", statements.create_image_staging)
        places, need, take = (list(part) for part in zip(*needed, strict=True))
        copy_columns(
            self._connection,
            stage,
            [
                ("pattern", pa.array(range(len(needed)), pa.int32())),
                ("o_need", pa.array(need, pa.int64())),
                ("o_take", pa.array(take, pa.int64())),
                *((f"c{p}", pick(column, places)) for p, column in columns.items()),
            ],
        )
        with hash_joins(self._connection):
            row = self._connection.execute(statements.delete_images(table, stage)).fetchone()
        assert row is not None
        deleted, present = row
        if deleted != sum(take) or present != len(needed):
            raise Divergence(
                table.label,
                f"whole rows to delete: {deleted} of {sum(take)} found, {present} of {len(needed)} images present",
            )

    def _insert(self, table: Table, columns: dict[int, pa.Array], inserted: list[int]) -> sql.Identifier | None:
        values = {p: pick(column, inserted) for p, column in columns.items()}
        if not table.deferred:
            named = [(table.columns[p].name, column) for p, column in values.items()]
            copy_columns(self._connection, statements.target(table), named)
            return None
        stage = self._staging.empty(table, "rows", statements.create_staging)
        kinds = pa.array([statements.KIND_INSERT] * len(inserted), pa.int16())
        copy_columns(self._connection, stage, [("kind", kinds), *((f"c{p}", c) for p, c in values.items())])
        found = self._connection.execute(statements.insert_staged(table, stage)).rowcount
        if found != len(inserted):
            raise Divergence(table.label, f"rows to insert: {found} of {len(inserted)} inserted")
        return stage


def _net_effect(table: Table, images: Images, frame_starts: AbstractSet[int]) -> tuple[dict[int, pa.Array], ImageNet]:
    """All images of the group in one list (old ones, then new ones), and the net effect over places in it."""
    count = len(images.ops)
    held = _where_held(table, images, frame_starts)
    columns = {p: pa.concat_arrays([images.before[p], images.after[p]]) for p in table.writable}
    for position, moves in held.items():
        places: list[int | None] = [moves.get(place, place) for place in range(2 * count)]
        columns[position] = pick(columns[position], places)
    if all(op == "c" for op in images.ops):
        return columns, ImageNet(inserted=list(range(count, 2 * count)), needed=[])
    has_old = images.has_before.to_pylist()
    if any(op != "c" and not has for op, has in zip(images.ops, has_old, strict=True)):
        raise UnidentifiedRow(table.label, "it has no key and the change no full old image")
    # The first place of an image stands for it; places of absent images are numbered, too, and never read.
    first: dict[int, int] = {}
    names = [first.setdefault(number, place) for place, number in enumerate(number_images(list(columns.values())))]
    return columns, fold_images(images.ops, names[:count], names[count:])


def _where_held(table: Table, images: Images, frame_starts: AbstractSet[int]) -> dict[int, dict[int, int]]:
    """Column to (place of an unchanged value to the place in the old images that holds it)."""
    count = len(images.ops)
    unchanged = images.unchanged()
    key_changes = images.key_changes(unchanged, frame_starts)
    held: dict[int, dict[int, int]] = {}
    for event, positions in unchanged.items():
        old = event - 1 if event in key_changes else event
        if images.ops[event] == "c" and event not in key_changes:
            raise UnidentifiedRow(table.label, "an inserted row lacks values and follows no deletion")
        for position in positions:
            held.setdefault(position, {})[count + event] = old
    return held


def number_images(columns: list[pa.Array]) -> list[int]:
    """Equal numbers for rows that are equal in every column; NULL equals NULL."""
    numbers = pa.array([0] * len(columns[0]), pa.int64()) if columns else pa.array([], pa.int64())
    for column in columns:
        encoded = column.dictionary_encode(null_encoding="encode")
        combined = pc.add(pc.multiply(numbers, max(len(encoded.dictionary), 1)), encoded.indices.cast(pa.int64()))
        numbers = combined.dictionary_encode().indices.cast(pa.int64())
    listed: list[int] = numbers.to_pylist()
    return listed
