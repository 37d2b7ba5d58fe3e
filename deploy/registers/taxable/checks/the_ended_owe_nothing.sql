-- Whoever is no taxpayer any more has no balance.
SELECT count(*)
FROM taxable.taxpayer t JOIN taxable.balance b ON b.taxpayer = t.number
WHERE t.state = 'ended' AND b.amount <> 0
