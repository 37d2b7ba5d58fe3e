# ruff: noqa: E501, ISC004 (a table of SQL reads best one string a line)
"""What schema changes do to a standby: every case is tried, and docs/reference/ddl.md is made of them."""

from dataclasses import dataclass

REPLAYS = "replays"
NOTHING = "nothing to do"
STOPS = "stops"

SCHEMA = """
CREATE TABLE base (id integer PRIMARY KEY, name text, amount numeric DEFAULT 0, at timestamptz DEFAULT now());
INSERT INTO base (id, name) SELECT n, 'person ' || n FROM generate_series(1, 20) n;
CREATE TABLE gone (a integer, b integer PRIMARY KEY, c text);
ALTER TABLE gone DROP COLUMN a;
INSERT INTO gone VALUES (1, 'x');
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO journal VALUES (TG_OP); RETURN NULL; END';
CREATE TABLE journal (op text);
CREATE FUNCTION next_month(d date) RETURNS date LANGUAGE sql IMMUTABLE AS 'SELECT (d + interval ''1 month'')::date';
CREATE FUNCTION dice() RETURNS integer LANGUAGE sql VOLATILE AS 'SELECT (random() * 6)::integer';
"""
"""What every case finds; cases make tables of their own beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Client strings run at the register, and what the standby does about the last schema change among them."""

    group: str
    title: str
    setup: tuple[str, ...] = ()
    run: tuple[str, ...]
    outcome: str = REPLAYS
    reason: str = ""
    """Part of what the stop says."""
    instead: str | None = None
    """SQL that an operator decides on to get past the stop; None: skip it."""
    is_equal: bool = True
    """False when the two sides differ on purpose; said in `note`."""
    note: str = ""


def _table(name: str, columns: str = "id integer PRIMARY KEY, v text, n integer") -> tuple[str, ...]:
    return (f"CREATE TABLE {name} ({columns})", f"INSERT INTO {name} (id) SELECT generate_series(1, 5)")


