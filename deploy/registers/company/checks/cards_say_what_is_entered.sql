-- A company's card has its name letter by letter, its board, its shares and its entries, which are numbered without a gap.
SELECT count(*)
FROM company.company c
LEFT JOIN company.name n ON n.company = c.code AND upper_inf(n.during)
LEFT JOIN (SELECT company, jsonb_agg(person ORDER BY person) AS board
           FROM company.member WHERE upper_inf(during) GROUP BY company) m ON m.company = c.code
FULL JOIN (SELECT company, count(*) AS entries, max(number) AS newest FROM company.entry GROUP BY company) e ON e.company = c.code
WHERE c.card IS DISTINCT FROM jsonb_build_object(
        'name', n.name::text, 'board', coalesce(m.board, '[]'), 'shares', c.shares, 'entries', e.entries)
   OR (c.entries, c.entries) IS DISTINCT FROM (e.entries, e.newest)
