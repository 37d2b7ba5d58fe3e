"""Judgements over what the preparation makes: roles, publication, event triggers, the schema data_embassy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from connectors.preflight.expected import EVENT_TRIGGERS, Expected
from connectors.preflight.findings import Check, Context, Finding, Row, info, stop, warn
from schemas.digest import quote

_CONNECTIONS_MIN: Final = 10
"""Capture, a snapshot's readers and slot, a check beside them."""
_NEEDED_ROLES: Final = {"capture": frozenset(("pg_read_all_data", "pg_monitor")), "pulse": frozenset[str]()}

_ROLES: Final = """
SELECT w.who, w.name, r.oid IS NOT NULL AS is_there, r.rolcanlogin, r.rolsuper, r.rolreplication, r.rolbypassrls,
       r.rolcreaterole, r.rolcreatedb, r.rolconnlimit,
       extract(epoch FROM nullif(r.rolvaliduntil, 'infinity') - clock_timestamp())::bigint AS valid_seconds,
       ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
              WHERE m.member = r.oid ORDER BY 1) AS member_of,
       coalesce(has_database_privilege(r.oid, current_database(), 'CONNECT'), false) AS can_connect
  FROM (VALUES ('capture', %(capture)s::text), ('pulse', %(pulse)s::text)) AS w(who, name)
  LEFT JOIN pg_roles r ON r.rolname = w.name ORDER BY 1
"""


def judge_roles(rows: Sequence[Row], context: Context) -> Iterator[Finding]:
    """Each role has what it needs, and no more."""
    for row in rows:
        about = f"role {row['name']}"
        if not row["is_there"]:
            yield (stop if context.is_prepared else info)(
                "roles", about, "it does not exist yet: the preparation makes it", context.prepare
            )
            continue
        wanted = {"rolcanlogin": "LOGIN"}
        if row["who"] == "capture":
            wanted |= {"rolreplication": "REPLICATION", "rolbypassrls": "BYPASSRLS"}
        missing = [word for column, word in wanted.items() if not row[column]]
        needed = _NEEDED_ROLES[row["who"]]
        missing += sorted(needed - set(row["member_of"])) + ([] if row["can_connect"] else ["CONNECT"])
        if missing and not row["rolsuper"]:
            yield (stop if context.is_prepared else info)(
                "roles", about, f"it lacks {', '.join(missing)}", context.prepare
            )
        yield from _too_much(row, about, needed, context)
        if row["valid_seconds"] is not None and row["valid_seconds"] < 30 * 86400:
            yield (stop if row["valid_seconds"] <= 0 else warn)(
                "roles",
                about,
                "its password expires within a month or has expired: then capture or clock stop",
                f"ALTER ROLE \"{row['name']}\" VALID UNTIL 'infinity', or rotate the password in time",
            )
        if row["who"] == "capture" and 0 <= row["rolconnlimit"] < _CONNECTIONS_MIN:
            yield warn(
                "roles", about, f"it may open {row['rolconnlimit']} connections only: capture and a snapshot together"
                f" take up to {_CONNECTIONS_MIN}", f"ALTER ROLE \"{row['name']}\" CONNECTION LIMIT -1",
            )  # fmt: skip


def _too_much(row: Row, about: str, needed: frozenset[str], context: Context) -> Iterator[Finding]:
    if row["rolsuper"]:
        yield stop(
            "roles", about, "it is a superuser: whoever reads home's password file would own the whole server",
            f"ALTER ROLE \"{row['name']}\" NOSUPERUSER, or {context.prepare}",
        )  # fmt: skip
        return
    named = {"rolcreaterole": "CREATEROLE", "rolcreatedb": "CREATEDB"}
    if row["who"] == "pulse":
        named |= {"rolreplication": "REPLICATION", "rolbypassrls": "BYPASSRLS"}
    more = [word for column, word in named.items() if row[column]]
    more += sorted(set(row["member_of"]) - needed)
    if more:
        yield warn("roles", about, f"it has more than it needs: {', '.join(more)}", "revoke it")


_PUBLICATION: Final = """
SELECT p.puballtables AS is_all_tables, p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AS has_all,
       p.pubviaroot AS via_root, coalesce(to_jsonb(p) ->> 'pubgencols', 's') AS generated,
       coalesce(r.rolsuper, false) AS owner_is_superuser
  FROM pg_publication p LEFT JOIN pg_roles r ON r.oid = p.pubowner WHERE p.pubname = %(publication)s
"""


