-- What was divided or joined is closed, and had the area of what came of it.
SELECT count(*)
FROM (
    SELECT made_of, sum(area_m2) AS area FROM (
        SELECT made_of, coalesce(h.area_m2, p.area_m2) AS area_m2
        FROM land.property p LEFT JOIN land.property_history h ON h.property = p.number AND h.version = 1
        WHERE made_of <> '{}') born
    GROUP BY made_of
) made
WHERE area <> (SELECT sum(p.area_m2) FROM land.property p WHERE p.number = ANY (made.made_of) AND p.state = 'closed')
   OR cardinality(made_of) <> (SELECT count(*) FROM land.property p WHERE p.number = ANY (made.made_of) AND p.state = 'closed')
