"""A register and its standby without Kafka: an oracle for the apply.

Triggers in the register write down every row change in its own order, as text. From that log come the same stream-v1
change records that the capture plugin makes. After the apply, every row of every table must be equal as text.
"""

import io
import itertools
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import fastavro
import psycopg
from psycopg import sql

from consumers.apply import Applied, Applier, Decoder, Frame, prepare_session
from data_embassy.postgres import PINNED_SETTINGS, Connection
from schemas.records import MAGIC, UNCHANGED, ChangeSchema

LARGE_SIZE_MIN = 200
"""In this oracle an unchanged value of this size travels as unchanged, as a value stored out of line would."""

_LOG = """
CREATE SCHEMA oracle;
CREATE TABLE oracle.log (n bigint GENERATED ALWAYS AS IDENTITY, tx xid8 DEFAULT pg_current_xact_id(),
    relation oid, op text, old text[], new text[]);
CREATE FUNCTION oracle.truncated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO oracle.log (relation, op) VALUES (TG_RELID, 't'); RETURN NULL; END $$;
"""
_TABLES = """
SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'oracle')
ORDER BY 2, 3
"""
_COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped AND {} ORDER BY 1"
_IDENTITY = """
SELECT c.relreplident, ARRAY(
    SELECT a.attname FROM pg_index i, unnest(i.indkey::int2[]) k, pg_attribute a
    WHERE i.indrelid = c.oid AND a.attrelid = c.oid AND a.attnum = k
      AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END)::text[]
FROM pg_class c WHERE c.oid = %s
"""


@dataclass(frozen=True)
class Transaction:
    """The change values of one source transaction."""

    number: int
    values: list[bytes]


@dataclass
class Relation:
    """A table of the register as the capture plugin sees it."""

    schema: ChangeSchema
    parsed: Any
    identity: str
    key: set[str]

    def encode(self, op: str, order: int, tx: int, before: Sequence[str | None] | None, after: Any) -> bytes:
        """One change value."""
        record = {"op": op, "order": order, "transaction": tx, "lsn": order}
        for name, image in (("before", before), ("after", after)):
            record[name] = None if image is None else {f"c{i}": value for i, value in enumerate(image)}
        return MAGIC + self.schema.fingerprint + encode_body(self.parsed, record)

    def key_of(self, image: Sequence[str | None]) -> list[str | None]:
        """The identity columns of an image; the others are null."""
        return [v if name in self.key else None for name, v in zip(self.schema.columns, image, strict=True)]

    def changes(self, op: str, old: list[str | None], new: list[str | None]) -> Iterator[tuple[str, Any, Any]]:
        """(op, before, after) as the capture plugin reports this row change (stream-v1 section 4)."""
        full = self.identity == "f"
        if op == "c":
            yield "c", None, new
        elif op == "d":
            yield "d", old if full else self.key_of(old), None
        else:
            after = new if full else [mark(a, b) for a, b in zip(old, new, strict=True)]
            if self.key and self.key_of(old) != self.key_of(new):
                yield "d", old if full else self.key_of(old), None
                yield "c", None, after
            else:
                yield "u", old if full else None, after


def mark(old: str | None, new: str | None) -> str | None:
    """The new value as it travels: a large one that stayed is not sent again."""
    return UNCHANGED if new is not None and old == new and len(new) >= LARGE_SIZE_MIN else new


