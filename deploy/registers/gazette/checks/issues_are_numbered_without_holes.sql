-- The issues of a part in a year are numbered from 1 on without a hole, and none comes out before the one before it.
SELECT (SELECT count(*)
        FROM gazette.volume v
        LEFT JOIN (SELECT part, year, count(*) AS issues, max(number) AS last FROM gazette.issue GROUP BY 1, 2) i USING (part, year)
        WHERE coalesce(i.issues, 0) <> v.issues OR i.last <> v.issues)
     + (SELECT count(*)
        FROM (SELECT published_on, lag(published_on) OVER (PARTITION BY part, year ORDER BY number) AS before FROM gazette.issue) i
        WHERE published_on < before)
