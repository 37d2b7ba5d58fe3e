-- Unique and exclusion indexes of a table, with the columns that their keys, expressions and predicates read.
SELECT i.indexrelid, i.indisprimary, i.indisreplident, i.indimmediate,
       i.indisvalid AND i.indisready AND i.indpred IS NULL AND i.indexprs IS NULL
           AND NOT EXISTS (SELECT FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
                           JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                           WHERE k.n <= i.indnkeyatts AND NOT a.attnotnull),
       coalesce((SELECT array_agg(DISTINCT d.refobjsubid) FROM pg_depend d
                 WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                   AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid), '{}')
           || (SELECT array_agg(k.attnum::int) FROM unnest(i.indkey::int2[]) AS k(attnum) WHERE k.attnum <> 0),
       c.conname, coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false')::bool,
       pg_get_expr(i.indpred, i.indrelid)
FROM pg_index i
LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x')
WHERE i.indrelid = %(oid)s AND (i.indisunique OR i.indisexclusion) AND i.indisready
ORDER BY i.indexrelid
