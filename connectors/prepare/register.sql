-- data-embassy: what a register needs before it can be captured.
--
-- For the DBA: read it, then run it once as a superuser in the register's own database, for example
--     embassy register prepare NAME --print-sql | psql -X -v ON_ERROR_STOP=1 -d DATABASE
-- Running it again is harmless; with --undo the command prints what takes everything back. It needs PostgreSQL 15 to 18
-- and wal_level = logical. It sets no passwords: give both roles one afterwards (\password). Everything later runs with
-- the two roles' small rights (docs/privileges.md says what each is for), never as superuser.
--
-- It makes: two roles; the schema data_embassy (a clock row, a log of schema changes, two tables for verification); a
-- publication of all tables; three event triggers. It changes one thing about existing tables: those without a usable
-- replica identity get REPLICA IDENTITY FULL, because PostgreSQL would refuse UPDATE and DELETE on them as soon as
-- they are published.

BEGIN;
SET LOCAL search_path = pg_catalog;
SET LOCAL lock_timeout = '5s';  -- Rather fail and be run again than make the register's users queue.
SET LOCAL client_min_messages = warning;

-- 1. Requirements ----------------------------------------------------------------------------------------------------

DO $data_embassy$
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE EXCEPTION 'run this as a superuser: FOR ALL TABLES and event triggers need one';
    END IF;
    IF current_setting('server_version_num')::integer NOT BETWEEN 150000 AND 189999 THEN
        RAISE EXCEPTION 'PostgreSQL 15 to 18 is needed, this is %', current_setting('server_version');
    END IF;
    IF current_setting('wal_level') <> 'logical' THEN
        RAISE EXCEPTION 'wal_level is %, logical is needed', current_setting('wal_level')
            USING HINT = 'ALTER SYSTEM SET wal_level = logical; then restart the server';
    END IF;
    IF current_setting('server_encoding') = 'SQL_ASCII' THEN
        RAISE EXCEPTION 'the database has the encoding SQL_ASCII: its text cannot be carried exactly';
    END IF;
END $data_embassy$;

-- 2. Roles -----------------------------------------------------------------------------------------------------------

DO $data_embassy$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'capture_role') THEN
        CREATE ROLE :"capture_role" LOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'pulse_role') THEN
        CREATE ROLE :"pulse_role" LOGIN;
    END IF;
END $data_embassy$;

-- Reads changes (REPLICATION) and takes snapshots (pg_read_all_data; BYPASSRLS, because a row that a policy hides is a
-- row that the standby lacks). pg_monitor shows which transaction a new slot waits for.
ALTER ROLE :"capture_role" LOGIN REPLICATION BYPASSRLS NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT;
GRANT pg_read_all_data, pg_monitor TO :"capture_role";
-- Advances the clock row, nothing else.
ALTER ROLE :"pulse_role" LOGIN NOREPLICATION NOBYPASSRLS NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT;
GRANT CONNECT ON DATABASE :"database" TO :"capture_role", :"pulse_role";

-- How values look as text (stream-v1 section 8), and no time limits that would cut a long snapshot.
:pinned_settings

-- 3. Schema and tables -----------------------------------------------------------------------------------------------

CREATE SCHEMA IF NOT EXISTS data_embassy;

-- Sessions that change data_embassy itself; their own DDL is not noted. Unlogged: never published.
CREATE UNLOGGED TABLE IF NOT EXISTS data_embassy.inside (backend integer PRIMARY KEY);
INSERT INTO data_embassy.inside VALUES (pg_backend_pid()) ON CONFLICT DO NOTHING;
-- Tables that got FULL from give_identity, and what they had: only for taking everything back. Unlogged likewise.
CREATE UNLOGGED TABLE IF NOT EXISTS data_embassy.given (relation oid PRIMARY KEY, was "char" NOT NULL);
COMMENT ON SCHEMA data_embassy IS 'data-embassy: clock, log of schema changes and verification of this register';

