-- No two mortgages of a property have one rank at a time.
SELECT count(*)
FROM (SELECT during, lag(during) OVER (PARTITION BY property, rank ORDER BY during) AS before FROM land.mortgage) m
WHERE during && before
