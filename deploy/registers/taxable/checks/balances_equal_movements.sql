-- The balance of each taxpayer and tax is the sum of its movements over all years, and counts them.
SELECT count(*)
FROM taxable.balance b
FULL JOIN (
    SELECT taxpayer, tax, sum(amount) AS amount, count(*) AS movements FROM taxable.movement GROUP BY taxpayer, tax
) m USING (taxpayer, tax)
WHERE coalesce(b.amount, 0) <> coalesce(m.amount, 0) OR coalesce(b.movements, 0) <> coalesce(m.movements, 0)