-- The register's clock: one row, one beat a second.
CREATE TABLE IF NOT EXISTS data_embassy.pulse (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    beat bigint NOT NULL,         -- always the last one + 1, computed in SQL: a skipped beat means a lost change
    at timestamptz NOT NULL,      -- the register's clock
    sequences text NOT NULL,      -- JSON: [{"schema", "name", "last_value", "is_called"}, ...]
    catalog text NOT NULL,        -- fingerprint of tables, columns, indexes, enums; '' when it was not taken
    watched text NOT NULL         -- JSON: publication and event triggers with oid and state; their loss shows here
) WITH (fillfactor = 10);
INSERT INTO data_embassy.pulse (beat, at, sequences, catalog, watched)
    VALUES (0, clock_timestamp(), '[]', '', '{}') ON CONFLICT DO NOTHING;

-- Schema changes in commit order, written by the event triggers below.
CREATE TABLE IF NOT EXISTS data_embassy.ddl (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction xid8 NOT NULL,
    at timestamptz NOT NULL,
    event text NOT NULL CHECK (event IN ('ddl_command_end', 'sql_drop', 'table_rewrite', 'mark')),
    tag text NOT NULL,            -- command tag
    schema_name text,             -- of the first object
    object_identity text,         -- of the first object
    statement text,               -- the client's whole string; NULL: that of row statement_of
    statement_of bigint,
    search_path text,
    role text,                    -- current_user of the statement
    session_role text,            -- session_user
    settings text,                -- JSON: settings that decide what the statement means
    details text NOT NULL         -- JSON: all objects; for a mark the reason
);

-- Proofs of equality at an exact position, and rows sent again to repair a difference. Both are written through the
-- functions of section 6.1 only, and rows older than a day are removed by the next proof.
CREATE TABLE IF NOT EXISTS data_embassy.checkpoint (
    id uuid NOT NULL,
    attempt integer NOT NULL,
    part integer NOT NULL CHECK (part >= 1),  -- 1: hold here; 2: the point; from 3 on: questions
    consistent_point pg_lsn,                  -- in part 2; NULL there: given up
    question text,                            -- JSON
    answer_key text,                          -- for the embassy: its answers are sealed with it
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (id, attempt, part),
    CHECK (part = 2 OR consistent_point IS NULL)
);
CREATE TABLE IF NOT EXISTS data_embassy.repair (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    checkpoint uuid NOT NULL,
    relation_schema text NOT NULL,
    relation_name text NOT NULL,
    key text NOT NULL,            -- JSON: [[column, type], ...]; the range's bounds are values of these
    range_from text,              -- JSON: the first key of the range; NULL: from the beginning
    range_to text,                -- JSON: the key behind the range; NULL: to the end
    part integer NOT NULL,        -- 1: the range is emptied first
    columns text NOT NULL,        -- JSON: the columns of the rows
    rows text NOT NULL,           -- COPY text
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Numbers the capture sessions (stream-v1 section 2: the sequence in `timeline << 32 | sequence`).
CREATE SEQUENCE IF NOT EXISTS data_embassy.capture_session MAXVALUE 4294967295 NO CYCLE;

-- 4. Replica identity ------------------------------------------------------------------------------------------------

-- Tables that would be published but on which PostgreSQL would refuse UPDATE and DELETE: no identity, NOTHING, a
-- deferrable primary key, an identity index that was dropped.
CREATE OR REPLACE FUNCTION data_embassy.unidentified(OUT relation oid, OUT is_virtual boolean) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $data_embassy$
    SELECT c.oid, EXISTS (SELECT FROM pg_attribute a
                           WHERE a.attrelid = c.oid AND a.attgenerated = 'v' AND NOT a.attisdropped)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= 16384
       AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'embassy_local')
       AND c.relreplident <> 'f'
       AND (c.relreplident = 'n' OR NOT EXISTS (
            SELECT FROM pg_index i
             WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
               AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END))
$data_embassy$;

