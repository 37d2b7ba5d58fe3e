-- Every month has its partition until it is archived, months follow each other, and one of them at most is not yet paid: the last.
SELECT (SELECT count(*)
        FROM (SELECT 'payment_' || to_char(month, 'YYYY_MM') AS name FROM pension.month WHERE state <> 'archived') m
        FULL JOIN (
            SELECT c.relname::text AS name
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'pension.payment'::regclass
        ) p USING (name)
        WHERE m.name IS NULL OR p.name IS NULL)
     + (SELECT count(*)
        FROM (SELECT month, state, lead(month) OVER (ORDER BY month) AS next, lead(state) OVER (ORDER BY month) AS next_state
              FROM pension.month) m
        WHERE next <> month + interval '1 month' OR state IN ('open', 'staged') AND next IS NOT NULL
           OR next_state = 'archived' AND state <> 'archived')
