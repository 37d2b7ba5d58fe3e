-- A person has one pension of a kind at a time.
SELECT count(*)
FROM (SELECT during, lead(during) OVER (PARTITION BY person, kind ORDER BY during) AS next FROM pension.entitlement) e
WHERE during && next