-- Gives such tables FULL: those of `tables`, or all. Returns {"full": [...], "refused": [...]}; refused are tables
-- with virtual generated columns, where FULL would make UPDATE and DELETE fail too.
CREATE OR REPLACE FUNCTION data_embassy.give_identity(tables oid[] DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $data_embassy$
DECLARE
    found record;
    given text[] := '{}';
    refused text[] := '{}';
    was_inside boolean := EXISTS (SELECT FROM data_embassy.inside WHERE backend = pg_backend_pid());
BEGIN
    FOR found IN SELECT u.relation, u.is_virtual FROM data_embassy.unidentified() u
                  WHERE tables IS NULL OR u.relation = ANY (tables) ORDER BY u.relation
    LOOP
        IF found.is_virtual THEN
            refused := refused || found.relation::regclass::text;
            CONTINUE;
        END IF;
        INSERT INTO data_embassy.inside VALUES (pg_backend_pid()) ON CONFLICT DO NOTHING;
        INSERT INTO data_embassy.given SELECT c.oid, c.relreplident FROM pg_class c WHERE c.oid = found.relation
            ON CONFLICT DO NOTHING;
        EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', found.relation::regclass);
        given := given || found.relation::regclass::text;
    END LOOP;
    IF NOT was_inside THEN
        DELETE FROM data_embassy.inside WHERE backend = pg_backend_pid();
    END IF;
    RETURN jsonb_build_object('full', to_jsonb(given), 'refused', to_jsonb(refused));
END $data_embassy$;

-- 5. Log of schema changes -------------------------------------------------------------------------------------------

-- What an object is now, in PostgreSQL's own words, without oids, owner, rights and tablespace. The embassy asks its own
-- catalog the same after it replayed a change, and stops where the answers differ.
CREATE OR REPLACE FUNCTION data_embassy.definition(catalog oid, object oid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' SET IntervalStyle = postgres
SET TimeZone = 'UTC' SET extra_float_digits = 1 SET bytea_output = hex SET lc_monetary = 'C'
SET standard_conforming_strings = on SET quote_all_identifiers = off AS $data_embassy$
:shared ddl_definition.sql
$data_embassy$;

-- Objects of the current DDL command that are no temporary ones: {"objects": [...], "tables": [oid, ...]}.
CREATE OR REPLACE FUNCTION data_embassy.ddl_objects(event text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $data_embassy$
DECLARE
    rewritten oid;
    found jsonb;
BEGIN
    IF event = 'ddl_command_end' THEN
        SELECT jsonb_build_object(
                   'objects', jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                       'tag', d.command_tag, 'type', d.object_type, 'schema', d.schema_name,
                       'identity', d.object_identity, 'catalog', d.classid::regclass,
                       'address', (SELECT jsonb_build_array(o.type, o.object_names, o.object_args)
                                     FROM pg_identify_object_as_address(d.classid, d.objid, d.objsubid) o
                                    WHERE o.type IS NOT NULL)))
                       ORDER BY d.ordinality) FILTER (WHERE d.ordinality <= 1000 AND NOT d.in_extension),
                   'oids', jsonb_agg(jsonb_build_array(d.classid::bigint, d.objid::bigint)
                       ORDER BY d.ordinality) FILTER (WHERE d.ordinality <= 1000 AND NOT d.in_extension),
                   'tables', jsonb_agg(d.objid::bigint) FILTER (WHERE d.classid = 'pg_class'::regclass))
          INTO found
          FROM pg_event_trigger_ddl_commands() WITH ORDINALITY d
         WHERE d.schema_name IS DISTINCT FROM 'pg_temp'
           AND NOT EXISTS (SELECT FROM pg_class c WHERE c.relpersistence = 't' AND c.oid = CASE d.classid
                   WHEN 'pg_trigger'::regclass THEN (SELECT tgrelid FROM pg_trigger WHERE oid = d.objid)
                   WHEN 'pg_rewrite'::regclass THEN (SELECT ev_class FROM pg_rewrite WHERE oid = d.objid)
                   WHEN 'pg_policy'::regclass THEN (SELECT polrelid FROM pg_policy WHERE oid = d.objid)
               END)
        HAVING count(*) > 0;
    ELSIF event = 'sql_drop' THEN
        SELECT jsonb_build_object(
                   'objects', jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                       'type', d.object_type, 'schema', d.schema_name, 'identity', d.object_identity,
                       'original', nullif(d.original, false),
                       'address', jsonb_build_array(d.object_type, d.address_names, d.address_args)))
                       ORDER BY d.ordinality) FILTER (WHERE d.ordinality <= 1000))
          INTO found
          FROM pg_event_trigger_dropped_objects() WITH ORDINALITY d
         WHERE NOT d.is_temporary AND (d.original OR d.object_type IN ('table', 'table column'))
        HAVING count(*) > 0;
    ELSE
        rewritten := pg_event_trigger_table_rewrite_oid();
        SELECT jsonb_build_object('objects', jsonb_build_array(jsonb_build_object(
                   'type', 'table', 'schema', n.nspname, 'identity', c.oid::regclass::text,
                   'reason', pg_event_trigger_table_rewrite_reason())))
          INTO found
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.oid = rewritten AND c.relpersistence <> 't';
    END IF;
    RETURN found;
