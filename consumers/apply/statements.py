"""SQL for one table, composed, never formatted from input. Pure.

Names: `t` is the standby's table, `s` the staging table. Staging holds column i of the table as `c<i>` and, for rows
that take values from the standby, column i of the key as `o<i>`; `kind` and `pattern` say what is to be done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from psycopg import sql

from consumers.apply.table import KeyColumn, QualifiedName, Table

KIND_UPDATE: Final = 0
KIND_REPLACE: Final = 1
KIND_INSERT: Final = 2

_AND: Final = sql.SQL(" AND ")
_COMMA: Final = sql.SQL(", ")
_EMPTY: Final = sql.SQL("")


def raw(text: str) -> sql.SQL:
    """SQL that PostgreSQL's own catalog functions wrote (types, expressions, operators)."""
    return sql.SQL(text)


def qualified(name: QualifiedName) -> sql.Identifier:
    """`schema.name`."""
    return sql.Identifier(*name)


def target(table: Table) -> sql.Identifier:
    """The standby's table."""
    return sql.Identifier(table.schema, table.name)


def operator(name: QualifiedName) -> sql.Composed:
    """The operator by its full name."""
    return sql.SQL("OPERATOR({}.{})").format(sql.Identifier(name[0]), raw(name[1]))


def collate(collation: QualifiedName | None) -> sql.Composable:
    """COLLATE, or nothing."""
    return sql.SQL(" COLLATE {}").format(qualified(collation)) if collation else _EMPTY


def _column(table: Table, position: int) -> sql.Identifier:
    return sql.Identifier(table.columns[position].name)


def _names(table: Table, positions: Iterable[int]) -> sql.Composed:
    return _COMMA.join(_column(table, p) for p in positions)


def _staged(positions: Iterable[int]) -> sql.Composed:
    return _COMMA.join(sql.Identifier("s", f"c{p}") for p in positions)


def _key_match(table: Table, prefix: str) -> sql.Composed:
    def match(column: KeyColumn) -> sql.Composed:
        return sql.SQL("t.{}{} {} s.{}").format(
            _column(table, column.position),
            collate(column.collation),
            operator(column.equals),
            sql.Identifier(f"{prefix}{column.position}"),
        )

    return _AND.join(map(match, table.key))


def create_staging(table: Table, name: sql.Identifier) -> sql.Composed:
    """A temporary table typed like the target, without its constraints."""

    def typed(prefix: str, position: int) -> sql.Composed:
        column = table.columns[position]
        return sql.SQL("{} {}{}").format(
            sql.Identifier(f"{prefix}{position}"), raw(column.type_text), collate(column.collation)
        )

    columns = [typed("o", p) for p in table.key_positions] + [typed("c", p) for p in range(len(table.columns))]
    return sql.SQL("CREATE TEMPORARY TABLE {} (kind int2, pattern int4, {})").format(name, _COMMA.join(columns))


def create_key_staging(table: Table, name: sql.Identifier) -> sql.Composed:
    """The same for the keys of deleted rows."""
    columns = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(f"c{p}"), raw(table.columns[p].type_text), collate(table.columns[p].collation)
        )
        for p in table.key_positions
    ]
    return sql.SQL("CREATE TEMPORARY TABLE {} ({})").format(name, _COMMA.join(columns))


def copy_into(name: sql.Identifier, columns: Sequence[str]) -> sql.Composed:
    """COPY the named columns from CSV."""
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, ENCODING 'UTF8')").format(
        name, _COMMA.join(map(sql.Identifier, columns))
    )


def mark_replaced(table: Table, stage: sql.Identifier, pattern: int, unresolved: Sequence[int]) -> sql.Composed | None:
    """Mark those updates that change a guarded column: they must not be made in place."""
    guarded = [p for p in table.guard if p not in unresolved]
    if not guarded:
        return None

    def row(source: str) -> sql.Composed:
        # The image, not the value: whatever differs in a byte is taken to change an index entry.
        cells = (
            sql.SQL("CAST({}.{} AS {})").format(
                sql.Identifier(source),
                _column(table, p) if source == "t" else sql.Identifier(f"c{p}"),
                qualified(table.columns[p].cast),
            )
            for p in guarded
        )
        return sql.SQL("CAST(ROW({}) AS record)").format(_COMMA.join(cells))

    return sql.SQL(
        "UPDATE {} AS s SET kind = {} FROM ONLY {} AS t WHERE s.kind = {} AND s.pattern = {} AND {} "
        "AND {} OPERATOR(pg_catalog.*<>) {}"
    ).format(
        stage, KIND_REPLACE, target(table), KIND_UPDATE, pattern, _key_match(table, "c"), row("t"), row("s")
    )  # fmt: skip


def resolve(table: Table, stage: sql.Identifier, pattern: int, unresolved: Sequence[int]) -> sql.Composed:
    """Fetch the unchanged values of rows that will be inserted from the standby's rows they come from."""
    sets = _COMMA.join(sql.SQL("{} = t.{}").format(sql.Identifier(f"c{p}"), _column(table, p)) for p in unresolved)
    return sql.SQL("UPDATE {} AS s SET {} FROM ONLY {} AS t WHERE s.kind <> {} AND s.pattern = {} AND {}").format(
        stage, sets, target(table), KIND_UPDATE, pattern, _key_match(table, "o")
    )


