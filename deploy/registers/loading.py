"""Writing a generated register: COPY text in blocks, rows counted by table."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from random import Random

from psycopg import Connection, sql

_BLOCK_LINES = 2_000
_BLOCK_CHARACTERS = 1 << 20
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"})

Value = str | int | float | Decimal | bool | bytes | date | datetime | None


def line(*values: Value) -> str:
    """One row as COPY text; None is NULL. Numbers, days and moments stand as Python spells them, bytes in hex."""
    return "\t".join(map(_text, values)) + "\n"


def _text(value: Value) -> str:
    if value is None:
        return r"\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, bytes):
        return rf"\\x{value.hex()}"
    return str(value)


class Load:
    """A register being filled, inside one transaction. `rng` is the only source of chance."""

    def __init__(self, connection: Connection[tuple[object, ...]], *, schema: str, rng: Random) -> None:
        self.rng = rng
        self.rows: dict[str, int] = {}
        self._connection = connection
        self._schema = schema

    def copy(self, table: str, columns: Iterable[str], lines: Iterable[str]) -> None:
        """Write rows into a table of the register, in blocks: neither side holds them all."""
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(self._schema, table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        rows = 0
        with self._connection.cursor().copy(statement) as copy:
            block: list[str] = []
            characters = 0
            for text in lines:
                block.append(text)
                characters += len(text)
                if len(block) == _BLOCK_LINES or characters > _BLOCK_CHARACTERS:
                    copy.write("".join(block))
                    rows += len(block)
                    block, characters = [], 0
            copy.write("".join(block))
        self.rows[table] = self.rows.get(table, 0) + rows + len(block)

    def execute(self, statement: str) -> None:
        """Run one statement of the generator's own, for example to set a sequence past the rows."""
        self._connection.execute(statement.encode())

    def restart(self, table: str, column: str = "id") -> None:
        """Let a serial or identity column go on behind the largest value that was written."""
        name = sql.Identifier(self._schema, table)
        self._connection.execute(
            sql.SQL("SELECT setval(pg_get_serial_sequence({}, {}), max({})) FROM {}").format(
                sql.Literal(f'"{self._schema}"."{table}"'), sql.Literal(column), sql.Identifier(column), name
            )
        )

    def analyze(self) -> None:
        """Let the planner know what was written."""
        tables = sql.SQL(", ").join(sql.Identifier(self._schema, table) for table in self.rows)
        self._connection.execute(sql.SQL("ANALYZE {}").format(tables))
