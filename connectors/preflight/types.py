"""Judgements over types, extensions, collations, and what the embassy's role cannot make."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from connectors.preflight.findings import Check, Context, Finding, Row, info, stop, warn
from schemas.types import TYPE_LIMITS, Verdict

# Types of all columns, through domains, arrays, ranges and composite types, each with one column as an example.
_TYPES: Final = """
WITH RECURSIVE used AS (
    SELECT a.atttypid AS oid, c.oid::regclass::text || '.' || quote_ident(a.attname) AS example
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND c.oid >= 16384
       AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
       AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'embassy_local', 'data_embassy')
    UNION
    SELECT inner_type.oid, used.example
      FROM used JOIN pg_type t ON t.oid = used.oid
      CROSS JOIN LATERAL (
          SELECT t.typbasetype AS oid WHERE t.typtype = 'd'
          UNION ALL SELECT t.typelem WHERE t.typelem <> 0 AND t.typlen = -1
          UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid OR r.rngmultitypid = t.oid
          UNION ALL SELECT a.atttypid FROM pg_attribute a
                     WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
      ) AS inner_type
)
SELECT n.nspname::text AS schema, t.typname::text AS type, t.oid::regtype::text AS name, t.typtype AS kind,
       e.extname::text AS extension, min(u.example) AS example, count(DISTINCT u.example) AS columns
  FROM used u JOIN pg_type t ON t.oid = u.oid JOIN pg_namespace n ON n.oid = t.typnamespace
  LEFT JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
  LEFT JOIN pg_extension e ON e.oid = d.refobjid
 WHERE t.typtype = 'b' AND NOT (t.typelem <> 0 AND t.typlen = -1 AND t.typcategory = 'A')
 GROUP BY 1, 2, 3, 4, 5 ORDER BY 3
"""
_NUMBERS: Final = frozenset(("oid", "xid", "cid", "tid", "xid8", "pg_lsn", "pg_snapshot", "txid_snapshot"))
_TRIED_EXTENSIONS: Final = frozenset(("citext", "hstore", "ltree", "isn", "cube", "intarray", "vector", "lo"))
"""Extensions whose types were carried through the whole way by tests, or whose text form is exact by definition."""


def judge_types(rows: Sequence[Row], _context: Context) -> Iterator[Finding]:
    """Values travel as PostgreSQL's own text: exact wherever the type's output can be read back."""
    for row in rows:
        more = f" and {row['columns'] - 1} more" if row["columns"] > 1 else ""
        about = f"column {row['example']}{more}"
        limit = TYPE_LIMITS.get(row["type"])
        if limit is not None:
            finding = stop if limit.verdict is Verdict.REFUSED else warn
            yield finding("types", about, f"values of {row['name']} are not carried like others: {limit.reason}",
                          limit.remedy)  # fmt: skip
        elif row["schema"] == "pg_catalog":
            yield from _own_type(row["type"], about)
        elif row["extension"] is None:
            yield warn(
                "types", about, f"{row['name']} is a base type that belongs to no extension: its code has to be at the"
                " embassy, and whether its text is exact only its author knows",
                "package it as an extension; make sure that its output function loses nothing",
            )  # fmt: skip
        elif row["extension"] not in _TRIED_EXTENSIONS:
            yield warn(
                "types", about, f"{row['name']} of extension {row['extension']} has not been tried: values travel as"
                " its text, which must be exact",
                "verify the register after its first days; tell us about the extension",
            )  # fmt: skip


def _own_type(name: str, about: str) -> Iterator[Finding]:
    if name in _NUMBERS:
        yield info(
            "types", about, f"values of {name} are carried exactly, but mean something on the register's server only",
        )  # fmt: skip


_EXTENSIONS: Final = """
SELECT e.extname::text AS name, e.extversion AS version, v.superuser AS needs_superuser, v.trusted AS is_trusted
  FROM pg_extension e
  LEFT JOIN pg_available_extension_versions v ON v.name = e.extname AND v.version = e.extversion
 WHERE e.extname <> 'plpgsql' ORDER BY 1