CASES: tuple[Case, ...] = (
    # -- tables
    Case(group="Tables", title="CREATE TABLE", run=(
        'CREATE TABLE t_new (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, s serial, v text COLLATE "C" '
        "DEFAULT 'it''s; $$ -- no', j jsonb CHECK (j IS NULL OR jsonb_typeof(j) = 'object'), "
        "b integer REFERENCES base, UNIQUE (v), EXCLUDE (b WITH =)) WITH (fillfactor = 70)",
        "INSERT INTO t_new (v, b) VALUES ('x', 1), ('y', 2)")),
    Case(group="Tables", title="CREATE TABLE without a key", run=(
        "CREATE TABLE t_keyless (a integer, b text)",
        "INSERT INTO t_keyless VALUES (1, 'x'), (1, 'x'); UPDATE t_keyless SET b = 'y'; DELETE FROM t_keyless WHERE a = 2")),
    Case(group="Tables", title="CREATE TABLE ... (LIKE ...)", run=(
        "CREATE TABLE t_like (LIKE base INCLUDING ALL)", "INSERT INTO t_like SELECT * FROM base")),
    Case(group="Tables", title="CREATE TABLE ... AS", run=("CREATE TABLE t_as AS SELECT id, name, random() r FROM base",
        "UPDATE t_as SET r = 0 WHERE id = 3"), note="Made from the catalog; its rows are in the stream."),
    Case(group="Tables", title="CREATE TABLE ... AS in a transaction with other changes", run=(
        "BEGIN; UPDATE base SET name = 'w' WHERE id = 1; CREATE TABLE t_as2 AS SELECT id, name FROM base; "
        "INSERT INTO t_as2 VALUES (100, 'z'); COMMIT",)),
    Case(group="Tables", title="SELECT ... INTO", run=("SELECT id, name INTO t_into FROM base",)),
    Case(group="Tables", title="CREATE TABLE ... INHERITS", run=(
        "CREATE TABLE t_parent (id integer, v text)", "CREATE TABLE t_child (w text) INHERITS (t_parent)",
        "ALTER TABLE t_parent ADD COLUMN x integer DEFAULT 5", "INSERT INTO t_child VALUES (1, 'v', 'w')")),
    Case(group="Tables", title="CREATE TABLE IF NOT EXISTS of one that exists", outcome=NOTHING,
        run=("CREATE TABLE IF NOT EXISTS base (z integer)",)),
    Case(group="Tables", title="CREATE UNLOGGED TABLE", run=("CREATE UNLOGGED TABLE t_unlogged (a integer)",),
        note="Its rows are not in the stream: the standby's stays empty."),
    Case(group="Tables", title="ALTER TABLE ... SET LOGGED", outcome=STOPS, reason="unlogged",
        setup=("CREATE UNLOGGED TABLE t_logged (id integer PRIMARY KEY)",),
        run=("ALTER TABLE t_logged SET LOGGED",), instead="ALTER TABLE public.t_logged SET LOGGED"),
    Case(group="Tables", title="Temporary tables", outcome=NOTHING, run=(
        "CREATE TEMP TABLE tt (a integer); ALTER TABLE tt ADD b integer; CREATE INDEX ON tt (a); DROP TABLE tt",)),
    Case(group="Tables", title="DROP TABLE, with CASCADE, several", setup=(*_table("t_drop"), *_table("t_drop2"),
        "CREATE VIEW v_drop AS SELECT * FROM t_drop"), run=("DROP TABLE t_drop, t_drop2 CASCADE",)),
    Case(group="Tables", title="RENAME, SET SCHEMA", setup=(*_table("t_name"), "CREATE SCHEMA other"), run=(
        "ALTER TABLE t_name RENAME TO t_name2", "INSERT INTO t_name2 VALUES (50)",
        "ALTER TABLE t_name2 SET SCHEMA other", "INSERT INTO other.t_name2 VALUES (51)")),
    Case(group="Tables", title="Storage parameters, CLUSTER ON, REPLICA IDENTITY", setup=_table("t_storage"), run=(
        "ALTER TABLE t_storage SET (fillfactor = 50, autovacuum_enabled = off)",
        "ALTER TABLE t_storage CLUSTER ON t_storage_pkey", "ALTER TABLE t_storage REPLICA IDENTITY FULL",
        "UPDATE t_storage SET v = 'x'", "ALTER TABLE t_storage REPLICA IDENTITY DEFAULT", "UPDATE t_storage SET v = 'y'")),
    Case(group="Tables", title="Tablespaces", outcome=NOTHING, setup=_table("t_space"),
        run=("ALTER TABLE t_space SET TABLESPACE pg_default",)),
    # -- columns
    Case(group="Columns", title="ADD COLUMN", setup=_table("c_add"), run=(
        "ALTER TABLE c_add ADD COLUMN a text, ADD b integer NOT NULL DEFAULT 7, ADD COLUMN IF NOT EXISTS v text",
        "UPDATE c_add SET a = 'x' WHERE id < 3", "INSERT INTO c_add (id) VALUES (9)")),
    Case(group="Columns", title="ADD COLUMN ... DEFAULT now()", setup=_table("c_now"), run=(
        "ALTER TABLE c_now ADD COLUMN IF NOT EXISTS at timestamptz NOT NULL DEFAULT now() CHECK (at > '2000-01-01'), "
        "ADD who text DEFAULT current_user || '-' || session_user COLLATE \"C\"",
        "INSERT INTO c_now (id, v) VALUES (9, 'x')"), note="The register's value first, then the default."),
    Case(group="Columns", title="ADD COLUMN with a volatile default", setup=_table("c_random"), outcome=STOPS,
        reason="other values", run=("ALTER TABLE c_random ADD COLUMN r double precision DEFAULT random()",),
        instead="ALTER TABLE public.c_random ADD COLUMN r double precision DEFAULT random()", is_equal=False),
    Case(group="Columns", title="ADD COLUMN ... serial or IDENTITY to a table with rows", setup=_table("c_serial"),
        outcome=STOPS, reason="numbered rows", run=("ALTER TABLE c_serial ADD COLUMN s serial",),
        instead="ALTER TABLE public.c_serial ADD COLUMN s serial"),
    Case(group="Columns", title="ADD COLUMN ... GENERATED STORED and VIRTUAL", setup=_table("c_generated"), run=(
        "ALTER TABLE c_generated ADD COLUMN twice integer GENERATED ALWAYS AS (id * 2) STORED",
        "ALTER TABLE c_generated ADD COLUMN thrice integer GENERATED ALWAYS AS (id * 3) VIRTUAL",
        "INSERT INTO c_generated (id) VALUES (9)", "ALTER TABLE c_generated ALTER COLUMN twice DROP EXPRESSION")),
    Case(group="Columns", title="DROP and RENAME COLUMN", setup=_table("c_drop"), run=(
        "ALTER TABLE c_drop DROP COLUMN v, DROP COLUMN IF EXISTS nothing", "INSERT INTO c_drop VALUES (9, 1)",
        'ALTER TABLE c_drop RENAME COLUMN n TO "Nümber ""n"""', "INSERT INTO c_drop VALUES (10, 2)",
        "ALTER TABLE gone ADD COLUMN a text, DROP COLUMN c", "INSERT INTO gone VALUES (2, 'y')")),
    Case(group="Columns", title="ALTER COLUMN TYPE", setup=_table("c_type"), run=(
        "ALTER TABLE c_type ALTER n TYPE bigint, ALTER v TYPE varchar(40)", "UPDATE c_type SET n = 9000000000, v = 'a'",
        "ALTER TABLE c_type ALTER COLUMN n TYPE text USING to_char(n, 'FM9,999') || upper(coalesce(v, '?'))",
        "INSERT INTO c_type VALUES (9, 'v', 'n')")),
    Case(group="Columns", title="ALTER COLUMN TYPE under the session's time zone",
        setup=_table("c_zone", "id integer PRIMARY KEY, at timestamp DEFAULT '2026-07-01 12:00'"), run=(
        "SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'", "ALTER TABLE c_zone ALTER at TYPE timestamptz",
        "ALTER TABLE c_zone ADD COLUMN d date DEFAULT '02.03.2026'", "RESET ALL")),
    Case(group="Columns", title="ALTER COLUMN TYPE ... USING the clock, the role, a volatile function",
        setup=_table("c_using"), outcome=STOPS, reason="other values",
        run=("ALTER TABLE c_using ALTER COLUMN v TYPE integer USING dice() * 0 + 1",),
        instead="ALTER TABLE public.c_using ALTER COLUMN v TYPE integer USING 1"),
    Case(group="Columns", title="Defaults, NOT NULL, storage, compression, statistics", setup=_table("c_default"), run=(
        "ALTER TABLE c_default ALTER v SET DEFAULT random()::text, ALTER n SET DEFAULT nextval('t_seq_none'::text)",
        "ALTER TABLE c_default ALTER n DROP DEFAULT", "UPDATE c_default SET n = 1",
        "ALTER TABLE c_default ALTER n SET NOT NULL", "ALTER TABLE c_default ALTER n DROP NOT NULL",
        "ALTER TABLE c_default ALTER v SET STORAGE EXTERNAL, ALTER n SET STATISTICS 500",
        "UPDATE c_default SET v = repeat('large ', 2000)", "UPDATE c_default SET n = 2")),
    Case(group="Columns", title="Identity", setup=_table("c_identity"), run=(
        "ALTER TABLE c_identity ALTER id ADD GENERATED BY DEFAULT AS IDENTITY (START 100)",
        "INSERT INTO c_identity (v) VALUES ('x')", "ALTER TABLE c_identity ALTER id SET GENERATED ALWAYS",
        "INSERT INTO c_identity (v) VALUES ('y')", "ALTER TABLE c_identity ALTER id DROP IDENTITY")),
    # -- constraints and indexes
    Case(group="Constraints and indexes", title="Constraints of every kind", setup=_table("k_all"), run=(
        "ALTER TABLE k_all ADD CONSTRAINT positive CHECK (id > 0) NOT VALID, ADD UNIQUE (v) DEFERRABLE",
        "ALTER TABLE k_all VALIDATE CONSTRAINT positive", "ALTER TABLE k_all ADD FOREIGN KEY (n) REFERENCES base (id)",
        "INSERT INTO k_all VALUES (9, 'x', 1)", "ALTER TABLE k_all RENAME CONSTRAINT positive TO positive2",
        "ALTER TABLE k_all DROP CONSTRAINT k_all_v_key", "ALTER TABLE k_all ALTER CONSTRAINT k_all_n_fkey DEFERRABLE")),
    Case(group="Constraints and indexes", title="Primary key dropped and given anew", setup=_table("k_primary"), run=(
        "ALTER TABLE k_primary DROP CONSTRAINT k_primary_pkey", "UPDATE k_primary SET v = 'keyless' WHERE id = 2",
        "INSERT INTO k_primary VALUES (2, 'twice')", "DELETE FROM k_primary WHERE v = 'twice'",
        "ALTER TABLE k_primary ADD PRIMARY KEY (id)", "UPDATE k_primary SET v = 'key' WHERE id = 3",
        "ALTER TABLE k_primary REPLICA IDENTITY DEFAULT", "UPDATE k_primary SET id = 30 WHERE id = 3")),
    Case(group="Constraints and indexes", title="CREATE INDEX, also CONCURRENTLY, unique, partial, on expressions",
        setup=_table("k_index"), run=(
        "CREATE INDEX ON k_index (lower(v) text_pattern_ops) INCLUDE (n) WHERE n > 0",
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS k_index_u ON public.k_index USING btree (n) NULLS DISTINCT",
        "CREATE INDEX CONCURRENTLY ON k_index (n DESC NULLS LAST) TABLESPACE pg_default",
        "ALTER INDEX k_index_u RENAME TO k_index_u2", "ALTER TABLE k_index ADD CONSTRAINT k_u UNIQUE USING INDEX k_index_u2",
        "INSERT INTO k_index VALUES (9, 'x', 9)")),
    Case(group="Constraints and indexes", title="DROP INDEX, also CONCURRENTLY",
        setup=(*_table("k_noindex"), "CREATE INDEX k_noindex_v ON k_noindex (v)", "CREATE INDEX k_noindex_n ON k_noindex (n)"),
        run=("DROP INDEX CONCURRENTLY k_noindex_v", "DROP INDEX k_noindex_n")),
    Case(group="Constraints and indexes", title="REINDEX, CLUSTER, VACUUM FULL", setup=_table("k_again"), outcome=NOTHING,
        run=("REINDEX TABLE CONCURRENTLY k_again", "CLUSTER k_again USING k_again_pkey", "VACUUM FULL k_again",
             "UPDATE k_again SET n = 1")),
    Case(group="Constraints and indexes", title="CREATE STATISTICS", setup=_table("k_statistics"), run=(
        "CREATE STATISTICS k_st (dependencies) ON v, n FROM k_statistics", "ALTER STATISTICS k_st SET STATISTICS 10",
        "DROP STATISTICS k_st")),
    # -- partitions
    Case(group="Partitions", title="Create, attach, detach, drop", run=(
        "CREATE TABLE p (id integer, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)",
        "CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')",
        "CREATE TABLE p_2 (LIKE p INCLUDING ALL)", "ALTER TABLE p ATTACH PARTITION p_2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')",
        "CREATE TABLE p_rest PARTITION OF p DEFAULT PARTITION BY HASH (id)",
        "CREATE TABLE p_rest_0 PARTITION OF p_rest FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        "INSERT INTO p VALUES (1, '2026-01-05'), (2, '2026-02-05'), (3, '2027-01-01')",
        "UPDATE p SET at = '2026-02-07' WHERE id = 1", "CREATE INDEX ON p (at)", "ALTER TABLE p ADD COLUMN v text DEFAULT 'new'",
        "ALTER TABLE p DETACH PARTITION p_2", "INSERT INTO p_2 VALUES (7, '2026-02-09')", "DROP TABLE p_1")),
    Case(group="Partitions", title="DETACH PARTITION CONCURRENTLY", setup=(
        "CREATE TABLE pc (id integer PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE pc_1 PARTITION OF pc FOR VALUES FROM (0) TO (10)", "INSERT INTO pc VALUES (1)"),
        run=("ALTER TABLE pc DETACH PARTITION pc_1 CONCURRENTLY", "INSERT INTO pc_1 VALUES (2)")),
    Case(group="Partitions", title="A bound computed from the clock", outcome=STOPS, reason="differently", setup=(
        "CREATE TABLE pb (at timestamptz) PARTITION BY RANGE (at)",),
        run=("CREATE TABLE pb_1 PARTITION OF pb FOR VALUES FROM (clock_timestamp()) TO ('2100-01-01')",),
        instead="CREATE TABLE public.pb_1 PARTITION OF public.pb FOR VALUES FROM ('2020-01-01') TO ('2100-01-01')",
        is_equal=False),
    # -- types
    Case(group="Types", title="Enums: CREATE, ADD VALUE then use, RENAME VALUE", run=(
        "CREATE TYPE mood AS ENUM ('sad', 'ok')", "CREATE TABLE y_mood (id integer PRIMARY KEY, m mood)",
        "INSERT INTO y_mood VALUES (1, 'ok')", "ALTER TYPE mood ADD VALUE 'happy' BEFORE 'ok'",
        "UPDATE y_mood SET m = 'happy'", "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'", "INSERT INTO y_mood VALUES (2, 'fine')")),
    Case(group="Types", title="Domains", run=(
        "CREATE DOMAIN code AS text CHECK (VALUE ~ '^[a-z]+$')", "CREATE TABLE y_code (id integer PRIMARY KEY, c code)",
        "INSERT INTO y_code VALUES (1, 'abc')", "ALTER DOMAIN code DROP CONSTRAINT code_check",
        "ALTER DOMAIN code ADD CONSTRAINT short CHECK (length(VALUE) < 9) NOT VALID", "ALTER DOMAIN code SET DEFAULT 'x'",
        "INSERT INTO y_code (id) VALUES (2)")),
    Case(group="Types", title="Composite and range types", run=(
        "CREATE TYPE pair AS (a integer, b text)", "CREATE TABLE y_pair (id integer PRIMARY KEY, p pair)",
        "INSERT INTO y_pair VALUES (1, (1, 'x'))", "ALTER TYPE pair ADD ATTRIBUTE c date", "INSERT INTO y_pair VALUES (2, (1, 'x', '2026-01-01'))",
        "CREATE TYPE span AS RANGE (subtype = float8)", "ALTER TABLE y_pair ADD COLUMN s span", "UPDATE y_pair SET s = '[1,2)'",
        "ALTER TYPE pair RENAME TO pair2", "ALTER TABLE y_pair DROP COLUMN p", "DROP TYPE pair2")),
    Case(group="Types", title="Casts, operators, collations, aggregates", run=(
        "CREATE FUNCTION plus1(integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1'",
        "CREATE OPERATOR @+ (RIGHTARG = integer, FUNCTION = plus1)", "CREATE AGGREGATE total (integer) (sfunc = int4pl, stype = integer)",
        'CREATE COLLATION german_c FROM "C"', "DROP OPERATOR @+ (NONE, integer)")),
    # -- code
    Case(group="Views and functions", title="Views", run=(
        "CREATE VIEW v_base AS SELECT id, name FROM base WHERE id > 3", "CREATE OR REPLACE VIEW v_base AS SELECT id, name, at FROM base",
        "ALTER VIEW v_base RENAME TO v_base2", "CREATE RECURSIVE VIEW v_n (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM v_n WHERE n < 5",
        "DROP VIEW v_n")),
    Case(group="Views and functions", title="Materialized views and REFRESH", run=(
        "CREATE MATERIALIZED VIEW m_base AS SELECT name, count(*) AS n FROM base GROUP BY name",
        "CREATE UNIQUE INDEX ON m_base (name)", "INSERT INTO base (id, name) VALUES (200, 'later')", "REFRESH MATERIALIZED VIEW m_base",
        "INSERT INTO base (id, name) VALUES (201, 'later')", "REFRESH MATERIALIZED VIEW CONCURRENTLY m_base"),
        note="Computed at the standby from its rows as they are at that commit."),
    Case(group="Views and functions", title="Functions and procedures in SQL and PL/pgSQL", run=(
        "CREATE FUNCTION f_body() RETURNS integer LANGUAGE plpgsql AS $f$ BEGIN /* ; */ RETURN 1; END; $f$",
        "CREATE FUNCTION f_atomic(a integer) RETURNS integer BEGIN ATOMIC SELECT 1; SELECT CASE WHEN a > 0 THEN 1 END; END",
        "CREATE OR REPLACE PROCEDURE f_do() LANGUAGE sql AS 'DELETE FROM journal'", "ALTER FUNCTION f_body() STABLE",
        "DROP PROCEDURE f_do()", "CREATE FUNCTION f_missing() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM base'")),
    Case(group="Views and functions", title="Functions in C", outcome=STOPS, reason="library", run=(
        "CREATE FUNCTION f_c(cstring) RETURNS cstring LANGUAGE internal IMMUTABLE AS 'cstring_in'",)),
    Case(group="Views and functions", title="Triggers and rules, also ALWAYS and REPLICA", setup=_table("f_trigger"), run=(
        "CREATE TRIGGER tr AFTER INSERT ON f_trigger FOR EACH ROW EXECUTE FUNCTION noted()", "INSERT INTO f_trigger VALUES (9)",
        "ALTER TABLE f_trigger ENABLE ALWAYS TRIGGER tr", "INSERT INTO f_trigger VALUES (10)", "ALTER TRIGGER tr ON f_trigger RENAME TO tr2",
        "INSERT INTO f_trigger VALUES (11)", "ALTER TABLE f_trigger ENABLE REPLICA TRIGGER tr2", "INSERT INTO f_trigger VALUES (12)",
        "CREATE RULE r AS ON DELETE TO f_trigger DO ALSO INSERT INTO journal VALUES ('rule')", "ALTER TABLE f_trigger ENABLE ALWAYS RULE r",
        "DELETE FROM f_trigger WHERE id = 9", "DROP RULE r ON f_trigger", "ALTER TABLE f_trigger DISABLE TRIGGER tr2"),
        note="They never fire at the standby; what they wrote is in the stream. Their state is kept for promotion."),
    # -- the rest
    Case(group="Others", title="Schemas, with elements", run=(
        "CREATE SCHEMA s_new CREATE TABLE s_t (id integer PRIMARY KEY) CREATE VIEW s_v AS SELECT id FROM s_t",
        "INSERT INTO s_new.s_t VALUES (1)", "ALTER SCHEMA s_new RENAME TO s_newer", "CREATE SCHEMA IF NOT EXISTS s_newer",
        "DROP SCHEMA s_newer CASCADE", "CREATE SCHEMA s_owned AUTHORIZATION CURRENT_USER")),
    Case(group="Others", title="Sequences", run=(
        "CREATE SEQUENCE q START 5 INCREMENT 2", "SELECT nextval('q')", "ALTER SEQUENCE q RESTART 50 CACHE 3", "ALTER SEQUENCE q RENAME TO q2",
        "CREATE TABLE q_t (id bigint DEFAULT nextval('q2') PRIMARY KEY)", "ALTER SEQUENCE q2 OWNED BY q_t.id", "INSERT INTO q_t DEFAULT VALUES"),
        note="Their values come with the pulse."),
    Case(group="Others", title="Extensions", run=(
        "CREATE SCHEMA ext", "CREATE EXTENSION hstore SCHEMA ext", "CREATE TABLE e_h (id integer PRIMARY KEY, h ext.hstore)",
        "INSERT INTO e_h VALUES (1, 'a=>1')", "UPDATE e_h SET h = 'b=>2'", "DROP TABLE e_h",
        "DROP EXTENSION hstore"), note="Stops where the embassy's server lacks it, has another version, or its role may not make it (what PostgreSQL does not trust)."),
    Case(group="Others", title="Comments", setup=_table("o_comment"), run=(
        "COMMENT ON TABLE o_comment IS 'it''s a table; really'", "COMMENT ON COLUMN o_comment.v IS 'v'")),
    Case(group="Others", title="Row-level security and policies", setup=_table("o_rls"), run=(
        "ALTER TABLE o_rls ENABLE ROW LEVEL SECURITY", "CREATE POLICY pol ON o_rls USING (id > 3)",
        "ALTER POLICY pol ON o_rls USING (id > 2)", "UPDATE o_rls SET v = 'x'", "DROP POLICY pol ON o_rls"),
        note="A policy for roles that do not exist at the embassy is left out."),
    Case(group="Others", title="FORCE ROW LEVEL SECURITY", outcome=STOPS, reason="hide rows", setup=_table("o_force"),
        run=("ALTER TABLE o_force ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",),
        instead="ALTER TABLE public.o_force ENABLE ROW LEVEL SECURITY"),
    Case(group="Others", title="GRANT, REVOKE, default privileges, owners", outcome=NOTHING, setup=_table("o_grant"), run=(
        "GRANT SELECT ON o_grant TO PUBLIC", "REVOKE ALL ON o_grant FROM PUBLIC", "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
        "ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC", "ALTER TABLE o_grant OWNER TO CURRENT_USER"),
        note="Roles are not a database's own. A snapshot carries none of it either."),
    Case(group="Others", title="Publications", outcome=NOTHING, run=("CREATE PUBLICATION other FOR TABLE base", "DROP PUBLICATION other")),
    # -- how it was sent
    Case(group="How it was sent", title="Several statements in one string, also with data between", run=(
        "CREATE TABLE h_1 (id integer PRIMARY KEY); INSERT INTO h_1 VALUES (1); ALTER TABLE h_1 ADD v text DEFAULT 'a;b'; "
        "UPDATE h_1 SET v = 'x'; DROP TABLE IF EXISTS h_none; CREATE INDEX ON h_1 (v); /* ; */ COMMENT ON TABLE h_1 IS ';'",)),
    Case(group="How it was sent", title="Savepoints and rollbacks", run=(
        "BEGIN", "CREATE TABLE h_2 (id integer PRIMARY KEY)", "SAVEPOINT s", "ALTER TABLE h_2 ADD x integer", "INSERT INTO h_2 VALUES (1, 2)",
        "ROLLBACK TO s", "INSERT INTO h_2 VALUES (3)", "ALTER TABLE h_2 ADD y integer", "INSERT INTO h_2 VALUES (4, 5)", "COMMIT")),
    Case(group="How it was sent", title='Another search_path, "$user"', run=(
        "CREATE SCHEMA h_path", "SET search_path = h_path, public", "CREATE TABLE h_3 (id integer PRIMARY KEY)", "INSERT INTO h_3 VALUES (1)",
        "CREATE SCHEMA postgres", "RESET search_path", "CREATE TABLE h_4 (id integer PRIMARY KEY, b text)", "INSERT INTO h_4 VALUES (1)",
        "DROP SCHEMA postgres CASCADE")),
    Case(group="How it was sent", title="standard_conforming_strings = off", run=(
        "SET escape_string_warning = off; SET standard_conforming_strings = off",
        "CREATE TABLE h_5 (id integer PRIMARY KEY, v text DEFAULT 'it\\'s; \\\\')", "INSERT INTO h_5 (id) VALUES (1)", "RESET ALL")),
    Case(group="How it was sent", title="In a DO block or function: new tables, partitions, indexes, views; drops", run=(
        "DO $$ BEGIN CREATE TABLE h_6 (id integer PRIMARY KEY, v text DEFAULT 'x' NOT NULL, CHECK (v <> '')); INSERT INTO h_6 VALUES (1);"
        " CREATE INDEX h_6_v ON h_6 (v); CREATE VIEW h_6_view AS SELECT * FROM h_6; END $$",
        "DO $$ BEGIN DROP VIEW h_6_view; UPDATE h_6 SET v = 'y'; END $$"), note="Made from the catalog."),
    Case(group="How it was sent", title="In a DO block or function: everything else", outcome=STOPS, reason="inside another statement",
        setup=_table("h_7"), run=("DO $$ BEGIN ALTER TABLE h_7 ADD COLUMN w integer; UPDATE h_7 SET w = 1; END $$",),
        instead="ALTER TABLE public.h_7 ADD COLUMN w integer"),
    Case(group="How it was sent", title="A string in which a statement cannot be told from another", outcome=STOPS, reason="cannot be proven",
        setup=_table("h_8"), run=(
        "BEGIN; SAVEPOINT s; ALTER TABLE h_8 ADD COLUMN w integer; ROLLBACK TO s; ALTER TABLE h_8 ADD COLUMN w text; COMMIT",),
        instead="ALTER TABLE public.h_8 ADD COLUMN w text"),
    Case(group="How it was sent", title="The register's preparation removed", outcome=STOPS, reason="preparation",
        run=("DROP FUNCTION data_embassy.sequence_state()",)),
)  # fmt: skip
