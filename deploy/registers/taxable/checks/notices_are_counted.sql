-- A taxpayer's notices, equal ones among them, are as many as the taxpayer's record says.
SELECT count(*)
FROM taxable.taxpayer t
FULL JOIN (SELECT taxpayer, count(*) AS notices FROM taxable.notice GROUP BY taxpayer) n ON n.taxpayer = t.number
WHERE coalesce(t.notices, 0) <> coalesce(n.notices, 0) OR t.number IS NULL
