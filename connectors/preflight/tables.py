"""Judgements over tables: how their rows are identified, what an update costs, what does not cross."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from connectors.preflight.findings import Check, Context, Finding, Row, human_bytes, info, stop, warn

_RECORD_BYTES_MAX: Final = 60_000_000
"""What fits into a record of 64 MiB with its framing, as text; bytea takes two characters a byte."""
_COSTLY_UPDATE_BYTES: Final = 8192
_MANY_ROWS: Final = 100_000
_WIDE_ROW_BYTES: Final = 1_000_000
_WIDE_KEY_BYTES: Final = 256
_INLINE_KEY_CHARACTERS: Final = 60

# Tables whose rows are carried: the same choice as the snapshot's and the publication's.
_TABLES: Final = """
SELECT c.oid::regclass::text AS name, c.relkind, c.relpersistence, c.relreplident, c.relispartition,
       c.relrowsecurity, c.relforcerowsecurity, m.amname::text AS access_method,
       greatest(c.reltuples, 0)::bigint AS row_estimate,
       CASE WHEN c.relkind = 'r' THEN pg_table_size(c.oid) ELSE 0 END::bigint AS bytes,
       CASE WHEN c.reltoastrelid <> 0 THEN pg_relation_size(c.reltoastrelid) ELSE 0 END::bigint AS toast_bytes,
       -- The same condition as data_embassy.unidentified().
       c.relkind = 'r' AND c.relpersistence = 'p' AND c.relreplident <> 'f'
         AND (c.relreplident = 'n' OR NOT EXISTS (
            SELECT FROM pg_index i
             WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
               AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END)) AS unidentified,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
                  AND i.indpred IS NULL AND i.indexprs IS NULL) AS has_key,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated = 'v' AND NOT a.attisdropped)
         AS has_virtual,
       EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid) AND NOT c.relispartition AS inherits
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am m ON m.oid = c.relam
 WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND c.oid >= 16384
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'embassy_local', 'data_embassy')
 ORDER BY 1