"""
_OWN_STORAGE: Final = frozenset(("timescaledb", "citus", "columnar", "pg_partman_bgw"))


def judge_extensions(rows: Sequence[Row], context: Context) -> Iterator[Finding]:
    """Extensions have to be installed at the embassy, in the same version; the contract may say which are expected."""
    yield from _unexpected({row["name"] for row in rows}, context)
    for row in rows:
        about = f"extension {row['name']} {row['version']}"
        if row["name"] in _OWN_STORAGE:
            yield stop(
                "extensions", about, "it keeps rows in a way of its own that the standby would not repeat",
                "move its tables to ordinary ones",
            )  # fmt: skip
        elif row["needs_superuser"] and not row["is_trusted"]:
            yield warn(
                "extensions", about, "it must be installed on the embassy's server in this version, and only a"
                " superuser may create it: the embassy's role is none",
                f"at the embassy: install its files and set trusted = true in {row['name']}.control, or drop the"
                " extension from the register if nothing uses it",
            )  # fmt: skip
        elif row["needs_superuser"] is None:
            yield warn(
                "extensions", about, "its files of this version are gone from the register's own server",
                f"ALTER EXTENSION \"{row['name']}\" UPDATE, and install the same version at the embassy",
            )  # fmt: skip
        else:
            yield info(
                "extensions", about, "it must be installed on the embassy's server in this version",
                "at the embassy: psql -c '\\dx' template1; available are those in pg_available_extension_versions",
            )  # fmt: skip


def _unexpected(found: Collection[str], context: Context) -> Iterator[Finding]:
    if context.terms.expected_extensions is None:
        return
    for name in sorted({*found} - {*context.terms.expected_extensions}):
        yield warn(
            "extensions", f"extension {name}", "the contract does not expect it",
            "find out who made it and why; then add it to expected_extensions in the contract, at both sites",
        )  # fmt: skip
    for name in sorted({*context.terms.expected_extensions} - {*found}):
        yield warn(
            "extensions", f"extension {name}", "the contract expects it, and the register has none",
            "is this the right database? otherwise take it out of expected_extensions in the contract",
        )  # fmt: skip


_COLLATIONS: Final = """
SELECT 'database ' || quote_ident(datname) AS name, datlocprovider AS provider,
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', datcollate) AS locale,
       datcollversion AS recorded, pg_database_collation_actual_version(oid) AS actual, true AS deterministic
  FROM pg_database d WHERE datname = current_database()
UNION ALL
SELECT DISTINCT 'collation ' || l.oid::regcollation::text, l.collprovider,
       coalesce(to_jsonb(l) ->> 'colllocale', to_jsonb(l) ->> 'colliculocale', l.collcollate),
       l.collversion, pg_collation_actual_version(l.oid), l.collisdeterministic
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_collation l ON l.oid = a.attcollation
 WHERE c.relkind IN ('r', 'p', 'i') AND c.oid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped
   AND l.collprovider IN ('c', 'i')
 ORDER BY 1
