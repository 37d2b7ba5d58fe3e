-- One of everything that a snapshot may trip over.
CREATE SCHEMA "Ünïcode ""schema"" \ % $1";
SET search_path = "Ünïcode ""schema"" \ % $1";
CREATE TYPE mood AS ENUM ('sad', 'O''k', 'very happy');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TYPE place AS (street text, flat integer);
CREATE FUNCTION twice(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $f$
-- Name: twice(); Type: FUNCTION; Schema: fake; Owner: -
--
-- PostgreSQL database dump complete
--
SELECT $1 * 2; $f$;
CREATE TABLE "odd;table\name" (
    "id%s" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "tab	name" text DEFAULT 'x',
    dbl integer GENERATED ALWAYS AS (twice(3)) STORED,
    m mood, p positive, pl place, arr text[], j jsonb, x xml, b bytea, n numeric, f float8, ts timestamptz, d date,
    i interval, mo money, r int4range, mr int4multirange, bits bit(5), ip inet, reg regclass, ch char(5), v varchar
);
INSERT INTO "odd;table\name" ("tab	name", m, p, pl, arr, j, x, b, n, f, ts, d, i, mo, r, mr, bits, ip, reg, ch, v)
    VALUES (E'tab\t new\nline \\ back \\. é', 'O''k', 1, ROW('a "q"', NULL), '{NULL,"",a\"b}', '{"a": [1, null]}',
            NULL, '\x00ff5c0a', 'NaN', '-0', 'infinity', '0044-03-15 BC', '1 mon -3 days', 12.5, '[1,5)', '{[1,2)}',
            B'10101', '::1/64', 'pg_class', 'a', ''),
           (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
           ('', NULL, NULL, ROW(NULL, NULL), '{}', 'null', NULL, '', 1.00, 'Infinity', '-infinity', 'infinity', '0', 0, 'empty', '{}',
            B'00000', '10.0.0.1', NULL, '', NULL),
           ('\N', NULL, NULL, ROW('', 1), '[0:1]={a,b}', '"\\N"', NULL, '\x', 1.0, 1e-300, '294276-12-31', '4713-01-01 BC', '-1 year', -1, '(,)', '{(,)}',
            B'11111', '10.0.0.0/8', NULL, '     ', ' ');
CREATE TABLE keyless (a integer, b text);
INSERT INTO keyless VALUES (1, NULL), (1, NULL), (1, ''), (NULL, NULL);
CREATE TABLE "no columns" ();
INSERT INTO "no columns" DEFAULT VALUES;
INSERT INTO "no columns" DEFAULT VALUES;
CREATE TABLE only_generated (g integer GENERATED ALWAYS AS (1 + 1) STORED);
INSERT INTO only_generated DEFAULT VALUES;
CREATE TABLE empty_table (id integer PRIMARY KEY);
CREATE TABLE dropped_column (a integer, gone text, c integer PRIMARY KEY);
INSERT INTO dropped_column SELECT n, 'x', n FROM generate_series(1, 10) n;
ALTER TABLE dropped_column DROP COLUMN gone;
CREATE TABLE part (id integer, at date, note text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE part_2025 PARTITION OF part FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY HASH (id);
CREATE TABLE part_2025_0 PARTITION OF part_2025 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part_2025_1 PARTITION OF part_2025 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE part_rest PARTITION OF part DEFAULT;
INSERT INTO part SELECT n, date '2025-12-01' + n, n::text FROM generate_series(1, 100) n;
CREATE TABLE parent (id integer PRIMARY KEY, a text);
CREATE TABLE child (more text) INHERITS (parent);
INSERT INTO parent VALUES (1, 'p');
INSERT INTO child VALUES (1, 'c', 'm');
CREATE TABLE big (id integer PRIMARY KEY, data bytea, filler text);
INSERT INTO big SELECT n, decode(repeat(md5(n::text), 20000), 'hex'), NULL FROM generate_series(1, 9) n;
INSERT INTO big VALUES (100, decode(repeat('00ff0a5c', 700000), 'hex'), repeat('é', 900000));
CREATE TABLE wide_heap (id integer PRIMARY KEY, filler text);
ALTER TABLE wide_heap ALTER filler SET STORAGE PLAIN;
INSERT INTO wide_heap SELECT n, repeat(n::text, 300) FROM generate_series(1, 30000) n;
CREATE TABLE referring (id integer PRIMARY KEY REFERENCES dropped_column, other integer REFERENCES referring DEFERRABLE INITIALLY DEFERRED);
INSERT INTO referring VALUES (1, 2), (2, 1);
CREATE UNLOGGED TABLE not_logged (a integer);
INSERT INTO not_logged VALUES (1);
CREATE TABLE under_policy (id integer PRIMARY KEY, owner_name text);
INSERT INTO under_policy VALUES (1, 'a'), (2, 'b');
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'odd "role''s"') THEN CREATE ROLE "odd ""role's"""; END IF; END $$;
ALTER TABLE under_policy ENABLE ROW LEVEL SECURITY;
ALTER TABLE under_policy FORCE ROW LEVEL SECURITY;
CREATE POLICY p1 ON under_policy TO "odd ""role's""" USING (id = 1);
CREATE TABLE audited (id integer PRIMARY KEY, note text);
CREATE TABLE audit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO "Ünïcode ""schema"" \ % $1".audit (what) VALUES (tg_op); RETURN NEW; END $$;
CREATE TRIGGER always AFTER INSERT ON audited FOR EACH ROW EXECUTE FUNCTION audit();
ALTER TABLE audited ENABLE ALWAYS TRIGGER always;
CREATE TRIGGER ordinary AFTER INSERT ON audited FOR EACH ROW EXECUTE FUNCTION audit();
CREATE RULE always_rule AS ON UPDATE TO audited DO ALSO NOTHING;
ALTER TABLE audited ENABLE ALWAYS RULE always_rule;
INSERT INTO audited VALUES (1, 'x');
CREATE FUNCTION on_any_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE EVENT TRIGGER someones ON ddl_command_end EXECUTE FUNCTION on_any_ddl();
ALTER EVENT TRIGGER someones ENABLE ALWAYS;
CREATE VIEW v AS SELECT id, note FROM audited;
CREATE MATERIALIZED VIEW b_first AS SELECT count(*) AS n FROM keyless;
CREATE VIEW between_them AS SELECT n FROM b_first;
CREATE MATERIALIZED VIEW a_second AS SELECT n + 1 AS n FROM between_them;
CREATE MATERIALIZED VIEW unfilled AS SELECT 1 AS n WITH NO DATA;
CREATE SEQUENCE never_called START 7;
CREATE SEQUENCE called;
SELECT nextval('called'), nextval('called');
CREATE SEQUENCE was_set;
SELECT setval('was_set', 100, false);
CREATE TABLE no_identity (id integer PRIMARY KEY);
ALTER TABLE no_identity REPLICA IDENTITY NOTHING;
RESET search_path;