"""


def judge_identity(rows: Sequence[Row], context: Context) -> Iterator[Finding]:
    """Tables whose rows have no usable identity, and what FULL costs."""
    for row in rows:
        about = f"table {row['name']}"
        if row["has_virtual"] and (row["unidentified"] or row["relreplident"] == "f"):
            has_key = not row["unidentified"] and row["has_key"]
            yield stop(
                "identity", about, "it has virtual generated columns and "
                + ("REPLICA IDENTITY FULL" if has_key else "no key")
                + ": once published, every UPDATE and DELETE on it would fail",
                f"ALTER TABLE {row['name']} REPLICA IDENTITY DEFAULT" if has_key
                else "add a primary key (and REPLICA IDENTITY DEFAULT), or make the columns STORED",
            )  # fmt: skip
        elif row["unidentified"] and context.is_prepared:
            yield stop(
                "identity", about, "it has no usable replica identity: UPDATE and DELETE on it fail as long as it is"
                " published",
                f"ALTER TABLE {row['name']} REPLICA IDENTITY FULL (or run the preparation again, which does it)",
            )  # fmt: skip
        elif row["unidentified"]:
            yield info(
                "identity", about, "it has no usable key (none, a deferrable one or REPLICA IDENTITY NOTHING): the"
                " preparation sets REPLICA IDENTITY FULL", "better: give it a primary key before",
            )  # fmt: skip
        if row["relkind"] == "r" and (row["unidentified"] or row["relreplident"] == "f"):
            yield from _cost_of_full(row)


def _cost_of_full(row: Row) -> Iterator[Finding]:
    """FULL writes the whole old row, large values included, into the WAL at each UPDATE and DELETE."""
    about = f"table {row['name']}"
    if row["row_estimate"]:
        width = row["bytes"] / row["row_estimate"]
        cost = f"REPLICA IDENTITY FULL: about {human_bytes(width)} more WAL per UPDATE or DELETE"
        if width >= _COSTLY_UPDATE_BYTES:
            yield warn("identity_cost", about, cost, "give it a primary key and REPLICA IDENTITY DEFAULT")
        else:
            yield info("identity_cost", about, cost)
    if not row["has_key"] and row["row_estimate"] >= _MANY_ROWS:
        yield warn(
            "identity_cost", about, f"about {row['row_estimate']} rows and no key: the standby has to search the whole"
            " table for each UPDATE and DELETE", "give it a primary key",
        )  # fmt: skip


def judge_not_carried(rows: Sequence[Row], _context: Context) -> Iterator[Finding]:
    """Tables whose rows do not cross, or not always."""
    for row in rows:
        about = f"table {row['name']}"
        if row["access_method"] not in (None, "heap"):
            yield stop(
                "not_carried", about, f"its access method {row['access_method']} is not PostgreSQL's own: it is not"
                " known whether its changes are decoded", f"ALTER TABLE {row['name']} SET ACCESS METHOD heap",
            )  # fmt: skip
        if row["toast_bytes"] > _RECORD_BYTES_MAX and row["row_estimate"]:
            width = row["bytes"] / row["row_estimate"]
            if width >= _WIDE_ROW_BYTES:
                yield warn(
                    "not_carried", about, f"rows of {human_bytes(width)} on average: one beyond 64 MiB as text (60 MB"
                    " of text, 30 MB of bytea) stops the register",
                    f"look for the largest rows of {row['name']} (pg_column_size); split or move larger values",
                )  # fmt: skip


def judge_shape(rows: Sequence[Row], context: Context) -> Iterator[Finding]:
    """Row security and inheritance."""
    for row in rows:
        about = f"table {row['name']}"
        if row["relrowsecurity"] and row["relforcerowsecurity"]:
            yield warn(
                "shape", about, "row security is forced on its owner: the embassy's role owns the standby's tables and"
                " needs BYPASSRLS, otherwise it stops here",
                "at the embassy, once: ALTER ROLE <the standbys' role> BYPASSRLS (docs/privileges.md)",
            )  # fmt: skip
        elif row["relrowsecurity"]:
            yield info(
                "shape", about, f"it has row security: {context.capture_role} reads past it by BYPASSRLS, the standby"
                " has the same policies",
            )  # fmt: skip
        if row["inherits"]:
            yield info("shape", about, "it inherits: parent and child are carried as tables of their own")


_KEYS: Final = """
SELECT c.oid::regclass::text AS name, a.attname::text AS column_name, format_type(a.atttypid, a.atttypmod) AS type,
       a.attstorage AS storage, a.attlen AS length, a.atttypmod AS modifier,
       b.oid IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) AS is_text,
       b.oid = 'numeric'::regtype AS is_small, s.avg_width
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_index i ON i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
       AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
  JOIN pg_type t ON t.oid = a.atttypid
  JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
  LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
       AND NOT s.inherited
 WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= 16384 AND a.attlen = -1
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'embassy_local', 'data_embassy')
   AND c.reltoastrelid <> 0
 ORDER BY 1, 2
"""


def judge_keys(rows: Sequence[Row], _context: Context) -> Iterator[Finding]:
    """Key columns that can be stored out of line: an update that leaves them alone may then not say which row."""
    for row in rows:
        if row["storage"] == "p" or row["is_small"]:
            continue
        about = f"column {row['name']}.{row['column_name']}"
        remedy = f"give the table a shorter key, or: ALTER TABLE {row['name']} REPLICA IDENTITY FULL"
        width = row["avg_width"] or 0
        if width >= _WIDE_KEY_BYTES or row["storage"] == "e":
            yield warn(
                "wide_keys", about, f"a key column of type {row['type']} that is "
                + ("stored EXTERNAL" if row["storage"] == "e" else f"{width} bytes wide on average")
                + ": stored out of line, an update can arrive without it, and the register stops", remedy,
            )  # fmt: skip
        elif not row["is_text"] or not 0 <= row["modifier"] - 4 <= _INLINE_KEY_CHARACTERS:
            yield info(
                "wide_keys", about, f"a key column of type {row['type']} without a small limit: should a value ever be"
                " stored out of line (rows above 2 kB), an update can arrive without it, and the register stops",
                remedy,
            )  # fmt: skip


_LARGE_OBJECTS: Final = "SELECT count(*) AS count FROM pg_largeobject_metadata"


def judge_large_objects(rows: Sequence[Row], _context: Context) -> Iterator[Finding]:
    """Large objects are not decoded."""
    (row,) = rows
    if row["count"]:
        yield stop(
            "large_objects", "large objects", f"{row['count']} large objects: logical decoding does not carry them, the"
            " standby would hold their numbers without their content",
            "move them into bytea columns (lo_get) and lo_unlink them; leftovers: vacuumlo",
        )  # fmt: skip


_PARTITIONS: Final = """
SELECT c.oid::regclass::text AS name, p.partstrat AS strategy, a.attname::text AS column_name,
       t.oid::regtype::text AS type, t.typtype AS kind, t.typcategory AS category,
       coalesce(l.collprovider, '') AS provider, coalesce(l.collisdeterministic, true) AS deterministic,
       l.oid = 'pg_catalog."C"'::regcollation AS is_c
  FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid
  CROSS JOIN LATERAL unnest(p.partattrs::smallint[], p.partcollation::oid[]) AS k(number, ordering)
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_collation l ON l.oid = k.ordering
 WHERE c.relpersistence <> 't' ORDER BY 1, k.number
