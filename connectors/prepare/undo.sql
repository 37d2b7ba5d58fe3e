-- data-embassy: takes back what the preparation made in this database.
--
-- For the DBA: read it, then run it as a superuser in the register's own database, for example
--     embassy register prepare NAME --print-sql --undo | psql -X -v ON_ERROR_STOP=1 -d DATABASE
-- First end the capture of this register (embassy register remove NAME at home): a slot that is read cannot be dropped.
-- Running it again is harmless, and so is running it where nothing was prepared. From here on the register's changes
-- are no longer kept for the embassy: to come back, run the preparation again and take a new snapshot.
--
-- It drops: the slot, three event triggers, the publication, the schema data_embassy with the log of schema changes, and
-- the two roles unless another database needs them. Tables that the preparation gave REPLICA IDENTITY FULL get back
-- what they had.

SET client_min_messages = notice;

-- 1. The slot: it keeps write-ahead log for as long as it exists -------------------------------------------------------

SELECT pg_catalog.pg_drop_replication_slot(slot_name) AS slot_dropped
  FROM pg_catalog.pg_replication_slots
 WHERE slot_name = :'slot' AND plugin = 'pgoutput' AND database = pg_catalog.current_database();

BEGIN;
SET LOCAL search_path = pg_catalog;
SET LOCAL lock_timeout = '5s';  -- Rather fail and be run again than make the register's users queue.

DO $data_embassy$
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE EXCEPTION 'run this as a superuser: its objects belong to one';
    END IF;
END $data_embassy$;

-- 2. Event triggers first, so that nothing of what follows is noted ----------------------------------------------------

DROP EVENT TRIGGER IF EXISTS data_embassy_ddl_command_end;
DROP EVENT TRIGGER IF EXISTS data_embassy_sql_drop;
DROP EVENT TRIGGER IF EXISTS data_embassy_table_rewrite;

-- 3. The publication before the identities: without a publication no table needs one -----------------------------------

DROP PUBLICATION IF EXISTS :"publication";

-- 4. Replica identities as they were -----------------------------------------------------------------------------------

DO $data_embassy$
DECLARE
    given jsonb := '{}';  -- by oid: what the preparation found
    found record;
BEGIN
    IF to_regclass('data_embassy.given') IS NOT NULL THEN
        EXECUTE 'SELECT coalesce(jsonb_object_agg(relation::text, was), ''{}'') FROM data_embassy.given' INTO given;
    END IF;
    FOR found IN
        SELECT c.oid::regclass::text AS name, given ->> c.oid::text AS was
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= 16384 AND c.relreplident = 'f'
           AND n.nspname NOT IN ('information_schema', 'data_embassy')
         ORDER BY 1
    LOOP
        IF found.was IS NULL THEN
            RAISE NOTICE '% keeps REPLICA IDENTITY FULL: it is not noted that the preparation gave it', found.name;
        ELSIF EXISTS (SELECT FROM pg_publication) THEN
            RAISE NOTICE '% keeps REPLICA IDENTITY FULL: another publication may need it', found.name;
        ELSE
            -- An index that was its identity is gone: then the default.
            EXECUTE format('ALTER TABLE %s REPLICA IDENTITY %s', found.name,
                           CASE found.was WHEN 'n' THEN 'NOTHING' ELSE 'DEFAULT' END);
        END IF;
    END LOOP;
END $data_embassy$;

-- 5. Schema, rights and roles ------------------------------------------------------------------------------------------

DROP SCHEMA IF EXISTS data_embassy CASCADE;

DO $data_embassy$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[:'capture_role', :'pulse_role'] LOOP
        CONTINUE WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name);
        EXECUTE format('ALTER ROLE %I IN DATABASE %I RESET ALL', name, current_database());
        EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM %I', current_database(), name);
        BEGIN
            EXECUTE format('DROP ROLE %I', name);
        EXCEPTION WHEN dependent_objects_still_exist OR object_in_use THEN
            RAISE NOTICE 'role % is kept with its attributes: it is needed elsewhere or owns something', name;
        END;
    END LOOP;
END $data_embassy$;

COMMIT;
RESET client_min_messages;