END $data_embassy$;

-- Writes a row into data_embassy.ddl with its owner's rights. It takes the objects from PostgreSQL, not from its
-- caller, so that calling it by hand notes nothing. What goes wrong becomes a mark: the standby stops there.
CREATE OR REPLACE FUNCTION data_embassy.note_ddl(
    event text, tag text, caller_search_path text, caller_role text, caller_settings jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $data_embassy$
DECLARE
    client_string text := current_query();
    found jsonb;
    definitions jsonb;
    identity jsonb;
    earlier bigint;
    reason text;
    state text;
BEGIN
    IF EXISTS (SELECT FROM data_embassy.inside WHERE backend = pg_backend_pid()) THEN
        RETURN;
    END IF;
    BEGIN
        found := data_embassy.ddl_objects(event);
        IF found IS NULL THEN
            RETURN;
        END IF;
        IF event = 'sql_drop' THEN
            identity := data_embassy.give_identity();
        ELSIF event = 'ddl_command_end' AND found ? 'tables' AND found -> 'tables' <> 'null' THEN
            identity := data_embassy.give_identity(
                ARRAY(SELECT value::oid FROM jsonb_array_elements_text(found -> 'tables')));
        END IF;
        IF found -> 'objects' = 'null' AND coalesce(identity -> 'full', '[]') = '[]' THEN
            RETURN;  -- A part of an extension's script: CREATE EXTENSION itself is noted.
        END IF;
        IF event = 'ddl_command_end' AND found -> 'objects' <> 'null' THEN
            -- After the identity was given: it is part of the definition.
            definitions := (SELECT jsonb_agg(coalesce(data_embassy.definition((o ->> 0)::oid, (o ->> 1)::oid), 'null')
                                             ORDER BY n)
                              FROM jsonb_array_elements(found -> 'oids') WITH ORDINALITY AS e(o, n)
                             WHERE o <> '[null, null]');
        END IF;
        -- A string of many statements fires once for each: its text is kept once per transaction.
        SELECT d.id INTO earlier FROM data_embassy.ddl d
         WHERE d.id = (SELECT max(e.id) FROM data_embassy.ddl e WHERE e.statement IS NOT NULL)
           AND d.transaction = pg_current_xact_id() AND d.statement = left(client_string, 4194304);
        INSERT INTO data_embassy.ddl (transaction, at, event, tag, schema_name, object_identity, statement,
                                      statement_of, search_path, role, session_role, settings, details)
        VALUES (pg_current_xact_id(), clock_timestamp(), event, tag, found #>> '{objects,0,schema}',
                found #>> '{objects,0,identity}', CASE WHEN earlier IS NULL THEN left(client_string, 4194304) END,
                earlier, caller_search_path, caller_role, session_user, caller_settings::text,
                jsonb_strip_nulls(jsonb_build_object(
                    'objects', found -> 'objects', 'identity', identity, 'definitions', definitions,
                    'major', current_setting('server_version_num')::integer / 10000,
                    'is_cut', nullif(length(client_string) > 4194304, false)))::text);
        IF identity -> 'refused' <> '[]' THEN
            RAISE EXCEPTION 'a table without key has virtual generated columns: %', identity -> 'refused'
                USING ERRCODE = 'feature_not_supported';
        END IF;
    EXCEPTION
    WHEN event_trigger_protocol_violated THEN
        RETURN;  -- Called by hand, outside an event trigger.
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
        INSERT INTO data_embassy.ddl (transaction, at, event, tag, statement, search_path, role, session_role, details)
        VALUES (pg_current_xact_id(), clock_timestamp(), 'mark', tag, left(client_string, 4194304),
                caller_search_path, caller_role, session_user,
                jsonb_build_object('event', event, 'sqlstate', state, 'reason', reason)::text);
    END;
END $data_embassy$;

-- Called by the event triggers with the user's rights and settings (it must not pin search_path: it reports it).
-- Everything is written out in full, so that nothing of the user's search_path is called. It lets no statement fail.
CREATE OR REPLACE FUNCTION data_embassy.on_ddl() RETURNS event_trigger
LANGUAGE plpgsql AS $data_embassy$
BEGIN
    PERFORM data_embassy.note_ddl(
        tg_event, tg_tag, pg_catalog.current_setting('search_path'), current_user::pg_catalog.text,
        pg_catalog.jsonb_build_object(
            'DateStyle', pg_catalog.current_setting('DateStyle'),
            'IntervalStyle', pg_catalog.current_setting('IntervalStyle'),
            'TimeZone', pg_catalog.current_setting('TimeZone'),
            'client_encoding', pg_catalog.current_setting('client_encoding'),
            'standard_conforming_strings', pg_catalog.current_setting('standard_conforming_strings'),
            'backslash_quote', pg_catalog.current_setting('backslash_quote'),
            'array_nulls', pg_catalog.current_setting('array_nulls'),
            'transform_null_equals', pg_catalog.current_setting('transform_null_equals'),
            'check_function_bodies', pg_catalog.current_setting('check_function_bodies'),
            'default_tablespace', pg_catalog.current_setting('default_tablespace'),
            'default_table_access_method', pg_catalog.current_setting('default_table_access_method'),
            'default_toast_compression', pg_catalog.current_setting('default_toast_compression'),
            'default_text_search_config', pg_catalog.current_setting('default_text_search_config'),
            'lc_monetary', pg_catalog.current_setting('lc_monetary'),
            'lc_numeric', pg_catalog.current_setting('lc_numeric'),
            'extra_float_digits', pg_catalog.current_setting('extra_float_digits'),
            'bytea_output', pg_catalog.current_setting('bytea_output'),
            'xmloption', pg_catalog.current_setting('xmloption')));
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'data-embassy could not note this schema change: %', SQLERRM;
END $data_embassy$;

-- 6. Clock -----------------------------------------------------------------------------------------------------------

-- State of all sequences. They are not part of the stream; pg_sequences would hide what setval(..., false) set.
CREATE OR REPLACE FUNCTION data_embassy.sequence_state() RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $data_embassy$
DECLARE
    found record;
    value bigint;
    called boolean;
    answer jsonb := '[]';
BEGIN
    IF current_setting('server_version_num')::integer >= 180000 THEN
        SELECT coalesce(jsonb_agg(jsonb_build_object('schema', n.nspname, 'name', c.relname,
                   'last_value', s.last_value, 'is_called', s.is_called) ORDER BY n.nspname, c.relname), '[]')
          INTO answer
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, pg_get_sequence_data(c.oid) s
         WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname <> 'embassy_local';
        RETURN answer;
    END IF;
    FOR found IN SELECT n.nspname, c.relname, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname <> 'embassy_local'
                  ORDER BY n.nspname, c.relname
    LOOP
        EXECUTE format('SELECT last_value, is_called FROM %I.%I', found.nspname, found.relname) INTO value, called;
        answer := answer || jsonb_build_object('schema', found.nspname, 'name', found.relname,
                                               'last_value', value, 'is_called', called);
    END LOOP;
    RETURN answer;
END $data_embassy$;

-- Fingerprint of the tables, columns, indexes and enums: two seeded sums, independent of order and of oids. The embassy
-- asks its own catalog the same (schemas/catalog_fingerprint.sql).
CREATE OR REPLACE FUNCTION data_embassy.catalog_fingerprint() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $data_embassy$
:shared catalog_fingerprint.sql
$data_embassy$;

-- Publication and event triggers as they are now. A publication that was dropped and made again has another oid.
CREATE OR REPLACE FUNCTION data_embassy.watched() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $data_embassy$
    SELECT jsonb_build_object(
        'publications', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', pubname, 'oid', oid::bigint,
                'is_all_tables', puballtables, 'insert', pubinsert, 'update', pubupdate, 'delete', pubdelete,
                'truncate', pubtruncate, 'via_root', pubviaroot,
                'generated', to_jsonb(p) ->> 'pubgencols') ORDER BY pubname), '[]')
            FROM pg_publication p WHERE pubname = :'publication'),
        'event_triggers', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', evtname, 'oid', oid::bigint,
                'event', evtevent, 'enabled', evtenabled) ORDER BY evtname), '[]')
            FROM pg_event_trigger WHERE evtname LIKE 'data\_embassy\_%'),
        'event_triggers_setting', current_setting('event_triggers', true))
