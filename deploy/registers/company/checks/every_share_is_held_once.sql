-- The shares of a company, numbered from one without a gap, belong each to one holder.
SELECT count(*)
FROM company.company c
FULL JOIN (
    SELECT company, range_agg(numbers) AS numbers, sum((SELECT sum(upper(one) - lower(one)) FROM unnest(numbers) one)) AS held
    FROM company.holding GROUP BY company
) h ON h.company = c.code
WHERE coalesce(h.held, 0) IS DISTINCT FROM c.shares
   OR coalesce(h.numbers, '{}') <> int4multirange(int4range(1, c.shares + 1))
