"""Judgements over CHECK constraints of tables and domains: PostgreSQL enforces them at the standby as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from connectors.preflight.findings import Check, Context, Finding, Row, info, warn

_CLOCKS: Final = frozenset(
    ("now", "transaction_timestamp", "statement_timestamp", "clock_timestamp", "timeofday", "age", "random",
     "gen_random_uuid", "uuidv4", "uuidv7", "nextval", "currval", "lastval")
)  # fmt: skip
"""Functions of PostgreSQL whose value is another one later."""

# A constraint's stored expression names its functions by oid, and CURRENT_DATE, CURRENT_USER and the like as such.
_CHECKS: Final = """
SELECT CASE WHEN c.contypid <> 0 THEN 'domain ' || format_type(c.contypid, NULL)
            ELSE 'table ' || c.conrelid::regclass::text END AS about,
       CASE WHEN c.contypid <> 0 THEN 'DOMAIN ' || format_type(c.contypid, NULL)
            ELSE 'TABLE ' || c.conrelid::regclass::text END AS owner,
       quote_ident(c.conname) AS name, c.contypid <> 0 AS is_domain, c.convalidated AS is_validated,
       c.conbin::text ~ '[{]SQLVALUEFUNCTION' AS asks_session,
       ARRAY(SELECT DISTINCT p.proname::text
               FROM regexp_matches(c.conbin::text, ':(?:funcid|opfuncid) (\\d+)', 'g') AS called
               JOIN pg_proc p ON p.oid = called[1]::oid
              WHERE p.provolatile <> 'i' ORDER BY 1) AS calls
  FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace LEFT JOIN pg_class r ON r.oid = c.conrelid
 WHERE c.contype = 'c' AND c.oid >= 16384 AND c.coninhcount = 0 AND coalesce(r.relkind, 'r') IN ('r', 'p')
   AND coalesce(to_jsonb(c) ->> 'conenforced', 'true') = 'true'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'embassy_local', 'data_embassy')
   AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e'
                      AND e.objid IN (c.conrelid, c.contypid))
 ORDER BY 1, 3
"""


def judge_checks(rows: Sequence[Row], _context: Context) -> Iterator[Finding]:
    """CHECKs that a row may have met at the register and fails at the embassy."""
    for row in rows:
        about = f"{row['about']}, CHECK {row['name']}"
        change = f"ALTER {row['owner']} DROP CONSTRAINT {row['name']}"
        clocks = sorted(_CLOCKS.intersection(row["calls"]))
        if row["asks_session"] or clocks:
            what = f"calls {', '.join(clocks)}" if clocks else "depends on the date, the time or the user of the moment"
            yield warn(
                "checks", about, f"it {what}: a row that met it once fails it when it is loaded or applied later at the"
                " embassy, and the register stops there",
                f"{change}, and say the rule in a trigger, which is silent at the standby, or against a column",
            )  # fmt: skip
        elif row["calls"]:
            yield warn(
                "checks", about, f"it calls {', '.join(row['calls'])}, which may answer otherwise at the embassy (other"
                " rows are there, or another time zone): a row that fails it there stops the register",
                f"make sure that the function depends on its arguments alone; otherwise {change}, and use a trigger",
            )  # fmt: skip
        if not row["is_validated"] and row["is_domain"]:
            yield warn(
                "checks", about, "it is NOT VALID: an old value that breaks it is sent again with each change of its"
                " row, the embassy's server refuses it, and the register stops",
                f"mend the old values, then: ALTER {row['owner']} VALIDATE CONSTRAINT {row['name']}",
            )  # fmt: skip
        elif not row["is_validated"]:
            yield info(
                "checks", about, "it is NOT VALID: old rows that break it are carried, since the standby gets it behind"
                " its rows; a repair that sends such rows again is refused",
                f"mend the old rows, then: ALTER {row['owner']} VALIDATE CONSTRAINT {row['name']}",
            )  # fmt: skip


CHECKS: Final = (Check(name="checks", title="CHECK constraints", query=_CHECKS, judge=judge_checks),)