$data_embassy$;

-- The only thing that the pulse role may do, but for looking at what is watched.
CREATE OR REPLACE FUNCTION data_embassy.beat(OUT new_beat bigint, OUT beat_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $data_embassy$
DECLARE
    new_sequences text := data_embassy.sequence_state()::text;
    new_catalog text;
    new_watched text := data_embassy.watched()::text;
BEGIN
    -- With very many columns the fingerprint costs more than a second's clock may: then only now and then. None is
    -- given while an index is built or dropped concurrently: that changes the catalog before its ddl row.
    IF ((SELECT reltuples < 50000 FROM pg_class WHERE oid = 'pg_attribute'::regclass)
        OR (SELECT p.beat % 60 = 0 FROM data_embassy.pulse p))
       AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_locks l ON l.relation = i.indrelid
                        WHERE NOT i.indisvalid AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted) THEN
        new_catalog := data_embassy.catalog_fingerprint();
    END IF;
    UPDATE data_embassy.pulse AS p
       SET beat = p.beat + 1,
           at = clock_timestamp(),
           -- An unchanged long value is not written, and not sent, again.
           sequences = CASE WHEN p.sequences = new_sequences THEN p.sequences ELSE new_sequences END,
           catalog = coalesce(new_catalog, ''),
           watched = CASE WHEN p.watched = new_watched THEN p.watched ELSE new_watched END
    RETURNING p.beat, p.at INTO new_beat, beat_at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'data_embassy.pulse has lost its row'
            USING ERRCODE = 'no_data_found', HINT = 'find out who removed it, run the register''s preparation again, take a new snapshot';
    END IF;
