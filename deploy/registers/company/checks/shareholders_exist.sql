-- A share belongs to a person who exists or to a company that is not deleted.
SELECT count(*)
FROM company.holding h
LEFT JOIN company.person p ON p.id = h.person
LEFT JOIN company.company o ON o.code = h.owner AND o.state <> 'deleted'
WHERE p.id IS NULL AND o.code IS NULL
