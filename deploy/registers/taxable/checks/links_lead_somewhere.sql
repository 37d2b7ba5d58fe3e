-- Declarations, movements and balances belong to a taxpayer; a number for value added tax belongs to one alone.
SELECT (SELECT count(*)
        FROM (SELECT taxpayer FROM taxable.declaration UNION ALL SELECT taxpayer FROM taxable.movement
              UNION ALL SELECT taxpayer FROM taxable.balance) entry
        WHERE NOT EXISTS (SELECT FROM taxable.taxpayer t WHERE t.number = entry.taxpayer))
     + (SELECT count(vat_number) - count(DISTINCT vat_number) FROM taxable.taxpayer)