"""
_PROVIDERS: Final = {"c": "libc", "i": "ICU", "b": "builtin"}
_BYTE_ORDER: Final = frozenset(("C", "POSIX", "C.UTF-8", "C.utf8", "C.UTF8", "ucs_basic"))


def judge_collations(rows: Sequence[Row], _context: Context) -> Iterator[Finding]:
    """The order of text: of indexes here, of range partitions and unique keys there."""
    for row in rows:
        provider = _PROVIDERS.get(row["provider"], row["provider"])
        if row["recorded"] is not None and row["actual"] is not None and row["recorded"] != row["actual"]:
            yield warn(
                "collations", row["name"], f"made with version {row['recorded']} of {provider}, now {row['actual']}:"
                " indexes on text may be wrong, and unique keys may hold duplicates that the embassy refuses",
                f"REINDEX DATABASE, then: ALTER {row['name'].replace('database', 'DATABASE', 1)} REFRESH"
                " (COLLATION) VERSION",
            )  # fmt: skip
        elif row["provider"] in ("c", "i") and row["locale"] not in _BYTE_ORDER:
            version = f" {row['actual']}" if row["actual"] else ""
            yield info(
                "collations", row["name"], f"{provider} locale {row['locale']}{version}: the embassy's server needs the"
                " same locale; another version orders text otherwise", "install the same operating system release, or"
                " the same ICU, at the embassy",
            )  # fmt: skip


# Objects outside extensions that only a superuser may create: the embassy's role is none, so its load would stop.
_SUPERUSER_ONLY: Final = """
SELECT 'event trigger ' || quote_ident(t.evtname) AS name, 'event trigger' AS kind
  FROM pg_event_trigger t
 WHERE t.evtname NOT IN ('data_embassy_ddl_command_end', 'data_embassy_sql_drop', 'data_embassy_table_rewrite')
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_event_trigger'::regclass AND d.objid = t.oid
                      AND d.deptype = 'e')
UNION ALL
SELECT 'function ' || p.oid::regprocedure::text,
       CASE WHEN p.proleakproof AND l.lanpltrusted THEN 'LEAKPROOF function' ELSE 'function in ' || l.lanname END
  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
 WHERE p.oid >= 16384 AND (p.proleakproof OR (NOT l.lanpltrusted AND l.lanname <> 'sql'))
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                      AND (d.deptype = 'e' OR (d.deptype = 'i' AND d.refclassid = 'pg_type'::regclass)))
UNION ALL
SELECT 'operator class ' || quote_ident(o.opcname), 'operator class'
  FROM pg_opclass o
 WHERE o.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_opclass'::regclass AND d.objid = o.oid
                      AND d.deptype = 'e')
UNION ALL
SELECT 'foreign-data wrapper ' || quote_ident(w.fdwname), 'foreign-data wrapper'
  FROM pg_foreign_data_wrapper w
 WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_foreign_data_wrapper'::regclass AND d.objid = w.oid
                      AND d.deptype = 'e')
UNION ALL
SELECT 'access method ' || quote_ident(m.amname), 'access method'
  FROM pg_am m
 WHERE m.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_am'::regclass AND d.objid = m.oid
                      AND d.deptype = 'e')
UNION ALL
SELECT format('cast (%%s AS %%s)', c.castsource::regtype, c.casttarget::regtype), 'cast WITHOUT FUNCTION'
  FROM pg_cast c
 WHERE c.oid >= 16384 AND c.castmethod = 'b'
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_cast'::regclass AND d.objid = c.oid
                      AND d.deptype = 'e')
 ORDER BY 1
"""


def judge_superuser_only(rows: Sequence[Row], _context: Context) -> Iterator[Finding]:
    """What the embassy's role could not make."""
    for row in rows:
        if row["kind"] == "event trigger":
            remedy = "drop it, take the snapshot, make it again (PostgreSQL notes no event trigger's own commands)"
        else:
            remedy = "package it as an extension with trusted = true in its control file, at both sites, or drop it"
        yield stop(
            "superuser_only", row["name"], f"{row['kind']}: only a superuser may make it, the embassy's role is none"
            " and its load would stop here", remedy,
        )  # fmt: skip


CHECKS: Final = (
    Check(name="types", title="Types of columns", query=_TYPES, judge=judge_types),
    Check(name="extensions", title="Extensions", query=_EXTENSIONS, judge=judge_extensions),
    Check(name="collations", title="Collations", query=_COLLATIONS, judge=judge_collations),
    Check(
        name="superuser_only", title="Objects that only a superuser can make", query=_SUPERUSER_ONLY,
        judge=judge_superuser_only,
    ),
)  # fmt: skip