"""


def judge_partitions(rows: Sequence[Row], _context: Context) -> Iterator[Finding]:
    """Partition keys that mean something else on another server."""
    for row in rows:
        about = f"table {row['name']}"
        if row["strategy"] == "h" and row["kind"] == "e":
            yield stop(
                "partitions", about, f"hash partitions by the enum {row['column_name']}: the hash is made of the enum's"
                " oid, which is another one at the embassy, so rows would not fit their partitions there",
                "partition by list, or by the hash of a text or integer column",
            )  # fmt: skip
        elif row["strategy"] == "h" and not row["deterministic"]:
            yield warn(
                "partitions", about, f"hash partitions by {row['column_name']} with a nondeterministic collation: the"
                " hash depends on the version of ICU", "use the same version of ICU at the embassy",
            )  # fmt: skip
        elif row["strategy"] == "r" and row["provider"] in ("c", "i", "d") and not row["is_c"]:
            yield info(
                "partitions", about, f"range partitions by text {row['column_name']}: the order must be the same at the"
                " embassy", "see the findings on collations",
            )  # fmt: skip


_LOCAL_PROCEDURES: Final = """
SELECT 'trigger' AS kind, c.oid::regclass::text AS name, g.tgname::text AS trigger, g.tgenabled AS enabled
  FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
 WHERE NOT g.tgisinternal AND g.tgenabled IN ('A', 'R') AND c.relpersistence <> 't'
UNION ALL
SELECT 'rule', c.oid::regclass::text, w.rulename::text, w.ev_enabled
  FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class
 WHERE w.rulename <> '_RETURN' AND c.oid >= 16384
   AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
 ORDER BY 1, 2, 3
"""


def judge_triggers(rows: Sequence[Row], _context: Context) -> Iterator[Finding]:
    """Triggers and rules that would act under replica role."""
    for row in rows:
        about = f"{row['kind']} {row['trigger']} on {row['name']}"
        if row["enabled"] in ("A", "R"):
            word = "ALWAYS" if row["enabled"] == "A" else "REPLICA"
            yield info(
                "triggers", about, f"ENABLE {word}: it would act on replicated changes a second time, so the standby"
                " keeps it disabled until it is promoted",
            )  # fmt: skip
        else:
            yield info("triggers", about, "what it writes is carried as ordinary changes; at the standby it is silent")


CHECKS: Final = (
    Check(name="identity", title="How rows are identified", query=_TABLES, judge=judge_identity),
    Check(name="not_carried", title="Tables whose rows do not cross", query=_TABLES, judge=judge_not_carried),
    Check(name="shape", title="Row security and inheritance", query=_TABLES, judge=judge_shape),
    Check(name="wide_keys", title="Key columns that can leave their row", query=_KEYS, judge=judge_keys),
    Check(name="large_objects", title="Large objects", query=_LARGE_OBJECTS, judge=judge_large_objects),
    Check(name="partitions", title="Partition keys", query=_PARTITIONS, judge=judge_partitions),
    Check(name="triggers", title="Triggers and rules", query=_LOCAL_PROCEDURES, judge=judge_triggers),
)
