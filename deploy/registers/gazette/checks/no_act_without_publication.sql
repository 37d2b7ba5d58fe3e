-- Every act was printed in an issue that exists, once; an issue holds as many acts as it says, at positions without holes.
SELECT (SELECT count(*)
        FROM gazette.act a
        LEFT JOIN (SELECT p.act, count(*) AS times
                   FROM gazette.publication p JOIN gazette.issue i ON (i.part, i.year, i.number) = (p.part, p.year, p.issue)
                   GROUP BY p.act) printed ON printed.act = a.id
        WHERE printed.times IS DISTINCT FROM 1)
     + (SELECT count(*)
        FROM gazette.issue i
        LEFT JOIN (SELECT part, year, issue AS number, count(*) AS items, max(position) AS last
                   FROM gazette.publication GROUP BY 1, 2, 3) p USING (part, year, number)
        WHERE i.items IS DISTINCT FROM p.items OR i.items <> p.last)
