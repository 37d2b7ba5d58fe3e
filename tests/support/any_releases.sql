-- What the harbour's developers change while people work: each paragraph is one string of a client.
-- A line `--@` says which part follows, and whose programs come or go once the string has run.

--@ part first
--@ comes man
ALTER TABLE vessel ADD COLUMN crew integer DEFAULT 12, ADD COLUMN inspected timestamptz NOT NULL DEFAULT now()

ALTER TYPE cargo_kind ADD VALUE 'vehicles' BEFORE 'liquid'

--@ comes look_ahead
CREATE TABLE berth_log_1_2027 PARTITION OF berth_log_1
    FOR VALUES FROM ('2027-01-01 00:00+00') TO ('2028-01-01 00:00+00')

--@ comes tow
CREATE TABLE "tug №" (
    id bigint GENERATED ALWAYS AS IDENTITY, vessel imo_number REFERENCES vessel ON UPDATE CASCADE ON DELETE SET NULL,
    "pull [kN]" double precision, kind cargo_kind, at timestamptz DEFAULT clock_timestamp(),
    double real GENERATED ALWAYS AS ("pull [kN]" * 2) STORED, PRIMARY KEY (id) -- a comment; "with" what 'confuses'
)

ALTER TABLE pilot ALTER COLUMN rank TYPE bigint

ALTER TABLE reading ALTER level TYPE double precision USING level * 1.5

CREATE INDEX CONCURRENTLY "by ticket; №" ON ledger (ticket DESC) WHERE value > 0

REFRESH MATERIALIZED VIEW CONCURRENTLY traffic

REFRESH MATERIALIZED VIEW "traffic total"

ALTER TABLE ledger ADD CONSTRAINT "not too much" CHECK (value < 1e9) NOT VALID

ALTER TABLE ledger VALIDATE CONSTRAINT "not too much"

--@ comes pilot_by_new_name
--@ goes pilot_by_old_name
ALTER TABLE visit RENAME COLUMN pilot TO "Lots"

ALTER TABLE berth_log_1 DETACH PARTITION berth_log_1_2025 CONCURRENTLY

ALTER TABLE berth_log_1_2025 RENAME TO "berth log of 2025"

BEGIN;
ALTER TABLE account ADD COLUMN "Owner's" text;
UPDATE account SET "Owner's" = 'unknown' || version;
ALTER TABLE account ALTER COLUMN "Owner's" SET NOT NULL, ALTER "Owner's" SET DEFAULT '';
COMMIT

BEGIN; DROP TABLE vessel CASCADE; CREATE TABLE vessel (); ROLLBACK

CREATE OR REPLACE FUNCTION week(d timestamptz) RETURNS integer LANGUAGE sql IMMUTABLE AS
    $$ SELECT (extract(epoch FROM $1) / 604800)::integer + 1 $$

CREATE TRIGGER audit AFTER UPDATE ON "tug №" FOR EACH ROW EXECUTE FUNCTION audit()

ALTER DOMAIN codes ADD CONSTRAINT few CHECK (cardinality(VALUE) < 10)

ALTER TABLE cargo ALTER count SET DEFAULT 2

--@ part later
CREATE SCHEMA insurance CREATE TABLE dropped (a integer)

CREATE TYPE insurance.term AS (share float8, lines int[])

CREATE TYPE insurance.risk AS ENUM ('low')

ALTER TYPE insurance.risk ADD VALUE 'high' AFTER 'low'

--@ comes insure
CREATE TABLE insurance.policy (
    imo integer PRIMARY KEY REFERENCES vessel ON UPDATE CASCADE ON DELETE CASCADE, terms insurance.term[],
    level insurance.risk DEFAULT 'low', since date DEFAULT current_date
)

--@ goes man
ALTER TABLE vessel DROP COLUMN crew

ALTER TABLE vessel ADD COLUMN crew text DEFAULT 'many'

UPDATE vessel SET crew = imo WHERE imo % 5 = 0

ALTER TABLE pilot ALTER COLUMN rank TYPE numeric USING rank + 0.50

ALTER TABLE manifest ALTER COLUMN read TYPE bigint

BEGIN; SET LOCAL TimeZone = 'Asia/Tokyo'; ALTER TABLE reading ALTER at TYPE timestamptz; COMMIT

CREATE TABLE berth_log_8 (LIKE berth_log)

INSERT INTO berth_log_8 VALUES (8, now(), 1, 'before')

ALTER TABLE berth_log ATTACH PARTITION berth_log_8 FOR VALUES IN (8)

DROP TABLE "berth log of 2025"

BEGIN;
ALTER TABLE manifest DROP CONSTRAINT manifest_pkey;
ALTER TABLE manifest ADD COLUMN part integer NOT NULL DEFAULT 0;
ALTER TABLE manifest ADD PRIMARY KEY (part, id);
COMMIT

ALTER TABLE cargo ADD part smallint NOT NULL DEFAULT 1, DROP CONSTRAINT cargo_pkey, ADD PRIMARY KEY (visit, part, line)

CREATE UNIQUE INDEX CONCURRENTLY badge ON pilot (badge, id)

ALTER TABLE pilot REPLICA IDENTITY FULL

--@ goes tow
ALTER TABLE "tug №" RENAME TO tug

CREATE TABLE tugs_today AS SELECT * FROM tug

DROP INDEX CONCURRENTLY "by ticket; №"

DROP TABLE insurance.dropped

DROP MATERIALIZED VIEW "traffic total"

REFRESH MATERIALIZED VIEW traffic

REFRESH MATERIALIZED VIEW never_filled

ALTER TABLE visit DROP CONSTRAINT visit_basin_quay_fkey, ADD CONSTRAINT quay FOREIGN KEY (basin, quay)
    REFERENCES "Käi/Quay" ON UPDATE CASCADE ON DELETE SET NULL NOT VALID

CREATE OR REPLACE VIEW moored AS SELECT v.imo, v.name, s.quay, s.during, v.crew
    FROM vessel v JOIN visit s ON s.vessel = v.imo WHERE state <> 'left'

ALTER SEQUENCE ticket INCREMENT 3

COMMENT ON COLUMN vessel.crew IS 'how many; a number, or not'
