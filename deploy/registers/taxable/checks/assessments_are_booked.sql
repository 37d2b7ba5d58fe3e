-- What was assessed on a taxpayer's declarations is what was booked against the taxpayer.
SELECT count(*)
FROM (SELECT taxpayer, sum(tax) AS tax FROM taxable.declaration GROUP BY taxpayer) d
FULL JOIN (
    SELECT taxpayer, -sum(amount) AS tax FROM taxable.movement WHERE kind = 'assessment' GROUP BY taxpayer
) m USING (taxpayer)
WHERE coalesce(d.tax, 0) <> coalesce(m.tax, 0)
