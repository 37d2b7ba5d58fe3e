-- Key columns of an index: the column (0 for an expression), its expression, the collation it is compared under, and
-- the operators that decide: the exclusion operator where there is one, otherwise the equality of the operator class.
-- A unique index that is no btree (WITHOUT OVERLAPS) compares its keys by the default equality of their types.
SELECT k.attnum, pg_get_indexdef(i.indexrelid, k.n::int, false), cn.nspname, c.collname,
       coalesce(c.collisdeterministic, true), coalesce(i.indcollation[k.n - 1] = a.attcollation, false),
       coalesce(en.nspname, 'pg_catalog'), coalesce(e.oprname, '='),
       coalesce(ln.nspname, 'pg_catalog'), coalesce(l.oprname, '<'),
       xn.nspname, x.oprname
FROM pg_index i
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
JOIN pg_opclass o ON o.oid = i.indclass[k.n - 1]
LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0
LEFT JOIN pg_collation c ON c.oid = i.indcollation[k.n - 1]
LEFT JOIN pg_namespace cn ON cn.oid = c.collnamespace
LEFT JOIN pg_am m ON m.oid = o.opcmethod
LEFT JOIN pg_amop ea ON m.amname = 'btree' AND ea.amopfamily = o.opcfamily AND ea.amopstrategy = 3
    AND ea.amoplefttype = o.opcintype AND ea.amoprighttype = o.opcintype
LEFT JOIN pg_operator e ON e.oid = ea.amopopr
LEFT JOIN pg_namespace en ON en.oid = e.oprnamespace
LEFT JOIN pg_amop la ON m.amname = 'btree' AND la.amopfamily = o.opcfamily AND la.amopstrategy = 1
    AND la.amoplefttype = o.opcintype AND la.amoprighttype = o.opcintype
LEFT JOIN pg_operator l ON l.oid = la.amopopr
LEFT JOIN pg_namespace ln ON ln.oid = l.oprnamespace
LEFT JOIN pg_constraint xc ON xc.conindid = i.indexrelid AND xc.conexclop IS NOT NULL
LEFT JOIN pg_operator x ON x.oid = xc.conexclop[k.n]
LEFT JOIN pg_namespace xn ON xn.oid = x.oprnamespace
WHERE i.indexrelid = %(index)s AND k.n <= i.indnkeyatts
ORDER BY k.n
