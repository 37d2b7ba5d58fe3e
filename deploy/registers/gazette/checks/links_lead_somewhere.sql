-- Amendments and translations belong to a text that exists; acts are amended and repealed by acts of that kind.
SELECT (SELECT count(*)
        FROM (SELECT act, version FROM gazette.amendment UNION ALL SELECT act, version FROM gazette.translation) part
        WHERE NOT EXISTS (SELECT FROM gazette.redaction r WHERE (r.act, r.version) = (part.act, part.version)))
     + (SELECT count(*) FROM gazette.amendment_step s
        WHERE NOT EXISTS (SELECT FROM gazette.amendment a WHERE (a.act, a.version) = (s.act, s.version)))
     + (SELECT count(*) FROM gazette.amendment a LEFT JOIN gazette.act by ON by.id = a.amending_act
        WHERE (by.kind IN ('amendment', 'correction')) IS NOT TRUE)
     + (SELECT count(*) FROM gazette.act a LEFT JOIN gazette.act by ON by.id = a.repealed_by
        WHERE a.repealed_by IS NOT NULL AND (by.kind = 'repeal') IS NOT TRUE)
