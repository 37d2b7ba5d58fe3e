-- Columns of a table. Types are those behind domains: staging must not enforce what only the target has to enforce,
-- and format_type under search_path = pg_catalog qualifies and quotes every name that is not PostgreSQL's own.
WITH RECURSIVE behind AS (
    SELECT a.attnum, t.oid, t.typtype, t.typbasetype, a.atttypmod AS typmod, t.typtypmod
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = %(oid)s AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT b.attnum, t.oid, t.typtype, t.typbasetype, b.typtypmod, t.typtypmod
    FROM behind b JOIN pg_type t ON t.oid = b.typbasetype
    WHERE b.typtype = 'd'
)
SELECT a.attnum, a.attname, format_type(b.oid, b.typmod), n.nspname, t.typname,
       t.typtype = 'e' OR t.oid IN ('bool'::regtype, 'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'oid'::regtype,
           'uuid'::regtype, 'date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype, 'bytea'::regtype,
           'text'::regtype, 'varchar'::regtype, 'name'::regtype),
       cn.nspname, c.collname, coalesce(c.collisdeterministic, true),
       a.attgenerated <> '', a.attidentity,
       CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END
FROM pg_attribute a
JOIN behind b ON b.attnum = a.attnum AND b.typtype <> 'd'
JOIN pg_type t ON t.oid = b.oid
JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation c ON c.oid = a.attcollation
LEFT JOIN pg_namespace cn ON cn.oid = c.collnamespace
WHERE a.attrelid = %(oid)s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
