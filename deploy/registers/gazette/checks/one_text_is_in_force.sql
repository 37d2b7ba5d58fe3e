-- An act has all its texts from version 0 on, each in force until the next one is; the last one for good, unless the act was repealed.
SELECT (SELECT count(*)
        FROM gazette.act a
        LEFT JOIN (SELECT act, count(*) AS versions, max(version) AS last, bool_or(upper_inf(in_force)) AS is_in_force
                   FROM gazette.redaction GROUP BY act) r ON r.act = a.id
        WHERE r.act IS NULL OR r.versions <> a.version + 1 OR r.last <> a.version
           OR r.is_in_force <> (a.repealed_by IS NULL))
     + (SELECT count(*)
        FROM (SELECT lower(in_force) AS begins, lag(upper(in_force)) OVER w AS ended, lag(act) OVER w AS before
              FROM gazette.redaction WINDOW w AS (PARTITION BY act ORDER BY version)) r
        WHERE before IS NOT NULL AND begins IS DISTINCT FROM ended)