def encode_body(parsed: Any, record: dict[str, Any]) -> bytes:
    """Avro binary of a change record."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parsed, record)
    return out.getvalue()


def connect(dsn: str, *, autocommit: bool = False) -> Connection:
    """Connect with the pinned settings."""
    options = " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in PINNED_SETTINGS.items())
    return psycopg.connect(dsn, options=options, client_encoding="UTF8", autocommit=autocommit)


@dataclass
class RegisterPair:
    """A register that is watched and its standby, both with the same tables."""

    register: Connection
    standby: Connection
    dsn_of_standby: str
    relations: dict[int, Relation] = field(default_factory=dict)
    schemas: dict[bytes, ChangeSchema] = field(default_factory=dict)
    _read: int = 0

    def watch(self) -> None:
        """Put triggers on every table of the register."""
        self.register.execute(_LOG)
        for oid, schema, name in self.register.execute(_TABLES).fetchall():
            self._watch_table(oid, schema, name)
        self.register.commit()

    def _watch_table(self, oid: int, schema: str, name: str) -> None:
        generated = "attgenerated IN ('', 's')" if self.register.info.server_version >= 180000 else "attgenerated = ''"
        columns = [r[0] for r in self.register.execute(_COLUMNS.format(generated), (oid,)).fetchall()]
        row = self.register.execute(_IDENTITY, (oid,)).fetchone()
        assert row is not None
        change = ChangeSchema.build(schema, name, tuple(columns))
        self.schemas[change.fingerprint] = change
        parsed = fastavro.parse_schema(json.loads(change.json))
        self.relations[oid] = Relation(schema=change, parsed=parsed, identity=row[0], key=set(row[1]))

        def texts(source: str) -> sql.Composed:
            cells = (
                sql.SQL(
                    "CASE WHEN ({s}.{c}) IS NOT DISTINCT FROM NULL THEN NULL ELSE format('%s', {s}.{c}) END"
                ).format(s=sql.SQL(source), c=sql.Identifier(column))
                for column in columns
            )
            return sql.SQL("ARRAY[{}]::text[]").format(sql.SQL(", ").join(cells))

        def image(source: str, unless: str) -> sql.Composed:
            return sql.SQL("CASE WHEN TG_OP <> {} THEN {} END").format(unless, texts(source))

        function = sql.Identifier("oracle", f"changed_{oid}")
        body = sql.SQL(
            "BEGIN INSERT INTO oracle.log (relation, op, old, new) VALUES (TG_RELID, "
            "CASE TG_OP WHEN 'INSERT' THEN 'c' WHEN 'UPDATE' THEN 'u' ELSE 'd' END, {}, {}); RETURN NULL; END"
        ).format(image("OLD", "INSERT"), image("NEW", "DELETE"))
        self.register.execute(
            sql.SQL("CREATE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS {}").format(
                function, sql.Literal(body.as_string(self.register))
            )
        )
        table = sql.Identifier(schema, name)
        self.register.execute(
            sql.SQL(
                "CREATE TRIGGER oracle_row AFTER INSERT OR UPDATE OR DELETE ON {t} FOR EACH ROW EXECUTE FUNCTION {f}();"
                "CREATE TRIGGER oracle_all AFTER TRUNCATE ON {t} FOR EACH STATEMENT EXECUTE FUNCTION oracle.truncated()"
            ).format(t=table, f=function)
        )

    def alter(self, schema: str, name: str, ddl: str) -> None:
        """Change a table of the register, and watch it anew."""
        table = sql.Identifier(schema, name)
        (oid,) = self.register.execute("SELECT %s::regclass::oid", (table.as_string(self.register),)).fetchone() or (0,)
        self.register.execute(sql.SQL("DROP FUNCTION {} CASCADE").format(sql.Identifier("oracle", f"changed_{oid}")))
        self.register.execute(sql.SQL("DROP TRIGGER oracle_all ON {}").format(table))
        self.register.execute(sql.SQL("ALTER TABLE {} {}").format(table, sql.SQL(ddl)))
        self._watch_table(oid, schema, name)
        self.register.commit()

    def watch_table(self, schema: str, name: str) -> Relation:
        """Watch a table that was made later."""
        for oid, found_schema, found_name in self.register.execute(_TABLES).fetchall():
            if (found_schema, found_name) == (schema, name):
                self._watch_table(oid, schema, name)
                self.register.commit()
                return self.relations[oid]
        raise LookupError(name)

    def run(self, *statements: str) -> None:
        """One source transaction."""
        for statement in statements:
            self.register.execute(statement)
        self.register.commit()

    def transactions(self) -> list[Transaction]:
        """The source transactions since the last call."""
        rows = self.register.execute(
            "SELECT n, tx::text::bigint, relation, op, old, new FROM oracle.log WHERE n > %s ORDER BY n", (self._read,)
        ).fetchall()
        self.register.commit()
        if rows:
            self._read = rows[-1][0]
        return [
            Transaction(tx, list(self._encode(tx, list(group))))
            for tx, group in itertools.groupby(rows, key=lambda row: row[1])
        ]

    def _encode(self, tx: int, rows: list[tuple[Any, ...]]) -> Iterator[bytes]:
        order = 0
        for _, _, oid, op, old, new in rows:
            relation = self.relations[oid]
            changes = [("t", None, None)] if op == "t" else relation.changes(op, old, new)
            for kind, before, after in changes:
                order += 1
                yield relation.encode(kind, order, tx, before, after)

    @contextmanager
    def applying(self, *, row_path_count_max: int) -> Iterator["Standby"]:
        """A receiver's connection to the standby."""
        with connect(self.dsn_of_standby) as connection:
            prepare_session(connection)
            yield Standby(connection, Applier(connection, row_path_count_max=row_path_count_max), Decoder(self.schemas))

    def apply(self, *, row_path_count_max: int, cut: Callable[[list[Transaction]], Any] | None = None) -> None:
        """Apply what the register did since the last call: all in one group, or as `cut` says."""
        groups = (cut or (lambda all_: [all_]))(self.transactions())
        with self.applying(row_path_count_max=row_path_count_max) as standby:
            for group in groups:
                standby.apply(group)

    def assert_equal(self) -> None:
        """Every row of every table is equal as text."""
        tables = self.register.execute(_TABLES).fetchall()
        for _, schema, name in tables:
            home, abroad = (rows_as_text(c, schema, name) for c in (self.register, self.standby))
            assert home == abroad, f"{schema}.{name} differs"


