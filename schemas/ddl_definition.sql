    SELECT CASE $1
    WHEN 'pg_class'::regclass THEN (
        SELECT jsonb_strip_nulls(jsonb_build_object(
            'kind', c.relkind, 'persistence', c.relpersistence, 'identity', c.relreplident,
            'options', (SELECT array_agg(o ORDER BY o COLLATE "C") FROM unnest(c.reloptions) o),
            'row_security', nullif(c.relrowsecurity, false), 'force_row_security', nullif(c.relforcerowsecurity, false),
            'of_type', CASE WHEN c.reloftype <> 0 THEN c.reloftype::regtype::text END,
            'index', CASE WHEN c.relkind IN ('i', 'I') THEN pg_get_indexdef(c.oid) END,
            'index_flags', (SELECT to_jsonb(ARRAY[i.indisvalid, i.indisreplident, i.indisclustered, i.indisprimary])
                              FROM pg_index i WHERE i.indexrelid = c.oid),
            'view', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
            'sequence', (SELECT jsonb_build_array(s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmax, s.seqmin,
                                                  s.seqcache, s.seqcycle) FROM pg_sequence s WHERE s.seqrelid = c.oid),
            'partition_key', pg_get_partkeydef(c.oid),
            'partition_bound', pg_get_expr(c.relpartbound, c.oid),
            'parents', (SELECT jsonb_agg(h.inhparent::regclass::text ORDER BY h.inhseqno)
                          FROM pg_inherits h WHERE h.inhrelid = c.oid),
            'columns', CASE WHEN c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c') THEN (
                SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                           'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
                           'collation', CASE WHEN a.attcollation <> t.typcollation
                                             THEN a.attcollation::regcollation::text END,
                           'not_null', nullif(a.attnotnull, false), 'identity', nullif(a.attidentity, ''),
                           'generated', nullif(a.attgenerated, ''), 'default', pg_get_expr(d.adbin, d.adrelid),
                           'missing', CASE WHEN a.atthasmissing THEN (
                               SELECT string_agg(v, '') FROM unnest(a.attmissingval::text::text[]) v) END))
                           ORDER BY a.attnum)
                  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) END,
            'constraints', (SELECT jsonb_object_agg(k.conname, pg_get_constraintdef(k.oid))
                              FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype NOT IN ('n', 't')),
            'fires', (SELECT jsonb_agg(jsonb_build_array(f.kind, f.name, f.enabled) ORDER BY f.kind, f.name)
                        FROM (SELECT 'trigger', t.tgname, t.tgenabled FROM pg_trigger t
                               WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('A', 'R')
                              UNION ALL
                              SELECT 'rule', r.rulename, r.ev_enabled FROM pg_rewrite r
                               WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN' AND r.ev_enabled IN ('A', 'R'))
                             AS f(kind, name, enabled))))
          FROM pg_class c WHERE c.oid = $2)
    WHEN 'pg_proc'::regclass THEN (
        SELECT jsonb_build_object('function', CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END)
          FROM pg_proc p WHERE p.oid = $2)
    WHEN 'pg_type'::regclass THEN (
        SELECT jsonb_strip_nulls(jsonb_build_object('kind', t.typtype,
            'labels', (SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
            'attributes', (SELECT jsonb_agg(jsonb_build_array(a.attname, format_type(a.atttypid, a.atttypmod))
                                            ORDER BY a.attnum)
                             FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped),
            'base', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
            'not_null', nullif(t.typnotnull, false), 'default', t.typdefault,
            'constraints', (SELECT jsonb_object_agg(k.conname, pg_get_constraintdef(k.oid))
                              FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype <> 'n')))
          FROM pg_type t WHERE t.oid = $2)
    WHEN 'pg_trigger'::regclass THEN (
        SELECT jsonb_strip_nulls(jsonb_build_object('trigger', pg_get_triggerdef(t.oid), 'fires',
                   CASE WHEN t.tgenabled IN ('A', 'R')
                        THEN jsonb_build_array(jsonb_build_array('trigger', t.tgname, t.tgenabled)) END))
          FROM pg_trigger t WHERE t.oid = $2)
    WHEN 'pg_constraint'::regclass THEN (
        SELECT jsonb_build_object('constraint', pg_get_constraintdef(k.oid)) FROM pg_constraint k WHERE k.oid = $2)
    WHEN 'pg_rewrite'::regclass THEN (
        SELECT jsonb_build_object('rule', pg_get_ruledef(r.oid)) FROM pg_rewrite r WHERE r.oid = $2)
    WHEN 'pg_extension'::regclass THEN (
        SELECT jsonb_build_object('version', e.extversion, 'schema', e.extnamespace::regnamespace::text)
          FROM pg_extension e WHERE e.oid = $2)
    WHEN 'pg_statistic_ext'::regclass THEN jsonb_build_object('statistics', pg_get_statisticsobjdef($2))
    END
