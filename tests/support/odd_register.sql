-- A register with what is rare alone and common together: no key, deferrable keys, swaps, large values that stay,
-- exclusion, partitions in partitions, names that need quoting, types whose text has more than one form.
CREATE EXTENSION btree_gist SCHEMA public;
CREATE SCHEMA "Ärchiv ""7d1f""";
SET search_path = "Ärchiv ""7d1f""", public;

CREATE TYPE state AS ENUM ('new', 'it''s open', 'closed');
CREATE DOMAIN share AS numeric CHECK (VALUE BETWEEN 0 AND 1000000);
CREATE TYPE place AS (street text, flat integer);

CREATE TABLE "no key; 7d1f" (a integer, "Bé ""quoted""" text, c numeric);
CREATE TABLE seat (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number integer NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED,
    holder text
);
CREATE TABLE rank (place integer PRIMARY KEY DEFERRABLE INITIALLY IMMEDIATE, name text NOT NULL);
CREATE TABLE dossier_7d1f (
    id integer PRIMARY KEY, status state NOT NULL DEFAULT 'new', shown integer NOT NULL DEFAULT 0,
    "the scan 7d1f" bytea, letter text DEFAULT 'none', twice integer GENERATED ALWAYS AS (shown * 2) STORED
);
ALTER TABLE dossier_7d1f ALTER "the scan 7d1f" SET STORAGE EXTERNAL, ALTER letter SET STORAGE EXTERNAL;
CREATE TABLE booking (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), room integer NOT NULL, during tsrange NOT NULL,
    EXCLUDE USING gist (room WITH =, during WITH &&)
);
CREATE TABLE plate (id integer PRIMARY KEY, number text NOT NULL, owner text, UNIQUE (number));
CREATE UNIQUE INDEX plate_lower ON plate (lower(number)) WHERE owner IS NOT NULL;
CREATE TABLE pair (a integer, b text COLLATE "C", v jsonb, w xml, PRIMARY KEY (b, a));
CREATE TABLE tariff (rate numeric PRIMARY KEY, at timestamptz, f double precision, i interval, m money);
CREATE TABLE by_index (code text NOT NULL, part smallint NOT NULL, bits bit varying, ip inet, p place, t text[]);
CREATE UNIQUE INDEX by_index_code ON by_index (code, part);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_code;
CREATE TABLE full_image (id integer PRIMARY KEY, r int4range, d date, b bytea);
ALTER TABLE full_image REPLICA IDENTITY FULL;
CREATE TABLE ledger (id bigint, at date, amount share, note text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE ledger_old PARTITION OF ledger FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
CREATE TABLE ledger_2026 PARTITION OF ledger FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY HASH (id);
CREATE TABLE ledger_2026_0 PARTITION OF ledger_2026 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE ledger_2026_1 PARTITION OF ledger_2026 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE ledger_rest PARTITION OF ledger DEFAULT;
CREATE TABLE tray (line integer, what text);
CREATE TABLE counted (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0);
CREATE TABLE audit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text NOT NULL);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO "Ärchiv ""7d1f""".audit (what) VALUES (tg_op);
    RETURN NULL;
END
$$;
CREATE TRIGGER note AFTER UPDATE ON counted FOR EACH ROW EXECUTE FUNCTION note();
ALTER TABLE counted ENABLE ALWAYS TRIGGER note;

INSERT INTO "no key; 7d1f" SELECT n % 7, CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE 'x' END, n % 2 FROM generate_series(1, 60) n;
INSERT INTO seat (number, holder) SELECT n, 'holder ' || n FROM generate_series(1, 40) n;
INSERT INTO rank SELECT n, 'rank ' || n FROM generate_series(1, 20) n;
INSERT INTO dossier_7d1f SELECT n, 'new', 0, decode(repeat(md5(n::text), 300), 'hex'), repeat(md5(n::text || 'l'), 300) FROM generate_series(1, 40) n;
INSERT INTO booking SELECT gen_random_uuid(), n % 4, tsrange(timestamp '2026-01-01' + n * interval '1 day', timestamp '2026-01-01' + (n + 1) * interval '1 day') FROM generate_series(1, 40) n;
INSERT INTO plate SELECT n, 'EMB ' || n, 'owner ' || n FROM generate_series(1, 40) n;
INSERT INTO pair SELECT n, chr(64 + n % 26) || n, '{"a": [1, null]}', NULL FROM generate_series(1, 40) n;
INSERT INTO tariff SELECT n + 0.5, 'infinity', 'NaN', '1 mon -3 days', 12.5 FROM generate_series(1, 30) n;
INSERT INTO by_index SELECT 'code ' || n, n % 3, B'101'::bit varying, inet '::1', '("a ""q""",)'::place, '{NULL,"",a\"b}'::text[] FROM generate_series(1, 30) n;
INSERT INTO full_image SELECT n, int4range(n, n + 5), '0044-03-15 BC', NULL FROM generate_series(1, 30) n;
INSERT INTO ledger SELECT n, date '2025-12-20' + n, n, E'tab\t line\n back\\ \\. é' FROM generate_series(1, 60) n;
INSERT INTO counted SELECT n FROM generate_series(1, 5) n;