def delete_keys(table: Table, stage: sql.Identifier) -> sql.Composed:
    """Delete the rows of the staged keys."""
    return sql.SQL("DELETE FROM ONLY {} AS t USING {} AS s WHERE {}").format(
        target(table), stage, _key_match(table, "c")
    )


def delete_replaced(table: Table, stage: sql.Identifier) -> sql.Composed:
    """Delete the old states of rows that are not updated in place."""
    return sql.SQL("DELETE FROM ONLY {} AS t USING {} AS s WHERE s.kind = {} AND {}").format(
        target(table), stage, KIND_REPLACE, _key_match(table, "c")
    )


def update_staged(table: Table, stage: sql.Identifier, pattern: int, unresolved: Sequence[int]) -> sql.Composed:
    """Update rows in place, leaving the columns alone whose values only the standby has."""
    chosen = [p for p in table.settable if p not in unresolved]
    where = sql.SQL("s.kind = {} AND s.pattern = {} AND {}").format(KIND_UPDATE, pattern, _key_match(table, "c"))
    if not chosen:
        # Nothing to write, but the rows must be there: a statement that counts them.
        return sql.SQL("SELECT FROM ONLY {} AS t, {} AS s WHERE {}").format(target(table), stage, where)
    sets = _COMMA.join(sql.SQL("{} = s.{}").format(_column(table, p), sql.Identifier(f"c{p}")) for p in chosen)
    return sql.SQL("UPDATE ONLY {} AS t SET {} FROM {} AS s WHERE {}").format(target(table), sets, stage, where)


def insert_staged(table: Table, stage: sql.Identifier) -> sql.Composed:
    """Insert the final states of rows that are new or were deleted to be replaced."""
    return sql.SQL("INSERT INTO {} ({}) {}SELECT {} FROM {} AS s WHERE s.kind <> {}").format(
        target(table),
        _names(table, table.writable),
        overriding(table),
        _staged(table.writable),
        stage,
        KIND_UPDATE,
    )


def overriding(table: Table) -> sql.SQL:
    """What lets INSERT write identity columns."""
    return sql.SQL("OVERRIDING SYSTEM VALUE " if any(c.is_identity for c in table.columns) else "")


def rank_keys(table: Table) -> sql.Composed:
    """Give keys, passed as one array of texts per key column, numbers by the index's own comparison."""
    arguments = _COMMA.join(sql.SQL("CAST({} AS text[])").format(raw(f"${n + 1}")) for n in range(len(table.key)))

    def order(n: int, column: KeyColumn) -> sql.Composed:
        typed = table.columns[column.position]
        return sql.SQL("CAST(k.{} AS {}){} USING {}").format(
            sql.Identifier(f"k{n}"),
            raw(typed.type_text),
            collate(column.collation or typed.collation),
            operator(column.less),
        )

    return sql.SQL(
        "SELECT dense_rank() OVER (ORDER BY {}) FROM unnest({}) WITH ORDINALITY AS k({}, place) ORDER BY place"
    ).format(
        _COMMA.join(order(n, column) for n, column in enumerate(table.key)),
        arguments,
        _COMMA.join(sql.Identifier(f"k{n}") for n in range(len(table.key))),
    )


def truncate(tables: Sequence[Table]) -> sql.Composed:
    """Truncate tables that one statement of the register truncated: alone, referenced ones would be refused."""
    return sql.SQL("TRUNCATE {}").format(_COMMA.join(sql.SQL("ONLY {}").format(target(t)) for t in tables))


def image(cells: Iterable[sql.Composable]) -> sql.Composed:
    """The text of a whole row."""
    # A row's text consists of the texts that the types' output functions give; a cast to text may differ from them
    # (bool, char(n), inet), and many types have no equality.
    return sql.SQL("CAST(ROW({}) AS text)").format(_COMMA.join(cells))


def delete_images(table: Table, stage: sql.Identifier) -> sql.Composed:
    """Delete rows by their whole images.

    In staging, `kind` is unused, `pattern` numbers the images, `o_need` of the rows must exist and `o_take` of them go.
    Returns (rows deleted, images of which enough rows existed).
    """
    writable = table.writable
    return sql.SQL(
        "WITH found AS MATERIALIZED ("
        "SELECT t.ctid AS place, s.pattern, s.o_need, s.o_take, "
        "row_number() OVER (PARTITION BY s.pattern) AS rank, count(*) OVER (PARTITION BY s.pattern) AS present "
        'FROM ONLY {target} AS t JOIN {stage} AS s ON {image_t} COLLATE "C" = {image_s} COLLATE "C"), '
        "gone AS (DELETE FROM ONLY {target} AS d USING found AS f WHERE d.ctid = f.place AND f.rank <= f.o_take "
        "RETURNING 1) "
        "SELECT (SELECT count(*) FROM gone), "
        "(SELECT count(DISTINCT f.pattern) FROM found AS f WHERE f.present >= f.o_need)"
    ).format(
        target=target(table),
        stage=stage,
        image_t=image(sql.Identifier("t", table.columns[p].name) for p in writable),
        image_s=image(sql.Identifier("s", f"c{p}") for p in writable),
    )  # fmt: skip


def create_image_staging(table: Table, name: sql.Identifier) -> sql.Composed:
    """Staging for images of rows without a key."""
    columns = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(f"c{p}"), raw(table.columns[p].type_text), collate(table.columns[p].collation)
        )
        for p in table.writable
    ]
    return sql.SQL("CREATE TEMPORARY TABLE {} (pattern int4, o_need int8, o_take int8, {})").format(
        name, _COMMA.join(columns)
    )
