# ruff: noqa: E501, ISC004 (a table of SQL reads best one string a line)
"""Schema changes of tables, columns, constraints, indexes and partitions."""

from tests.support.ddl_case import NOTHING, STOPS, Case, table

RELATIONS: tuple[Case, ...] = (
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
    Case(group="Tables", title="CREATE TABLE ... AS EXECUTE, AS TABLE, WITH NO DATA", run=(
        "PREPARE p AS SELECT id, name FROM base; CREATE TABLE t_execute AS EXECUTE p; DEALLOCATE p",
        "CREATE TABLE t_empty AS SELECT * FROM base WITH NO DATA", "CREATE TABLE IF NOT EXISTS t_whole AS TABLE base",
        "UPDATE t_execute SET name = 'x'; INSERT INTO t_empty (id) VALUES (1)")),
    Case(group="Tables", title="CREATE TABLE ... INHERITS", run=(
        "CREATE TABLE t_parent (id integer, v text)", "CREATE TABLE t_child (w text) INHERITS (t_parent)",
        "ALTER TABLE t_parent ADD COLUMN x integer DEFAULT 5", "INSERT INTO t_child VALUES (1, 'v', 'w')")),
    Case(group="Tables", title="INHERIT, NO INHERIT, tables of a type", setup=(*table("t_heir"), *table("t_elder")), run=(
        "ALTER TABLE t_heir INHERIT t_elder", "UPDATE t_elder SET v = 'both'", "ALTER TABLE t_heir NO INHERIT t_elder",
        "CREATE TYPE t_shape AS (a integer, b text)", "CREATE TABLE t_typed OF t_shape (PRIMARY KEY (a))", "INSERT INTO t_typed VALUES (1, 'x')",
        "ALTER TYPE t_shape ADD ATTRIBUTE c date CASCADE", "UPDATE t_typed SET c = '2026-01-01'", "ALTER TABLE t_typed NOT OF")),
    Case(group="Tables", title="CREATE TABLE IF NOT EXISTS of one that exists", outcome=NOTHING,
        run=("CREATE TABLE IF NOT EXISTS base (z integer)",)),
    Case(group="Tables", title="CREATE UNLOGGED TABLE", run=("CREATE UNLOGGED TABLE t_unlogged (a integer)",),
        note="Its rows are not in the stream: the standby's stays empty."),
    Case(group="Tables", title="ALTER TABLE ... SET LOGGED", outcome=STOPS, reason="unlogged",
        setup=("CREATE UNLOGGED TABLE t_logged (id integer PRIMARY KEY)",),
        run=("ALTER TABLE t_logged SET LOGGED",), instead="ALTER TABLE public.t_logged SET LOGGED"),
    Case(group="Tables", title="ALTER TABLE ... SET UNLOGGED", setup=table("t_forgotten"),
        run=("ALTER TABLE t_forgotten SET UNLOGGED", "UPDATE t_forgotten SET v = 'x'"), note="Its rows leave the standby, and are no longer in the stream."),
    Case(group="Tables", title="Temporary tables", outcome=NOTHING, run=(
        "CREATE TEMP TABLE tt (a integer); ALTER TABLE tt ADD b integer; CREATE INDEX ON tt (a); DROP TABLE tt",)),
    Case(group="Tables", title="DROP TABLE, with CASCADE, several", setup=(*table("t_drop"), *table("t_drop2"),
        "CREATE VIEW v_drop AS SELECT * FROM t_drop"), run=("DROP TABLE t_drop, t_drop2 CASCADE",)),
    Case(group="Tables", title="RENAME, SET SCHEMA", setup=(*table("t_name"), "CREATE SCHEMA other"), run=(
        "ALTER TABLE t_name RENAME TO t_name2", "INSERT INTO t_name2 VALUES (50)",
        "ALTER TABLE t_name2 SET SCHEMA other", "INSERT INTO other.t_name2 VALUES (51)")),
    Case(group="Tables", title="RENAME and SET SCHEMA of everything else", setup=(*table("n_t"), "CREATE SCHEMA moved"), run=(
        "CREATE DOMAIN n_d AS integer CONSTRAINT c CHECK (VALUE > 0)", "CREATE TYPE n_c AS (a integer)", "CREATE TYPE n_e AS ENUM ('a')",
        "CREATE FUNCTION n_f() RETURNS integer LANGUAGE sql AS 'SELECT 1'", "CREATE VIEW n_v AS SELECT 1 AS a",
        "CREATE MATERIALIZED VIEW n_m AS SELECT 1 AS a", "CREATE SEQUENCE n_s", "CREATE POLICY n_p ON n_t USING (true)",
        "CREATE RULE n_r AS ON UPDATE TO n_v DO INSTEAD NOTHING", "CREATE STATISTICS n_st ON v, n FROM n_t", "CREATE INDEX n_i ON n_t (n)",
        "ALTER DOMAIN n_d RENAME TO n_d2", "ALTER DOMAIN n_d2 RENAME CONSTRAINT c TO c2", "ALTER TYPE n_c RENAME ATTRIBUTE a TO b",
        "ALTER TYPE n_e RENAME TO n_e2", "ALTER FUNCTION n_f() RENAME TO n_f2", "ALTER VIEW n_v RENAME COLUMN a TO b",
        "ALTER MATERIALIZED VIEW n_m RENAME COLUMN a TO b", "ALTER MATERIALIZED VIEW n_m RENAME TO n_m2", "ALTER POLICY n_p ON n_t RENAME TO n_p2",
        "ALTER RULE n_r ON n_v RENAME TO n_r2", "ALTER STATISTICS n_st RENAME TO n_st2", "ALTER INDEX n_i RENAME TO n_i2",
        "ALTER DOMAIN n_d2 SET SCHEMA moved", "ALTER TYPE n_c SET SCHEMA moved", "ALTER TYPE n_e2 SET SCHEMA moved",
        "ALTER FUNCTION n_f2() SET SCHEMA moved", "ALTER VIEW n_v SET SCHEMA moved", "ALTER MATERIALIZED VIEW n_m2 SET SCHEMA moved",
        "ALTER SEQUENCE n_s SET SCHEMA moved", "ALTER STATISTICS n_st2 SET SCHEMA moved", "ALTER TABLE n_t SET SCHEMA moved",
        "UPDATE moved.n_t SET v = 'moved'", "ALTER SCHEMA moved RENAME TO moved2", "UPDATE moved2.n_t SET v = 'again'")),
    Case(group="Tables", title="Storage parameters, CLUSTER ON, REPLICA IDENTITY", setup=table("t_storage"), run=(
        "ALTER TABLE t_storage SET (fillfactor = 50, autovacuum_enabled = off)",
        "ALTER TABLE t_storage CLUSTER ON t_storage_pkey", "ALTER TABLE t_storage REPLICA IDENTITY FULL",
        "UPDATE t_storage SET v = 'x'", "ALTER TABLE t_storage REPLICA IDENTITY DEFAULT", "UPDATE t_storage SET v = 'y'")),
    Case(group="Tables", title="ALTER ... SET TABLESPACE, SET ACCESS METHOD", outcome=NOTHING, setup=table("t_space"),
        run=("ALTER TABLE t_space SET TABLESPACE pg_default", "ALTER TABLE t_space SET ACCESS METHOD heap", "UPDATE t_space SET v = 'x'")),
    Case(group="Tables", title="CREATE ... TABLESPACE", setup=("SET allow_in_place_tablespaces = on", "CREATE TABLESPACE elsewhere LOCATION ''"), run=(
        "CREATE TABLE t_there (id integer PRIMARY KEY USING INDEX TABLESPACE elsewhere, v text) TABLESPACE elsewhere",
        "INSERT INTO t_there VALUES (1, 'x')", "CREATE INDEX t_there_v ON t_there (v) TABLESPACE elsewhere",
        "ALTER TABLE t_there ADD UNIQUE (v) USING INDEX TABLESPACE elsewhere", "CREATE MATERIALIZED VIEW t_seen TABLESPACE elsewhere AS SELECT * FROM t_there",
        "CREATE TABLE t_as_there TABLESPACE elsewhere AS SELECT 1 AS a", "UPDATE t_there SET v = 'y'",
        "CREATE TABLE t_parts (a integer, UNIQUE (a) USING INDEX TABLESPACE elsewhere) PARTITION BY LIST (a) TABLESPACE elsewhere",
        "CREATE TABLE t_parts_1 PARTITION OF t_parts FOR VALUES IN (1) TABLESPACE elsewhere", "INSERT INTO t_parts VALUES (1)",
        "ALTER INDEX t_there_v SET TABLESPACE pg_default", "ALTER TABLE ALL IN TABLESPACE elsewhere SET TABLESPACE pg_default",
        "ALTER INDEX ALL IN TABLESPACE elsewhere SET TABLESPACE pg_default", "ALTER MATERIALIZED VIEW ALL IN TABLESPACE elsewhere SET TABLESPACE pg_default",
        "DROP TABLE t_parts", "DROP TABLESPACE elsewhere"), note="Everything lies in the standby's own tablespace."),
    # -- columns
    Case(group="Columns", title="ADD COLUMN", setup=table("c_add"), run=(
        "ALTER TABLE c_add ADD COLUMN a text, ADD b integer NOT NULL DEFAULT 7, ADD COLUMN IF NOT EXISTS v text",
        "UPDATE c_add SET a = 'x' WHERE id < 3", "INSERT INTO c_add (id) VALUES (9)")),
    Case(group="Columns", title="ADD COLUMN ... DEFAULT now()", setup=table("c_now"), run=(
        "ALTER TABLE c_now ADD COLUMN IF NOT EXISTS at timestamptz NOT NULL DEFAULT now() CHECK (at > '2000-01-01'), "
        "ADD who text DEFAULT current_user || '-' || session_user COLLATE \"C\"",
        "INSERT INTO c_now (id, v) VALUES (9, 'x')"), note="The register's value first, then the default."),
    Case(group="Columns", title="ADD COLUMN with a volatile default", setup=table("c_random"), outcome=STOPS,
        reason="other values", run=("ALTER TABLE c_random ADD COLUMN r double precision DEFAULT random()",),
        instead="ALTER TABLE public.c_random ADD COLUMN r double precision DEFAULT random()", is_equal=False),
    Case(group="Columns", title="ADD COLUMN ... serial or IDENTITY to a table with rows", setup=table("c_serial"),
        outcome=STOPS, reason="numbered rows", run=("ALTER TABLE c_serial ADD COLUMN s serial",),
        instead="ALTER TABLE public.c_serial ADD COLUMN s serial"),
    Case(group="Columns", title="ADD COLUMN ... GENERATED STORED and VIRTUAL", setup=table("c_generated"), run=(
        "ALTER TABLE c_generated ADD COLUMN twice integer GENERATED ALWAYS AS (id * 2) STORED",
        "ALTER TABLE c_generated ADD COLUMN thrice integer GENERATED ALWAYS AS (id * 3) VIRTUAL",
        "INSERT INTO c_generated (id) VALUES (9)", "ALTER TABLE c_generated ALTER COLUMN twice DROP EXPRESSION")),
    Case(group="Columns", title="ALTER COLUMN ... SET EXPRESSION", setup=table("c_expression"), run=(
        "ALTER TABLE c_expression ADD COLUMN kept integer GENERATED ALWAYS AS (id * 2) STORED, ADD shown integer GENERATED ALWAYS AS (id * 2) VIRTUAL",
        "ALTER TABLE c_expression ALTER COLUMN kept SET EXPRESSION AS (id * 3)", "UPDATE c_expression SET v = 'x'",
        "ALTER TABLE c_expression ALTER COLUMN shown SET EXPRESSION AS (id * 5)", "INSERT INTO c_expression (id) VALUES (9)")),
    Case(group="Columns", title="ADD COLUMN of a domain with a default", setup=table("c_domain"), run=(
        "CREATE DOMAIN five AS integer DEFAULT 5 CHECK (VALUE > 0)", "ALTER TABLE c_domain ADD COLUMN x five", "INSERT INTO c_domain (id) VALUES (8)",
        "ALTER TABLE c_domain ADD COLUMN y five NOT NULL DEFAULT 6", "ALTER DOMAIN five SET NOT NULL", "ALTER DOMAIN five DROP NOT NULL",
        "ALTER DOMAIN five DROP DEFAULT", "INSERT INTO c_domain (id) VALUES (9)")),
    Case(group="Columns", title="DROP and RENAME COLUMN", setup=table("c_drop"), run=(
        "ALTER TABLE c_drop DROP COLUMN v, DROP COLUMN IF EXISTS nothing", "INSERT INTO c_drop VALUES (9, 1)",
        'ALTER TABLE c_drop RENAME COLUMN n TO "Nümber ""n"""', "INSERT INTO c_drop VALUES (10, 2)",
        "ALTER TABLE gone ADD COLUMN a text, DROP COLUMN c", "INSERT INTO gone VALUES (2, 'y')")),
    Case(group="Columns", title="ALTER COLUMN TYPE", setup=table("c_type"), run=(
        "ALTER TABLE c_type ALTER n TYPE bigint, ALTER v TYPE varchar(40)", "UPDATE c_type SET n = 9000000000, v = 'a'",
        "ALTER TABLE c_type ALTER COLUMN n TYPE text USING to_char(n, 'FM9,999') || upper(coalesce(v, '?'))",
        "INSERT INTO c_type VALUES (9, 'v', 'n')")),
    Case(group="Columns", title="ALTER COLUMN TYPE under the session's time zone",
        setup=table("c_zone", "id integer PRIMARY KEY, at timestamp DEFAULT '2026-07-01 12:00'"), run=(
        "SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'", "ALTER TABLE c_zone ALTER at TYPE timestamptz",
        "ALTER TABLE c_zone ADD COLUMN d date DEFAULT '02.03.2026'", "RESET ALL")),
    Case(group="Columns", title="ALTER COLUMN TYPE ... USING the clock, the role, a volatile function",
        setup=table("c_using"), outcome=STOPS, reason="other values",
        run=("ALTER TABLE c_using ALTER COLUMN v TYPE integer USING dice() * 0 + 1",),
        instead="ALTER TABLE public.c_using ALTER COLUMN v TYPE integer USING 1"),
    Case(group="Columns", title="Defaults, NOT NULL, storage, compression, statistics", setup=table("c_default"), run=(
        "ALTER TABLE c_default ALTER v SET DEFAULT random()::text, ALTER n SET DEFAULT nextval('t_seq_none'::text)",
        "ALTER TABLE c_default ALTER n DROP DEFAULT", "UPDATE c_default SET n = 1",
        "ALTER TABLE c_default ALTER n SET NOT NULL", "ALTER TABLE c_default ALTER n DROP NOT NULL",
        "ALTER TABLE c_default ALTER v SET STORAGE EXTERNAL, ALTER n SET STATISTICS 500",
        "UPDATE c_default SET v = repeat('large ', 2000)", "UPDATE c_default SET n = 2")),
    Case(group="Columns", title="Identity", setup=table("c_identity"), run=(
        "ALTER TABLE c_identity ALTER id ADD GENERATED BY DEFAULT AS IDENTITY (START 100)",
        "INSERT INTO c_identity (v) VALUES ('x')", "ALTER TABLE c_identity ALTER id SET GENERATED ALWAYS",
        "INSERT INTO c_identity (v) VALUES ('y')", "ALTER TABLE c_identity ALTER id DROP IDENTITY")),
    # -- constraints and indexes
    Case(group="Constraints and indexes", title="Constraints of every kind", setup=table("k_all"), run=(
        "ALTER TABLE k_all ADD CONSTRAINT positive CHECK (id > 0) NOT VALID, ADD UNIQUE (v) DEFERRABLE",
        "ALTER TABLE k_all VALIDATE CONSTRAINT positive", "ALTER TABLE k_all ADD FOREIGN KEY (n) REFERENCES base (id)",
        "INSERT INTO k_all VALUES (9, 'x', 1)", "ALTER TABLE k_all RENAME CONSTRAINT positive TO positive2",
        "ALTER TABLE k_all DROP CONSTRAINT k_all_v_key", "ALTER TABLE k_all ALTER CONSTRAINT k_all_n_fkey DEFERRABLE")),
    Case(group="Constraints and indexes", title="NOT ENFORCED, NOT NULL ... NOT VALID", setup=table("k_soft"), run=(
        "ALTER TABLE k_soft ADD CONSTRAINT soft CHECK (n > 0) NOT ENFORCED, ADD CONSTRAINT soft_key FOREIGN KEY (n) REFERENCES base NOT ENFORCED",
        "ALTER TABLE k_soft ADD CONSTRAINT there NOT NULL v NOT VALID", "INSERT INTO k_soft VALUES (9, 'x', -1)", "UPDATE k_soft SET v = 'x'",
        "ALTER TABLE k_soft VALIDATE CONSTRAINT there", "ALTER TABLE k_soft ALTER CONSTRAINT there NO INHERIT", "UPDATE k_soft SET n = 1",
        "ALTER TABLE k_soft ALTER CONSTRAINT soft_key ENFORCED")),
    Case(group="Constraints and indexes", title="Keys WITHOUT OVERLAPS, foreign keys by PERIOD", setup=("CREATE EXTENSION IF NOT EXISTS btree_gist",), run=(
        "CREATE TABLE k_time (id integer, at daterange, v text, PRIMARY KEY (id, at WITHOUT OVERLAPS))",
        "INSERT INTO k_time SELECT n, daterange('2026-01-01', '2026-02-01'), 'v' FROM generate_series(1, 40) n",
        "UPDATE k_time SET v = 'w' WHERE id < 30", "UPDATE k_time SET at = daterange('2026-03-01', '2026-04-01') WHERE id < 9", "DELETE FROM k_time WHERE id = 4",
        "CREATE TABLE k_timed (id integer PRIMARY KEY, of integer, at daterange, FOREIGN KEY (of, PERIOD at) REFERENCES k_time (id, PERIOD at))",
        "INSERT INTO k_timed VALUES (1, 5, daterange('2026-03-03', '2026-03-05'))", "INSERT INTO k_time VALUES (5, daterange('2026-05-01', NULL))")),
    Case(group="Constraints and indexes", title="Primary key dropped and given anew", setup=table("k_primary"), run=(
        "ALTER TABLE k_primary DROP CONSTRAINT k_primary_pkey", "UPDATE k_primary SET v = 'keyless' WHERE id = 2",
        "INSERT INTO k_primary VALUES (2, 'twice')", "DELETE FROM k_primary WHERE v = 'twice'",
        "ALTER TABLE k_primary ADD PRIMARY KEY (id)", "UPDATE k_primary SET v = 'key' WHERE id = 3",
        "ALTER TABLE k_primary REPLICA IDENTITY DEFAULT", "UPDATE k_primary SET id = 30 WHERE id = 3")),
    Case(group="Constraints and indexes", title="CREATE INDEX, also CONCURRENTLY, unique, partial, on expressions",
        setup=table("k_index"), run=(
        "CREATE INDEX ON k_index (lower(v) text_pattern_ops) INCLUDE (n) WHERE n > 0",
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS k_index_u ON public.k_index USING btree (n) NULLS DISTINCT",
        "CREATE INDEX CONCURRENTLY ON k_index (n DESC NULLS LAST) TABLESPACE pg_default",
        "ALTER INDEX k_index_u RENAME TO k_index_u2", "ALTER TABLE k_index ADD CONSTRAINT k_u UNIQUE USING INDEX k_index_u2",
        "INSERT INTO k_index VALUES (9, 'x', 9)")),
    Case(group="Constraints and indexes", title="DROP INDEX, also CONCURRENTLY",
        setup=(*table("k_noindex"), "CREATE INDEX k_noindex_v ON k_noindex (v)", "CREATE INDEX k_noindex_n ON k_noindex (n)"),
        run=("DROP INDEX CONCURRENTLY k_noindex_v", "DROP INDEX k_noindex_n")),
    Case(group="Constraints and indexes", title="REINDEX, CLUSTER, VACUUM FULL", setup=table("k_again"), outcome=NOTHING,
        run=("REINDEX TABLE CONCURRENTLY k_again", "CLUSTER k_again USING k_again_pkey", "VACUUM FULL k_again",
             "UPDATE k_again SET n = 1")),
    Case(group="Constraints and indexes", title="CREATE STATISTICS", setup=table("k_statistics"), run=(
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
    Case(group="Partitions", title="Other columns' order, DEFAULT and NULL, keys and indexes made piece by piece", run=(
        "CREATE TABLE pi (id integer, k text NOT NULL) PARTITION BY LIST (k)", "CREATE TABLE pi_a PARTITION OF pi FOR VALUES IN ('a')",
        "CREATE INDEX pi_id ON ONLY pi (id)", "CREATE INDEX pi_a_id ON pi_a (id)", "ALTER INDEX pi_id ATTACH PARTITION pi_a_id",
        "CREATE TABLE pi_b (k text NOT NULL, gone integer, id integer)", "ALTER TABLE pi_b DROP COLUMN gone", "INSERT INTO pi_b VALUES ('b', 1)",
        "ALTER TABLE pi ATTACH PARTITION pi_b DEFAULT", "INSERT INTO pi VALUES (2, 'a'), (3, 'c')", "UPDATE pi SET k = 'b' WHERE id = 2",
        "BEGIN; ALTER TABLE pi DETACH PARTITION pi_a; INSERT INTO pi_a VALUES (7, 'x'); ROLLBACK", "ALTER TABLE pi ADD PRIMARY KEY (id, k)",
        "UPDATE pi SET k = 'a' WHERE id = 1", "DELETE FROM pi WHERE id = 3")),
    Case(group="Partitions", title="DETACH PARTITION CONCURRENTLY", setup=(
        "CREATE TABLE pc (id integer PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE pc_1 PARTITION OF pc FOR VALUES FROM (0) TO (10)", "INSERT INTO pc VALUES (1)"),
        run=("ALTER TABLE pc DETACH PARTITION pc_1 CONCURRENTLY", "INSERT INTO pc_1 VALUES (2)")),
    Case(group="Partitions", title="A bound computed from the clock", outcome=STOPS, reason="differently", setup=(
        "CREATE TABLE pb (at timestamptz) PARTITION BY RANGE (at)",),
        run=("CREATE TABLE pb_1 PARTITION OF pb FOR VALUES FROM (clock_timestamp()) TO ('2100-01-01')",),
        instead="CREATE TABLE public.pb_1 PARTITION OF public.pb FOR VALUES FROM ('2020-01-01') TO ('2100-01-01')",
        is_equal=False),
)  # fmt: skip
