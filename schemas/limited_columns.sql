-- Columns of published tables whose type is, or is made of, one of the types in %(names)s.
WITH RECURSIVE made_of AS (
    SELECT a.attrelid AS relation, a.attnum AS number, a.atttypid AS type
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'
      AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND c.oid >= 16384
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'embassy_local')
    UNION
    SELECT m.relation, m.number, part.type
    FROM made_of m
    JOIN pg_catalog.pg_type t ON t.oid = m.type
    CROSS JOIN LATERAL (
        SELECT t.typelem WHERE t.typelem <> 0
        UNION ALL
        SELECT t.typbasetype WHERE t.typtype = 'd'
        UNION ALL
        SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
        UNION ALL
        SELECT a.atttypid FROM pg_catalog.pg_attribute a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) AS part (type)
)
SELECT n.nspname, c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), t.typname
FROM made_of m
JOIN pg_catalog.pg_type t ON t.oid = m.type AND t.typname::text = ANY (%(names)s)
JOIN pg_catalog.pg_attribute a ON a.attrelid = m.relation AND a.attnum = m.number
JOIN pg_catalog.pg_class c ON c.oid = m.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY 1, 2, a.attnum, 5
