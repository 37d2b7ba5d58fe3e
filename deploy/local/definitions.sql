-- What the tables of a database are: one line for every table, column, constraint, index and view. Read on both sides, compared as text.
WITH relation AS (
    SELECT c.*, n.nspname
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relpersistence <> 't'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'embassy_local')
      AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp%'
), stored AS (
    SELECT * FROM relation WHERE relkind IN ('r', 'p')
)
SELECT nspname, relname, 'table' AS kind, '' AS name,
    concat_ws(' ', relkind, relpersistence, pg_get_partkeydef(oid), pg_get_expr(relpartbound, oid)) AS definition
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
FROM stored
JOIN pg_index i ON i.indrelid = stored.oid
UNION ALL
SELECT nspname, relname, 'view', '', pg_get_viewdef(oid)
FROM relation
WHERE relkind IN ('v', 'm')
