-- A company has exactly one active name, which no other has in any case; a deleted one has none.
SELECT (SELECT count(*)
        FROM company.company c
        FULL JOIN (SELECT company, count(*) AS names FROM company.name WHERE upper_inf(during) GROUP BY company) n ON n.company = c.code
        WHERE coalesce(n.names, 0) IS DISTINCT FROM CASE c.state WHEN 'deleted' THEN 0 ELSE 1 END)
     + (SELECT count(*)
        FROM (SELECT FROM company.name WHERE upper_inf(during) GROUP BY name HAVING count(*) > 1) twice)