END $data_embassy$;

-- 6.1 Verification ---------------------------------------------------------------------------------------------------

-- One question to the embassy, in commit order. The capture role may ask, and change nothing else.
CREATE OR REPLACE FUNCTION data_embassy.ask(
    verification uuid, attempt integer, part integer, consistent_point pg_lsn, question text, answer_key text)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $data_embassy$
BEGIN
    IF part = 1 THEN
        DELETE FROM data_embassy.checkpoint c WHERE c.at < clock_timestamp() - interval '1 day';
        DELETE FROM data_embassy.repair r WHERE r.at < clock_timestamp() - interval '1 day';
    END IF;
    INSERT INTO data_embassy.checkpoint (id, attempt, part, consistent_point, question, answer_key)
    VALUES (verification, attempt, part, consistent_point, question, answer_key);
END $data_embassy$;

-- Keeps writers out of one table until the transaction ends, so that its rows can be sent again in commit order.
CREATE OR REPLACE FUNCTION data_embassy.lock_for_repair(relation_schema text, relation_name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $data_embassy$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = relation_schema AND c.relname = relation_name AND c.relkind = 'r'
                      AND c.relpersistence = 'p' AND c.oid >= 16384) THEN
        RAISE EXCEPTION 'no ordinary table has this name';
    END IF;
    EXECUTE format('LOCK TABLE ONLY %I.%I IN SHARE MODE', relation_schema, relation_name);
END $data_embassy$;

