"""Judgements over tables whose rows stay at home: what is so, and what the contract says of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from connectors.preflight.findings import Check, Context, Finding, Row, info, stop, warn

_TABLES: Final = """
SELECT c.oid::regclass::text AS name, n.nspname::text AS relation_schema, c.relname::text AS relation_name,
       c.relkind = 'f' AS is_foreign, c.relpersistence = 'u' AS is_unlogged
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'f') AND c.relpersistence <> 't' AND c.oid >= 16384
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'embassy_local', 'data_embassy')
 ORDER BY 1
"""


def judge_excluded(rows: Sequence[Row], context: Context) -> Iterator[Finding]:
    """A table is excluded by being unlogged; the contract has to say so, and why."""
    unused = set(context.terms.excluded)
    for row in rows:
        agreed = context.terms.exclusion(row["relation_schema"], row["relation_name"])
        kind = "foreign table" if row["is_foreign"] else "table"
        about, crosses = f"{kind} {row['name']}", not (row["is_foreign"] or row["is_unlogged"])
        if agreed is None:
            yield from () if crosses else _unexplained(row, about)
            continue
        unused -= {one for one in context.terms.excluded if one.covers(row["relation_schema"], row["relation_name"])}
        if crosses:
            yield stop(
                "excluded", about, f"the contract excludes it ({agreed.reason}), but its rows would cross: it is not"
                " unlogged", f"ALTER TABLE {row['name']} SET UNLOGGED (then a crash of the server empties it), or move"
                " it into another database, or take it out of the contract, at both sites",
            )  # fmt: skip
        else:
            yield info(
                "excluded", about, f"its rows stay at home: {agreed.reason}; after a promotion: {agreed.promotion}"
            )
    for one in context.terms.excluded:
        if one in unused:
            yield warn(
                "excluded", f"contract, [[excluded]] {one.table}", "it fits no table with rows of its own",
                "write schema.table as in the catalog, name partitions rather than what they belong to, or take it out"
                " of the contract, at both sites",
            )  # fmt: skip


def _unexplained(row: Row, about: str) -> Iterator[Finding]:
    if row["is_foreign"]:
        yield warn(
            "not_carried", about, "its rows live elsewhere and do not cross: the standby has the definition only",
            "add the database that holds them as a register of its own",
        )  # fmt: skip
    else:
        yield warn(
            "not_carried", about, "it is unlogged: its rows do not cross, the standby's is empty",
            f"if the embassy needs its rows: ALTER TABLE {row['name']} SET LOGGED, before the first snapshot; otherwise"
            " say why in the contract, at both sites: [[excluded]]",
        )  # fmt: skip


_DERIVED: Final = """
WITH RECURSIVE reads (view, relation) AS (
    SELECT r.ev_class, d.refobjid
      FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
     WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
     UNION
    SELECT reads.view, d.refobjid
      FROM reads JOIN pg_rewrite r ON r.ev_class = reads.relation
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
     WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
)
SELECT v.oid::regclass::text AS view, t.oid::regclass::text AS name
  FROM reads JOIN pg_class v ON v.oid = reads.view JOIN pg_class t ON t.oid = reads.relation
 WHERE v.relkind = 'm' AND t.relkind = 'r' AND t.relpersistence = 'u' AND v.oid >= 16384 ORDER BY 1, 2
"""


def judge_derived(rows: Sequence[Row], _context: Context) -> Iterator[Finding]:
    """Materialized views of rows that the standby does not have."""
    for row in rows:
        yield warn(
            "excluded", f"materialized view {row['view']}", f"it reads {row['name']}, which is unlogged: the standby"
            " computes it without those rows", "know that it differs there, or let it read tables that cross",
        )  # fmt: skip


CHECKS: Final = (
    Check(name="excluded", title="Tables that stay at home", query=_TABLES, judge=judge_excluded),
    Check(name="excluded", title="Tables that stay at home", query=_DERIVED, judge=judge_derived),
)