@dataclass
class Standby:
    """The receiving side of a test."""

    connection: Connection
    applier: Applier
    decoder: Decoder

    def apply(self, group: Iterable[Transaction], *, piece_size: int | None = None) -> Applied:
        """Apply whole transactions and commit; with `piece_size`, one transaction in pieces."""
        try:
            if piece_size is None:
                applied = self.applier.apply(self.decoder.decode(*whole(group)))
            else:
                (transaction,) = group
                for values, frames, first in pieces(transaction, piece_size):
                    applied = self.applier.apply(self.decoder.decode(values, frames, first_order=first))
        except BaseException:
            self.connection.rollback()
            self.applier.forget()
            raise
        self.connection.commit()
        return applied


def whole(group: Iterable[Transaction]) -> tuple[list[bytes], list[Frame]]:
    """The values and frames of whole transactions."""
    values: list[bytes] = []
    frames = []
    for t in group:
        first = len(values)
        values += t.values
        frames.append(
            Frame(transaction=t.number, commit_lsn=1, event_count=len(t.values), first=first, last=len(values))
        )
    return values, frames


def pieces(transaction: Transaction, size: int) -> Iterator[tuple[list[bytes], list[Frame], int]]:
    """A transaction in pieces of about `size`, never cut directly after a delete."""
    values, start = transaction.values, 0
    while start < len(values):
        end = min(start + size, len(values))
        while end < len(values) and values[end - 1][10:12] == b"\x02d":
            end += 1
        is_last = end == len(values)
        frame = Frame(
            transaction=transaction.number,
            commit_lsn=1 if is_last else None,
            event_count=len(values),
            first=0,
            last=end - start,
        )
        yield values[start:end], [frame], start + 1
        start = end


def random_groups(rng: random.Random) -> Callable[[list[Transaction]], list[list[Transaction]]]:
    """Cuts a history into groups of random sizes."""

    def cut(all_: list[Transaction]) -> list[list[Transaction]]:
        groups: list[list[Transaction]] = []
        while all_:
            size = rng.choice([1, 2, 5, 20, 1000])
            groups.append(all_[:size])
            all_ = all_[size:]
        return groups

    return cut


def rows_as_text(connection: Connection, schema: str, name: str) -> list[str]:
    """All rows of a table as sorted text."""
    query = sql.SQL('SELECT CAST(ROW(t.*) AS text) COLLATE "C" AS image FROM ONLY {} AS t ORDER BY image')
    rows = connection.execute(query.format(sql.Identifier(schema, name))).fetchall()
    connection.rollback()
    return [row[0] for row in rows]


@contextmanager
def register_pair(dsn: Callable[[str], str], *ddl: str) -> Iterator[RegisterPair]:
    """Two fresh databases with the same tables, gone afterwards. `dsn` gives the URI of a database."""
    names = [f"apply_{kind}_{random.randrange(1 << 40):x}" for kind in ("home", "abroad")]
    with connect(dsn("postgres"), autocommit=True) as admin:
        for name in names:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            with connect(dsn(names[0])) as home, connect(dsn(names[1])) as abroad:
                for connection in (home, abroad):
                    connection.execute("SET search_path = public, pg_catalog")
                    for statement in ddl:
                        connection.execute(statement)
                    connection.commit()
                    connection.execute("SET search_path = pg_catalog")
                    connection.commit()
                pair = RegisterPair(register=home, standby=abroad, dsn_of_standby=dsn(names[1]))
                pair.watch()
                home.execute("SET search_path = public, pg_catalog")
                home.commit()
                yield pair
        finally:
            for name in names:
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
