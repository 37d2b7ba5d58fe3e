"""What the snapshot asks the register: is it prepared, what does it hold, has anything changed meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql

from data_embassy.config import Register, Source
from data_embassy.postgres import Connection
from pipelines.snapshot.errors import SnapshotDisturbed, SnapshotRefused
from pipelines.snapshot.plan import Table, refresh_order

_TRIGGERS: Final = ("data_embassy_ddl_command_end", "data_embassy_sql_drop", "data_embassy_table_rewrite")

_TABLES: Final = """
SELECT c.oid::bigint, c.relfilenode::bigint, n.nspname, c.relname,
       ARRAY(SELECT a.attname::text FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
              ORDER BY a.attnum),
       greatest(c.reltuples, 0)::bigint, coalesce(pg_relation_size(c.oid), 0)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= 16384
   AND n.nspname NOT IN ('information_schema', 'pg_catalog', 'embassy_local')
 ORDER BY pg_relation_size(c.oid) DESC NULLS LAST, n.nspname, c.relname
"""

_VIEWS: Final = """
SELECT c.oid::bigint, n.nspname, c.relname, c.relkind = 'm' AND c.relispopulated
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('m', 'v') AND c.oid >= 16384
"""
_VIEW_READS: Final = """
SELECT DISTINCT r.ev_class::bigint, d.refobjid::bigint
  FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
  JOIN pg_class c ON c.oid = d.refobjid AND d.refclassid = 'pg_class'::regclass AND c.relkind IN ('m', 'v')
 WHERE d.refobjid <> r.ev_class
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotState:
    """The register's permanent slot as it stands."""

    is_usable: bool
    is_active: bool


def check_prepared(connection: Connection, name: str, source: Source) -> None:
    """Refuse a register that could not be captured exactly; raises SnapshotRefused naming everything at once."""
    problems = [
        *_server_problems(connection),
        *_publication_problems(connection, source.publication),
        *_schema_problems(connection),
    ]
    if problems:
        raise SnapshotRefused(
            f"{name} is not ready:\n  " + "\n  ".join(problems),
            remedy=f"embassy register prepare {name} --print-sql, to be run by the register's DBA",
        )


def refuse_excluded(found: Iterable[Table], register: Register) -> None:
    """Refuse to send rows that by contract stay at home; raises SnapshotRefused naming all tables."""
    names = [(one.relation_schema, one.relation_name) for one in found]
    crossing = [".".join(name) for name in names if register.terms.exclusion(*name) is not None]
    if crossing:
        raise SnapshotRefused(
            f"the contract of {register.name} excludes what is not unlogged, so that its rows would cross: "
            + ", ".join(crossing),
            remedy=f"embassy register check {register.name}, and what it says of each",
        )


def _server_problems(connection: Connection) -> list[str]:
    row = _one(
        connection,
        "SELECT current_setting('server_version_num')::integer / 10000, current_setting('wal_level'), "
        "pg_is_in_recovery(), current_setting('server_encoding')",
    )
    problems = []
    if not 15 <= row[0] <= 18:
        problems.append(f"PostgreSQL {row[0]} is not among the supported majors 15 to 18")
    if row[1] != "logical":
        problems.append(f"wal_level is {row[1]}, logical is needed")
    if row[2]:
        problems.append("the server is in recovery: take the snapshot from the primary")
    if row[3] == "SQL_ASCII":
        problems.append("the encoding SQL_ASCII cannot be carried exactly")
    return problems


def _publication_problems(connection: Connection, publication: str) -> list[str]:
    row = connection.execute(
        "SELECT puballtables, pubinsert AND pubupdate AND pubdelete AND pubtruncate, pubviaroot "
        "FROM pg_publication WHERE pubname = %s",
        (publication,),
    ).fetchone()
    if row is None:
        return [f"publication {publication} does not exist"]
    problems = []
    if not row[0]:
        problems.append(f"publication {publication} is not FOR ALL TABLES")
    if not row[1]:
        problems.append(f"publication {publication} leaves out an operation")
    if row[2]:
        problems.append(f"publication {publication} publishes via partition roots, which loses TRUNCATE of a leaf")
    return problems


