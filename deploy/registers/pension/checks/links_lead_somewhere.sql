-- Pensions rest on a decision about their holder; payments go to somebody, for a month that there is.
SELECT (SELECT count(*)
        FROM pension.entitlement e LEFT JOIN pension.decision d ON d.id = e.decision
        WHERE d.id IS NULL OR d.person <> e.person
           OR NOT EXISTS (SELECT FROM pension.insured i WHERE i.number = e.person))
     + (SELECT count(*) FROM pension.payment p
        WHERE NOT EXISTS (SELECT FROM pension.insured i WHERE i.number = p.person)
           OR NOT EXISTS (SELECT FROM pension.month m WHERE m.month = p.month))