def judge_publication(rows: Sequence[Row], context: Context) -> Iterator[Finding]:
    """The publication carries everything, table by table."""
    about = f"publication {context.publication}"
    if not rows:
        yield (stop if context.is_prepared else info)(
            "publication", about, "it does not exist"
            + (": changes since it was dropped are lost to the standby" if context.is_prepared else " yet:"
               " the preparation makes it, FOR ALL TABLES"),
            f"{context.prepare}; then a new generation: embassy register snapshot {context.register}"
            if context.is_prepared else context.prepare,
        )  # fmt: skip
        return
    (row,) = rows
    if not row["is_all_tables"]:
        yield stop(
            "publication", about, "it exists but is not FOR ALL TABLES: it belongs to something else",
            "choose another name in the register's contract",
        )  # fmt: skip
        return
    problems = []
    if not row["has_all"]:
        problems.append("leaves out insert, update, delete or truncate")
    if row["via_root"]:
        problems.append("publishes partitions as their root, which loses TRUNCATE of a partition")
    if row["generated"] != "s":
        problems.append("leaves out stored generated columns, so UPDATE and DELETE fail under REPLICA IDENTITY FULL")
    if problems:
        yield stop(
            "publication", about, "it " + "; it ".join(problems),
            f"{context.prepare}; then a new generation: embassy register snapshot {context.register}",
        )  # fmt: skip


_EVENT_TRIGGERS: Final = """
SELECT t.evtname::text AS name, t.evtenabled AS enabled, t.evtevent::text AS event,
       n.nspname || '.' || p.proname AS function, r.rolsuper AS owner_is_superuser, t.evttags IS NULL AS is_for_all
  FROM pg_event_trigger t JOIN pg_proc p ON p.oid = t.evtfoid JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_roles r ON r.oid = t.evtowner
 WHERE t.evtname IN ('data_embassy_ddl_command_end', 'data_embassy_sql_drop', 'data_embassy_table_rewrite')
"""


def judge_event_triggers(rows: Sequence[Row], context: Context) -> Iterator[Finding]:
    """The event triggers that note schema changes are as the preparation made them."""
    if not context.is_prepared:
        return
    found = {row["name"]: row for row in rows}
    for name in EVENT_TRIGGERS:
        row = found.get(name)
        reason = None
        if row is None:
            reason = "it is missing"
        elif row["enabled"] != "A":
            reason = "it is not ENABLE ALWAYS"
        elif row["function"] != "data_embassy.on_ddl" or not row["is_for_all"]:
            reason = "it calls something else, or not for every command"
        if reason is not None:
            yield stop(
                "event_triggers", f"event trigger {name}", f"{reason}: schema changes pass unnoted and the standby"
                " would diverge",
                f"{context.prepare}; if the schema changed meanwhile: embassy register snapshot {context.register}",
            )  # fmt: skip


_FUNCTIONS: Final = """
SELECT p.proname::text AS name, p.prosrc AS body, p.prosecdef AS is_definer, coalesce(p.proconfig, '{}') AS config,
       r.rolsuper AS owner_is_superuser, r.rolname::text AS owner
  FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
 WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'data_embassy') ORDER BY 1
"""


def judge_functions(rows: Sequence[Row], context: Context, wanted: Expected) -> Iterator[Finding]:
    """The functions are those of the script of this version, and owned by a superuser."""
    if not context.is_prepared:
        return
    found = {row["name"]: row for row in rows}
    for name, function in wanted.functions.items():
        row = found.get(name)
        about = f"function data_embassy.{name}"
        if row is None:
            yield stop("schema", about, "it is missing", context.prepare)
            continue
        made = (function.body, function.is_definer, function.config)
        if (row["body"], row["is_definer"], frozenset(row["config"])) != made:
            yield stop(
                "schema", about, "it is not what this version's preparation makes: altered, or of another version",
                context.prepare,
            )  # fmt: skip
        if not row["owner_is_superuser"]:
            yield stop(
                "schema", about, f"its owner {row['owner']} is no superuser: on tables of others it cannot do its work,"
                " and its owner could alter it", f"ALTER FUNCTION data_embassy.{name} OWNER TO a superuser",
            )  # fmt: skip
    for name in sorted(found.keys() - wanted.functions.keys()):
        yield warn(
            "schema", f"function data_embassy.{name}", "the preparation of this version does not make it",
            "find out whose it is; what an older version left behind: DROP it",
        )  # fmt: skip