-- Rows of one range of a table that the caller locked.
CREATE OR REPLACE FUNCTION data_embassy.send_again(
    checkpoint uuid, relation_schema text, relation_name text, key text, range_from text, range_to text,
    part integer, columns text, rows text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $data_embassy$
    INSERT INTO data_embassy.repair
        (checkpoint, relation_schema, relation_name, key, range_from, range_to, part, columns, rows)
    VALUES (checkpoint, relation_schema, relation_name, key, range_from, range_to, part, columns, rows)
$data_embassy$;

-- 7. Rights ----------------------------------------------------------------------------------------------------------

REVOKE ALL ON ALL TABLES IN SCHEMA data_embassy FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA data_embassy FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA data_embassy FROM PUBLIC;
REVOKE ALL ON SCHEMA data_embassy FROM PUBLIC;
-- Event triggers call on_ddl as whoever runs the DDL; on_ddl calls note_ddl.
GRANT USAGE ON SCHEMA data_embassy TO PUBLIC;
GRANT EXECUTE ON FUNCTION data_embassy.on_ddl() TO PUBLIC;
GRANT EXECUTE ON FUNCTION data_embassy.note_ddl(text, text, text, text, jsonb) TO PUBLIC;
GRANT EXECUTE ON FUNCTION data_embassy.beat(), data_embassy.watched() TO :"pulse_role";
GRANT EXECUTE ON FUNCTION data_embassy.unidentified(), data_embassy.watched(), data_embassy.sequence_state()
    TO :"capture_role";
GRANT EXECUTE ON FUNCTION data_embassy.ask(uuid, integer, integer, pg_lsn, text, text),
    data_embassy.lock_for_repair(text, text),
    data_embassy.send_again(uuid, text, text, text, text, text, integer, text, text) TO :"capture_role";
GRANT SELECT ON ALL TABLES IN SCHEMA data_embassy TO :"capture_role";
GRANT USAGE, SELECT ON SEQUENCE data_embassy.capture_session TO :"capture_role";

-- 8. Identity first, then the publication, then the event triggers -----------------------------------------------------

DO $data_embassy$
DECLARE
    answer jsonb := data_embassy.give_identity();
    options text := 'publish = ''insert, update, delete, truncate'', publish_via_partition_root = false';
    present pg_publication;
    event text;
BEGIN
    IF answer -> 'refused' <> '[]' THEN
        RAISE EXCEPTION 'tables without a key that have virtual generated columns: %', answer -> 'refused'
            USING HINT = 'give them a primary key: published, every UPDATE and DELETE on them would fail';
    END IF;
    IF current_setting('server_version_num')::integer >= 180000 THEN
        -- Without it FULL on a table with stored generated columns would make UPDATE and DELETE fail.
        options := options || ', publish_generated_columns = stored';
    END IF;
    SELECT * INTO present FROM pg_publication WHERE pubname = :'publication';
    IF NOT FOUND THEN
        EXECUTE format('CREATE PUBLICATION %I FOR ALL TABLES WITH (%s)', :'publication', options);
    ELSIF NOT present.puballtables THEN
        RAISE EXCEPTION 'publication % exists but is not FOR ALL TABLES', :'publication'
            USING HINT = 'choose another name in the register''s contract';
    ELSIF NOT (present.pubinsert AND present.pubupdate AND present.pubdelete AND present.pubtruncate)
          OR present.pubviaroot OR coalesce(to_jsonb(present) ->> 'pubgencols', 's') <> 's' THEN
        EXECUTE format('ALTER PUBLICATION %I SET (%s)', :'publication', options);
    END IF;
    FOREACH event IN ARRAY ARRAY['ddl_command_end', 'sql_drop', 'table_rewrite'] LOOP
        IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'data_embassy_' || event) THEN
            EXECUTE format('CREATE EVENT TRIGGER %I ON %s EXECUTE FUNCTION data_embassy.on_ddl()',
                           'data_embassy_' || event, event);
        END IF;
        IF EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'data_embassy_' || event AND evtenabled <> 'A') THEN
            -- ALWAYS: also for sessions with session_replication_role = replica.
            EXECUTE format('ALTER EVENT TRIGGER %I ENABLE ALWAYS', 'data_embassy_' || event);
        END IF;
    END LOOP;
END $data_embassy$;

DELETE FROM data_embassy.inside WHERE backend = pg_backend_pid();
COMMIT;

-- Tables that others made while the transaction above was open did not meet its event triggers.
SET lock_timeout = '5s';
SELECT data_embassy.give_identity() AS identity_given_late;
RESET lock_timeout;
