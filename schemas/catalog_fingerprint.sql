    SELECT count(*) || ':' || coalesce(sum(hashtextextended(t, 0)::numeric), 0)
                    || ':' || coalesce(sum(hashtextextended(t, 1)::numeric), 0)
      FROM (SELECT jsonb_build_array(n.nspname, c.relname, c.relkind, c.relpersistence, c.relreplident,
                       -- Places as they are seen: a dump gives other numbers than a table with dropped columns has,
                       -- and puts the columns that a child table inherits first.
                       CASE WHEN c.relispartition OR NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid)
                            THEN row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum) END,
                       a.attname, a.atttypid::regtype, a.atttypmod, a.attnotnull, a.attidentity, a.attgenerated,
                       a.atthasdef)::text
              FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid >= 16384
               AND n.nspname NOT IN ('information_schema', 'embassy_local')
            UNION ALL
            SELECT jsonb_build_array(n.nspname, c.relname, i.indrelid::regclass, i.indisunique, i.indisprimary,
                       i.indimmediate, i.indisreplident,
                       (SELECT jsonb_agg(a.attname ORDER BY k.place)
                          FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
                          LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number))::text
              FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relpersistence <> 't' AND c.oid >= 16384 AND c.relkind = 'i' AND i.indisvalid
               AND n.nspname NOT IN ('pg_toast', 'information_schema', 'embassy_local')
            UNION ALL
            SELECT jsonb_build_array('enum', e.enumtypid::regtype, e.enumlabel,
                       row_number() OVER (PARTITION BY e.enumtypid ORDER BY e.enumsortorder))::text
              FROM pg_enum e) AS r(t)
