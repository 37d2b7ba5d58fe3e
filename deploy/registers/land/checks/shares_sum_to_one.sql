-- The open shares of an active property are exactly the whole; a closed property has none.
SELECT count(*)
FROM land.property p
LEFT JOIN (
    SELECT property, sum(numerator * (14515200 / denominator)) AS parts FROM land.share WHERE upper_inf(during) GROUP BY property
) s ON s.property = p.number
WHERE coalesce(s.parts, 0) <> CASE p.state WHEN 'active' THEN 14515200 ELSE 0 END