def _schema_problems(connection: Connection) -> list[str]:
    if _one(connection, "SELECT to_regclass('data_embassy.pulse') IS NULL OR to_regclass('data_embassy.ddl') IS NULL")[
        0
    ]:
        return ["the schema data_embassy is missing"]
    problems = []
    enabled = {row[0] for row in connection.execute("SELECT evtname FROM pg_event_trigger WHERE evtenabled = 'A'")}
    problems += [f"event trigger {name} is missing or not ENABLE ALWAYS" for name in _TRIGGERS if name not in enabled]
    problems += [
        f"table {row[0]} has no usable replica identity"
        for row in connection.execute(
            "SELECT relation::regclass::text FROM data_embassy.unidentified() ORDER BY 1 LIMIT 20"
        )
    ]
    return problems


def slot_state(connection: Connection, source: Source) -> SlotState | None:
    """State of the permanent slot, None when there is none; raises SnapshotRefused when it is another's."""
    row = connection.execute(
        "SELECT plugin, database, active, wal_status FROM pg_replication_slots WHERE slot_name = %s", (source.slot,)
    ).fetchone()
    if row is None:
        return None
    if row[0] != "pgoutput" or row[1] != source.capture.database:
        raise SnapshotRefused(
            f"slot {source.slot} belongs to something else", remedy="name another slot in the register's contract"
        )
    return SlotState(is_usable=row[3] not in ("lost", None), is_active=row[2])


def drop_slot(connection: Connection, source: Source) -> None:
    """Drop the permanent slot (only one that lost its WAL: nothing can follow from it)."""
    connection.execute("SELECT pg_drop_replication_slot(%s)", (source.slot,))


def describe(connection: Connection) -> dict[str, Any]:
    """The fields of SnapshotBegin that the register itself states, without system identifier and timeline."""
    row = _one(
        connection,
        "SELECT current_setting('server_version_num')::integer, datname::text, pg_encoding_to_char(encoding), "
        "datlocprovider::text, datcollate, datctype, "
        "coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') "
        "FROM pg_database d WHERE datname = current_database()",
    )
    names = ("server_version", "database", "encoding", "locale_provider", "collate", "ctype", "locale")
    return dict(zip(names, row, strict=True)) | {"started_at": clock(connection)}


def clock(connection: Connection) -> int:
    """The register's clock in microseconds since 1970."""
    now: int = _one(connection, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")[0]
    return now


def import_snapshot(connection: Connection, snapshot: str) -> None:
    """Begin a transaction that sees exactly the exported snapshot."""
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))


def tables(connection: Connection) -> list[Table]:
    """The tables whose rows are carried, largest first."""
    return [
        Table(
            number=number,
            oid=row[0],
            filenode=row[1],
            relation_schema=row[2],
            relation_name=row[3],
            columns=tuple(row[4]),
            estimated_rows=row[5],
            heap_bytes=row[6],
        )
        for number, row in enumerate(connection.execute(_TABLES), start=1)
    ]


def ddl_mark(connection: Connection) -> tuple[int, int]:
    """Changes whenever a row was added to data_embassy.ddl."""
    row = _one(connection, "SELECT count(*), coalesce(max(id), 0) FROM data_embassy.ddl")
    return row[0], row[1]


def check_undisturbed(look: Connection, mark: tuple[int, int]) -> None:
    """Raise SnapshotDisturbed if the schema changed since the snapshot; `look` sees the present."""
    if ddl_mark(look) != mark:
        raise SnapshotDisturbed("the register's schema changed while the snapshot was taken")


def sequences(connection: Connection) -> str:
    """JSON list of all sequences."""
    text: str = _one(connection, "SELECT data_embassy.sequence_state()::text")[0]
    return text


def policy_roles(connection: Connection) -> list[str]:
    """Roles that row security policies name: they must exist before the policies can."""
    found = connection.execute(
        "SELECT DISTINCT r.rolname::text FROM pg_policy p, unnest(p.polroles) o JOIN pg_roles r ON r.oid = o ORDER BY 1"
    )
    return [row[0] for row in found]


def materialized_views(connection: Connection) -> list[tuple[str, str]]:
    """Populated materialized views in an order in which they can be refreshed."""
    found = connection.execute(_VIEWS).fetchall()
    populated = {row[0]: (row[1], row[2]) for row in found if row[3]}
    return refresh_order(populated, [(row[0], row[1]) for row in connection.execute(_VIEW_READS)])


def _one(connection: Connection, query: str) -> tuple[Any, ...]:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row
