-- In an annual report assets are liabilities and equity; every filing is that of a company, and none waits for one that is deleted.
SELECT count(*)
FROM company.filing f
LEFT JOIN company.company c ON c.code = f.company
WHERE c.code IS NULL OR (f.state = 'received' AND c.state = 'deleted')
   OR (f.kind = 'annual report' AND f.assets IS DISTINCT FROM
       (f.content #>> '{balance,liabilities}')::numeric + (f.content #>> '{balance,equity}')::numeric)
