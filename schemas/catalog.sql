-- What a database is made of, one line for each thing, the same text on both sides for the same thing: relation_schema, relation, kind, name, definition.
-- Left out: owners, privileges, comments; which triggers are enabled (a standby silences some); what is not replicated.
WITH relation AS (
    SELECT c.*, n.nspname
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relpersistence <> 't' AND c.oid >= 16384
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'embassy_local')
      AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp%'
), stored AS (
    SELECT * FROM relation WHERE relkind IN ('r', 'p')
), of_extension AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
)
SELECT nspname::text AS relation_schema, relname::text AS relation, 'table' AS kind, '' AS name,
    concat_ws(' ', relkind, relpersistence, relreplident, relrowsecurity, relforcerowsecurity, pg_get_partkeydef(oid), pg_get_expr(relpartbound, oid)) AS definition
FROM stored
UNION ALL
SELECT nspname, relname, 'column', attname,
    concat_ws(
        ' ', row_number() OVER (PARTITION BY stored.oid ORDER BY attnum), format_type(atttypid, atttypmod), attnotnull,
        nullif(attidentity, ''), nullif(attgenerated, ''), attstorage, attcollation::regcollation, pg_get_expr(adbin, adrelid)
    )
FROM stored
JOIN pg_attribute a ON a.attrelid = stored.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
UNION ALL
SELECT nspname, relname, 'constraint', conname, concat_ws(' ', pg_get_constraintdef(c.oid), convalidated)
FROM stored
JOIN pg_constraint c ON c.conrelid = stored.oid AND c.conparentid = 0
UNION ALL
SELECT nspname, relname, 'index', indexrelid::regclass::text, concat_ws(' ', pg_get_indexdef(indexrelid), indisvalid, indisreplident)
FROM relation
JOIN pg_index i ON i.indrelid = relation.oid
WHERE relkind IN ('r', 'p', 'm')
UNION ALL
SELECT nspname, relname, 'view', '', concat_ws(' ', relkind, relispopulated, pg_get_viewdef(oid))
FROM relation
WHERE relkind IN ('v', 'm')
UNION ALL
SELECT nspname, relname, 'trigger', tgname, pg_get_triggerdef(t.oid)
FROM relation
JOIN pg_trigger t ON t.tgrelid = relation.oid AND NOT t.tgisinternal AND t.tgparentid = 0
UNION ALL
SELECT nspname, relname, 'rule', rulename, pg_get_ruledef(r.oid)
FROM relation
JOIN pg_rewrite r ON r.ev_class = relation.oid AND r.rulename <> '_RETURN'
UNION ALL
SELECT nspname, relname, 'policy', polname,
    concat_ws(' ', polcmd, polpermissive, ARRAY(SELECT o::regrole::text FROM unnest(polroles) o ORDER BY 1), pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
FROM relation
JOIN pg_policy p ON p.polrelid = relation.oid
UNION ALL
SELECT nspname, relname, 'sequence', '', concat_ws(' ', format_type(seqtypid, NULL), seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle)
FROM relation
JOIN pg_sequence s ON s.seqrelid = relation.oid
UNION ALL
SELECT n.nspname, p.proname, 'function', pg_get_function_identity_arguments(p.oid),
    CASE p.prokind WHEN 'a' THEN 'aggregate' ELSE pg_get_functiondef(p.oid) END
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.oid >= 16384 AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'embassy_local', 'data_embassy')
  AND n.nspname NOT LIKE 'pg\_temp%'
  AND NOT EXISTS (SELECT FROM of_extension e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid)
UNION ALL
SELECT n.nspname, t.typname, 'type', '',
    concat_ws(
        ' ', t.typtype,
        CASE t.typtype
            WHEN 'e' THEN (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid)
            WHEN 'd' THEN concat_ws(' ', format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault, (
                SELECT string_agg(conname || ' ' || pg_get_constraintdef(oid), ', ' ORDER BY conname) FROM pg_constraint WHERE contypid = t.oid
            ))
            WHEN 'c' THEN (
                SELECT string_agg(quote_ident(attname) || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
                FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped
            )
            WHEN 'r' THEN (SELECT rngsubtype::regtype::text FROM pg_range WHERE rngtypid = t.oid)
        END
    )
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.oid >= 16384 AND t.typtype IN ('e', 'd', 'c', 'r') AND (t.typtype <> 'c' OR c.relkind = 'c')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'embassy_local')
  AND n.nspname NOT LIKE 'pg\_temp%'
  AND NOT EXISTS (SELECT FROM of_extension e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid)
UNION ALL
SELECT '', '', 'extension', extname, extversion
FROM pg_extension
UNION ALL
SELECT '', '', 'schema', nspname, ''
FROM pg_namespace
WHERE oid >= 16384 AND nspname NOT IN ('information_schema', 'embassy_local') AND nspname NOT LIKE 'pg\_temp%' AND nspname NOT LIKE 'pg\_toast%'