_RELATIONS: Final = """
SELECT c.relname::text AS name, c.relpersistence AS persistence,
       ARRAY(SELECT a.attname::text FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       r.rolsuper AS owner_is_superuser,
       c.relrowsecurity AS has_policies,
       EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
         OR EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = c.oid) AS is_hooked,
       ARRAY(SELECT DISTINCT coalesce(g.rolname::text, 'PUBLIC')
               FROM aclexplode(c.relacl) x LEFT JOIN pg_roles g ON g.oid = x.grantee
              WHERE x.grantee <> c.relowner
                AND (g.rolname IS DISTINCT FROM %(capture)s OR x.privilege_type NOT IN ('SELECT', 'USAGE', 'INSERT'))
              ORDER BY 1) AS strangers
  FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
 WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'data_embassy') AND c.relkind = 'r' ORDER BY 1
"""


def judge_relations(rows: Sequence[Row], context: Context, wanted: Expected) -> Iterator[Finding]:
    """The tables are there, nobody else may write them, and nothing hangs on them."""
    if not context.is_prepared:
        return
    found = {row["name"]: row for row in rows}
    for name, table in wanted.tables.items():
        row = found.get(name)
        about = f"table data_embassy.{name}"
        if row is None:
            yield stop("schema", about, "it is missing", context.prepare)
            continue
        if frozenset(row["columns"]) != table.columns:
            yield stop(
                "schema", about, "its columns are not those of this version: altered, or made by another version",
                f"what another version made: {context.prepare} with --undo, then without; then a new generation:"
                f" embassy register snapshot {context.register}",
            )  # fmt: skip
        if row["persistence"] != ("u" if table.is_unlogged else "p"):
            word = "UNLOGGED" if table.is_unlogged else "LOGGED"
            yield stop("schema", about, f"it is no longer {word}", f"ALTER TABLE data_embassy.{name} SET {word}")
        if row["is_hooked"] or row["has_policies"]:
            yield stop(
                "schema", about, "somebody put a trigger, a rule or row security on it: what it says can no longer be"
                " trusted", "drop them",
            )  # fmt: skip
        if not row["owner_is_superuser"]:
            yield stop(
                "schema", about, "its owner is no superuser and could rewrite it",
                f"ALTER TABLE data_embassy.{name} OWNER TO a superuser",
            )  # fmt: skip
        if row["strangers"]:
            yield warn(
                "schema", about, f"others have rights on it: {', '.join(row['strangers'])}",
                f"REVOKE ALL ON data_embassy.{name} FROM them",
            )  # fmt: skip


_SETTINGS: Final = """
SELECT quote_ident(w.name) AS role, w.name,
       (SELECT setconfig FROM pg_db_role_setting s
         WHERE s.setrole = r.oid AND s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))
       AS config
  FROM (VALUES (%(capture)s::text), (%(pulse)s::text)) AS w(name) JOIN pg_roles r ON r.rolname = w.name ORDER BY 1
"""


def judge_role_settings(rows: Sequence[Row], context: Context, wanted: Expected) -> Iterator[Finding]:
    """What decides how values look as text is pinned for both roles in this database, above any other setting."""
    if not context.is_prepared:
        return
    for row in rows:
        present = dict(line.split("=", 1) for line in row["config"] or [])
        lower = {name.lower(): value for name, value in present.items()}
        pinned = wanted.settings.get(quote(row["name"]), {})
        wrong = sorted(name for name, value in pinned.items() if lower.get(name.lower()) != value)
        if wrong:
            yield warn(
                "role_settings", f"role {row['name']}", f"not pinned in this database: {', '.join(wrong)}; a setting of"
                " the server, the database or the role would decide instead", context.prepare,
            )  # fmt: skip


def checks(wanted: Expected) -> tuple[Check, ...]:
    """All checks of this module; `wanted` is what the script makes."""
    return (
        Check(name="roles", title="Roles", query=_ROLES, judge=judge_roles),
        Check(name="publication", title="Publication", query=_PUBLICATION, judge=judge_publication),
        Check(name="event_triggers", title="Event triggers", query=_EVENT_TRIGGERS, judge=judge_event_triggers),
        Check(
            name="schema", title="Schema data_embassy", query=_FUNCTIONS,
            judge=lambda rows, context: judge_functions(rows, context, wanted),
        ),
        Check(
            name="schema", title="Schema data_embassy", query=_RELATIONS,
            judge=lambda rows, context: judge_relations(rows, context, wanted),
        ),
        Check(
            name="role_settings", title="Settings of the roles", query=_SETTINGS,
            judge=lambda rows, context: judge_role_settings(rows, context, wanted),
        ),
    )  # fmt: skip
