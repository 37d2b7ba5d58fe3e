# ruff: noqa: E501, ISC004 (a table of SQL reads best one string a line)
"""Schema changes of everything that is no table, and ways to send them."""

from tests.support.ddl_case import NOTHING, STOPS, Case, table

OBJECTS: tuple[Case, ...] = (
    # -- types
    Case(group="Types", title="Enums: CREATE, ADD VALUE then use, RENAME VALUE", run=(
        "CREATE TYPE mood AS ENUM ('sad', 'ok')", "CREATE TABLE y_mood (id integer PRIMARY KEY, m mood)",
        "INSERT INTO y_mood VALUES (1, 'ok')", "ALTER TYPE mood ADD VALUE 'happy' BEFORE 'ok'",
        "UPDATE y_mood SET m = 'happy'", "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'", "INSERT INTO y_mood VALUES (2, 'fine')")),
    Case(group="Types", title="Enums in transactions with their use", run=(
        "CREATE TYPE hue AS ENUM ('a')", "CREATE TABLE y_hue (id integer PRIMARY KEY, h hue, hs hue[])", "INSERT INTO y_hue VALUES (1, 'a')",
        "BEGIN; ALTER TYPE hue ADD VALUE 'b'; UPDATE y_hue SET hs = '{a}'; COMMIT", "UPDATE y_hue SET h = 'b'",
        "BEGIN; CREATE TYPE \"Hue 2\" AS ENUM ('x'); ALTER TYPE \"Hue 2\" ADD VALUE 'y'; CREATE TABLE y_hue2 (id integer PRIMARY KEY, h \"Hue 2\"); "
        "INSERT INTO y_hue2 VALUES (1, 'y'); COMMIT", "ALTER TYPE hue ADD VALUE IF NOT EXISTS 'b'", "ALTER TYPE hue ADD VALUE IF NOT EXISTS 'c' BEFORE 'b'",
        "UPDATE y_hue SET hs = '{a,c,b}'", "ALTER TABLE y_hue ALTER hs TYPE text USING hs::text", "DROP TYPE hue CASCADE")),
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
    Case(group="Views and functions", title="Triggers and rules, also ALWAYS and REPLICA", setup=table("f_trigger"), run=(
        "CREATE TRIGGER tr AFTER INSERT ON f_trigger FOR EACH ROW EXECUTE FUNCTION noted()", "INSERT INTO f_trigger VALUES (9)",
        "ALTER TABLE f_trigger ENABLE ALWAYS TRIGGER tr", "INSERT INTO f_trigger VALUES (10)", "ALTER TRIGGER tr ON f_trigger RENAME TO tr2",
        "INSERT INTO f_trigger VALUES (11)", "ALTER TABLE f_trigger ENABLE REPLICA TRIGGER tr2", "INSERT INTO f_trigger VALUES (12)",
        "CREATE RULE r AS ON DELETE TO f_trigger DO ALSO INSERT INTO journal VALUES ('rule')", "ALTER TABLE f_trigger ENABLE ALWAYS RULE r",
        "DELETE FROM f_trigger WHERE id = 9", "DROP RULE r ON f_trigger", "ALTER TABLE f_trigger DISABLE TRIGGER tr2"),
        note="They never fire at the standby; what they wrote is in the stream. Their state is kept for promotion."),
    Case(group="Views and functions", title="Triggers on views, constraint triggers, transition tables", setup=table("f_more"), run=(
        "CREATE VIEW f_seen AS SELECT id, v FROM f_more", "CREATE FUNCTION f_put() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN INSERT INTO f_more VALUES (new.id, new.v); RETURN new; END'", "CREATE TRIGGER put INSTEAD OF INSERT ON f_seen FOR EACH ROW EXECUTE FUNCTION f_put()",
        "INSERT INTO f_seen VALUES (50, 'by the view')", "CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON f_more DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION noted()", "UPDATE f_more SET v = 'y' WHERE id < 4", "ALTER TABLE f_more DISABLE TRIGGER USER", "UPDATE f_more SET v = 'z'",
        "ALTER TABLE f_more ENABLE TRIGGER ALL", "DROP TRIGGER late ON f_more", "CREATE TRIGGER emptied BEFORE TRUNCATE ON f_more EXECUTE FUNCTION noted()",
        "CREATE TRIGGER whole AFTER UPDATE ON f_more REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION noted()", "UPDATE f_more SET n = 3",
        "TRUNCATE f_more")),
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
    Case(group="Others", title="Extensions that PostgreSQL does not trust", outcome=STOPS, reason="refused", run=("CREATE EXTENSION file_fdw",)),
    Case(group="Others", title="ALTER EXTENSION ... SET SCHEMA", outcome=STOPS, reason="refused", is_equal=False, setup=("CREATE SCHEMA ext2", "CREATE EXTENSION citext"),
        run=("ALTER EXTENSION citext SET SCHEMA ext2",), instead="DROP EXTENSION citext; CREATE EXTENSION citext SCHEMA ext2", note="PostgreSQL asks for a superuser."),
    Case(group="Others", title="Text search dictionaries and configurations", run=(
        "CREATE TEXT SEARCH DICTIONARY x_words (template = simple)", "CREATE TEXT SEARCH CONFIGURATION x_how (copy = simple)",
        "ALTER TEXT SEARCH CONFIGURATION x_how ALTER MAPPING FOR word WITH x_words", "CREATE TABLE x_text (id integer PRIMARY KEY, "
        "v tsvector GENERATED ALWAYS AS (to_tsvector('x_how', 'a b ' || id)) STORED)", "INSERT INTO x_text VALUES (1)", "DROP TABLE x_text",
        "DROP TEXT SEARCH CONFIGURATION x_how", "DROP TEXT SEARCH DICTIONARY x_words")),
    Case(group="Others", title="Comments", setup=table("o_comment"), run=(
        "COMMENT ON TABLE o_comment IS 'it''s a table; really'", "COMMENT ON COLUMN o_comment.v IS 'v'")),
    Case(group="Others", title="Row-level security and policies", setup=table("o_rls"), run=(
        "ALTER TABLE o_rls ENABLE ROW LEVEL SECURITY", "CREATE POLICY pol ON o_rls USING (id > 3)",
        "ALTER POLICY pol ON o_rls USING (id > 2)", "UPDATE o_rls SET v = 'x'", "DROP POLICY pol ON o_rls",
        "CREATE POLICY few ON o_rls AS RESTRICTIVE FOR UPDATE TO pg_read_all_data USING (id > 3) WITH CHECK (n > 0)", "UPDATE o_rls SET v = 'y'",
        "ALTER TABLE o_rls DISABLE ROW LEVEL SECURITY")),
    Case(group="Others", title="Policies for roles that do not exist at the embassy", setup=table("o_nowhere"), run=(
        "CREATE ROLE nowhere", "CREATE POLICY pol ON o_nowhere TO nowhere USING (id > 3)", "ALTER POLICY pol ON o_nowhere USING (id > 2)",
        "COMMENT ON POLICY pol ON o_nowhere IS 'x'", "ALTER POLICY pol ON o_nowhere RENAME TO pol2", "UPDATE o_nowhere SET v = 'x'", "DROP POLICY pol2 ON o_nowhere",
        "DROP ROLE nowhere"), note="Left out: roles are not a database's own."),
    Case(group="Others", title="FORCE ROW LEVEL SECURITY", outcome=STOPS, reason="hide rows", setup=table("o_force"),
        run=("ALTER TABLE o_force ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",),
        instead="ALTER TABLE public.o_force ENABLE ROW LEVEL SECURITY"),
    Case(group="Others", title="GRANT, REVOKE, default privileges, owners", outcome=NOTHING, setup=table("o_grant"), run=(
        "GRANT SELECT ON o_grant TO PUBLIC", "REVOKE ALL ON o_grant FROM PUBLIC", "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
        "ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC", "ALTER TABLE o_grant OWNER TO CURRENT_USER",
        "GRANT SELECT (v), UPDATE (n) ON o_grant TO pg_read_all_data WITH GRANT OPTION", "GRANT USAGE ON SCHEMA public TO pg_read_all_data",
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO pg_read_all_data", "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO pg_read_all_data",
        "UPDATE o_grant SET n = 1", "CREATE ROLE leaver; ALTER TABLE o_grant OWNER TO leaver; REASSIGN OWNED BY leaver TO CURRENT_USER; DROP ROLE leaver"),
        note="Roles are not a database's own. A snapshot carries none of it either."),
    Case(group="Others", title="DROP OWNED", outcome=STOPS, reason="not known", setup=("CREATE ROLE leaver2", "CREATE TABLE o_owned (a integer)",
        "ALTER TABLE o_owned OWNER TO leaver2"), run=("DROP OWNED BY leaver2", "DROP ROLE leaver2"), instead="DROP TABLE public.o_owned"),
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
    Case(group="How it was sent", title="By a role that the embassy does not have", run=(
        "CREATE ROLE author", "GRANT CREATE ON SCHEMA public TO author", "SET ROLE author", "CREATE TABLE h_author (id integer PRIMARY KEY, v text)",
        "INSERT INTO h_author VALUES (1)", "ALTER TABLE h_author ADD COLUMN w text DEFAULT current_user", "CREATE TABLE h_author2 AS SELECT 1 AS a",
        "UPDATE h_author2 SET a = 2", "RESET ROLE", "ALTER TABLE h_author OWNER TO CURRENT_USER", "ALTER TABLE h_author2 OWNER TO CURRENT_USER",
        "REVOKE CREATE ON SCHEMA public FROM author", "DROP ROLE author")),
    Case(group="How it was sent", title="standard_conforming_strings = off", run=(
        "SET escape_string_warning = off; SET standard_conforming_strings = off",
        "CREATE TABLE h_5 (id integer PRIMARY KEY, v text DEFAULT 'it\\'s; \\\\')", "INSERT INTO h_5 (id) VALUES (1)", "RESET ALL")),
    Case(group="How it was sent", title="In a DO block or function: new tables, partitions, indexes, views; drops", run=(
        "DO $$ BEGIN CREATE TABLE h_6 (id integer PRIMARY KEY, v text DEFAULT 'x' NOT NULL, CHECK (v <> '')); INSERT INTO h_6 VALUES (1);"
        " CREATE INDEX h_6_v ON h_6 (v); CREATE VIEW h_6_view AS SELECT * FROM h_6; END $$",
        "DO $$ BEGIN DROP VIEW h_6_view; UPDATE h_6 SET v = 'y'; END $$"), note="Made from the catalog."),
    Case(group="How it was sent", title="In a DO block or function: everything else", outcome=STOPS, reason="inside another statement",
        setup=table("h_7"), run=("DO $$ BEGIN ALTER TABLE h_7 ADD COLUMN w integer; UPDATE h_7 SET w = 1; END $$",),
        instead="ALTER TABLE public.h_7 ADD COLUMN w integer"),
    Case(group="How it was sent", title="A string in which a statement cannot be told from another", outcome=STOPS, reason="cannot be proven",
        setup=table("h_8"), run=(
        "BEGIN; SAVEPOINT s; ALTER TABLE h_8 ADD COLUMN w integer; ROLLBACK TO s; ALTER TABLE h_8 ADD COLUMN w text; COMMIT",),
        instead="ALTER TABLE public.h_8 ADD COLUMN w text"),
    Case(group="How it was sent", title="The register's preparation removed", outcome=STOPS, reason="preparation",
        run=("DROP FUNCTION data_embassy.sequence_state()",)),
)  # fmt: skip
