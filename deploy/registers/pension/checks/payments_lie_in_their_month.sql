-- A payment is in the partition of its month.
SELECT count(*)
FROM pension.payment p LEFT JOIN pg_class c ON c.oid = p.tableoid
WHERE c.relname IS DISTINCT FROM 'payment_' || to_char(p.month, 'YYYY_MM')
