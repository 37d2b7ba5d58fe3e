"""Reads tables of the standby from its catalog, once each until `forget`."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final, NamedTuple

from psycopg import sql

from consumers.apply.errors import TableMissing
from consumers.apply.table import (
    Column,
    DeferredConstraint,
    DeferredElement,
    GeneratedColumn,
    KeyColumn,
    QualifiedName,
    Table,
)
from data_embassy.postgres import Connection


def _load(name: str) -> sql.SQL:
    # Our own files, not input: the only text that becomes SQL without composition.
    return sql.SQL(files("consumers.apply").joinpath("sql", name).read_text(encoding="utf-8"))


_TABLE: Final = _load("table.sql")
_COLUMNS: Final = _load("columns.sql")
_INDEXES: Final = _load("indexes.sql")
_INDEX_KEYS: Final = _load("index_keys.sql")


class Catalog:
    """Tables by name, cached. The cache holds until the caller says that the schema may have changed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tables: dict[tuple[str, str], Table] = {}

    def table(self, schema: str, name: str) -> Table:
        """The standby's table; raises TableMissing."""
        found = self._tables.get((schema, name))
        if found is None:
            found = self._tables[schema, name] = self._read(schema, name)
        return found

    def forget(self) -> None:
        """Drop the cache."""
        self._tables.clear()

    def _read(self, schema: str, name: str) -> Table:
        row = self._connection.execute(_TABLE, {"schema": schema, "name": name}).fetchone()
        if row is None:
            raise TableMissing(f"{schema}.{name}")
        oid, identity = row
        attributes = [_Attribute(*r) for r in self._connection.execute(_COLUMNS, {"oid": oid}).fetchall()]
        indexes = [_Index(*r) for r in self._connection.execute(_INDEXES, {"oid": oid}).fetchall()]
        keys = {
            index.oid: [_IndexKey(*r) for r in self._connection.execute(_INDEX_KEYS, {"index": index.oid}).fetchall()]
            for index in indexes
        }
        return _build(
            (schema, name),
            identity=_identity_index(identity, indexes),
            attributes=attributes,
            indexes=indexes,
            keys=keys,
        )


class _Attribute(NamedTuple):
    number: int
    name: str
    type_text: str
    type_schema: str
    type_name: str
    has_canonical_text: bool
    collation_schema: str | None
    collation_name: str | None
    collation_is_deterministic: bool
    is_generated: bool
    identity: str
    expression: str | None
    """What a generated column is made of."""

    @property
    def collation(self) -> QualifiedName | None:
        if self.collation_schema is None or self.collation_name is None:
            return None
        return self.collation_schema, self.collation_name


class _Index(NamedTuple):
    oid: int
    is_primary: bool
    is_identity: bool
    is_immediate: bool
    can_locate: bool
    reads: list[int]
    constraint: str | None
    nulls_not_distinct: bool
    predicate: str | None


class _IndexKey(NamedTuple):
    number: int
    expression: str
    collation_schema: str | None
    collation_name: str | None
    collation_is_deterministic: bool
    collation_is_column_own: bool
    equals_schema: str
    equals: str
    less_schema: str
    less: str
    conflict_schema: str | None
    conflict: str | None

    @property
    def explicit_collation(self) -> QualifiedName | None:
        if self.collation_schema is None or self.collation_name is None or self.collation_is_column_own:
            return None
        return self.collation_schema, self.collation_name


def _identity_index(identity: str, indexes: list[_Index]) -> _Index | None:
    """The index that locates rows: the replica identity's, or under FULL any key, the primary one first.

    FULL changes carry every column, so any key locates the same row as the whole image does.
    """
    usable = [index for index in indexes if index.can_locate and index.is_immediate]
    if identity == "i":
        usable = [index for index in usable if index.is_identity]
    elif identity == "d":
        usable = [index for index in usable if index.is_primary]
    elif identity == "n":
        usable = []
    return min(usable, key=lambda index: (not index.is_primary, index.oid), default=None)


def _build(
    relation: tuple[str, str],
    *,
    identity: _Index | None,
    attributes: list[_Attribute],
    indexes: list[_Index],
    keys: dict[int, list[_IndexKey]],
) -> Table:
    key_parts = keys[identity.oid] if identity else []
    key_numbers = {part.number for part in key_parts}
    kept = [a for a in attributes if not a.is_generated or a.number in key_numbers]
    position = {attribute.number: i for i, attribute in enumerate(kept)}
    others = [index for index in indexes if index is not identity]
    return Table(
        schema=relation[0],
        name=relation[1],
        columns=tuple(_column(attribute) for attribute in kept),
        generated=tuple(
            GeneratedColumn(name=a.name, type_text=a.type_text, collation=a.collation, expression=a.expression)
            for a in attributes
            if a.expression is not None
        ),
        key=tuple(_key_column(part, position, attributes) for part in key_parts),
        guard=_guard([index for index in others if index.is_immediate], kept, position, key_numbers),
        deferred=tuple(_deferred(index, keys[index.oid]) for index in others if not index.is_immediate),
    )


def _column(attribute: _Attribute) -> Column:
    return Column(
        name=attribute.name,
        type_text=attribute.type_text,
        cast=(attribute.type_schema, attribute.type_name),
        collation=attribute.collation,
        is_generated=attribute.is_generated,
        is_identity=attribute.identity != "",
        is_identity_always=attribute.identity == "a",
    )


def _key_column(part: _IndexKey, position: dict[int, int], attributes: list[_Attribute]) -> KeyColumn:
    (attribute,) = (a for a in attributes if a.number == part.number)
    return KeyColumn(
        position=position[part.number],
        equals=(part.equals_schema, part.equals),
        less=(part.less_schema, part.less),
        collation=part.explicit_collation,
        is_canonical=attribute.has_canonical_text and part.collation_is_deterministic,
    )


def _guard(
    immediate: list[_Index], kept: list[_Attribute], position: dict[int, int], key_numbers: set[int]
) -> tuple[int, ...]:
    numbers = {number for index in immediate for number in index.reads}
    if not numbers <= position.keys():
        # A whole row (0) or a generated column, which is made of any of the others.
        numbers = {attribute.number for attribute in kept}
    numbers |= {a.number for a in kept if a.identity == "a" and a.number not in key_numbers}
    return tuple(sorted(position[number] for number in numbers))


def _deferred(index: _Index, parts: list[_IndexKey]) -> DeferredConstraint:
    def element(part: _IndexKey) -> DeferredElement:
        operator: Any = (part.equals_schema, part.equals)
        if part.conflict_schema is not None and part.conflict is not None:
            operator = (part.conflict_schema, part.conflict)
        return DeferredElement(expression=part.expression, operator=operator, collation=part.explicit_collation)

    return DeferredConstraint(
        name=index.constraint or "unnamed",
        elements=tuple(map(element, parts)),
        predicate=index.predicate,
        nulls_conflict=index.nulls_not_distinct,
    )
